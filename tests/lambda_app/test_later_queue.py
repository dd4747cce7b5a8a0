"""Notes of what is due later on Lambda: sent to the queue, and back in a batch."""

import json
import re
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.validate import validate_parameters

from poker_signal.core import later
from poker_signal.core.configuration import Rules
from poker_signal.core.later import LAST_STEP, LOBBY_S, STEP_S
from poker_signal.core.messages import KEEPALIVE
from poker_signal.core.model import ConnectionId, Later, Lobby, Watch
from poker_signal.lambda_app import handler as module
from poker_signal.lambda_app import later_queue
from poker_signal.lambda_app.clients import sqs_client
from poker_signal.lambda_app.handler import make_handler
from poker_signal.lambda_app.later_queue import LaterQueue, is_batch, records_of
from tests.core.build import AT, row
from tests.lambda_app import ENVIRONMENT
from tests.lambda_app.build import (
    ALICE,
    BOB,
    ENDPOINT,
    HOST,
    JOIN,
    OK,
    Capture,
    Container,
    ScriptedQueue,
    batch,
    connect,
    due_record,
    frame,
    logged,
    message,
    sqs_record,
)
from tests.lambda_app.loopback import Answer, Endpoint
from tests.support.dynamodb import client_error

URL = "https://sqs.us-west-2.amazonaws.com/123456789012/poker-signaling-later"
WATCHED = Rules(later=True)
WATCH = Watch(ALICE.connection_id, HOST.connection_id, "null", None)
LOBBY = Lobby(HOST.connection_id)
NONE_FAILED: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the time at which notes come back: an event of SQS has no time of its own."""
    clock = SimpleNamespace(time_ns=lambda: AT * 1_000_000_000, perf_counter=lambda: 0.0)
    monkeypatch.setattr(module, "time", clock)


@pytest.fixture
def queue() -> ScriptedQueue:
    """Return a queue that keeps the notes."""
    return ScriptedQueue()


# A note is sent


def test_a_delivered_join_is_watched_after_its_post(queue: ScriptedQueue, capsys: Capture) -> None:
    """The note is sent after the post, so that no offer waits for it."""
    container = Container(HOST, ALICE, rules=WATCHED, queue=queue)
    container.connections.before_post = lambda: queue.sent.clear()
    assert container(message(ALICE, JOIN)) == OK
    assert container.heard(HOST) == [frame("join", ALICE)]
    assert queue.sent == [(Later(STEP_S, WATCH), "https://management.example")]
    assert logged(capsys)["effects"] == {"Post": 1, "Later": 1}


def test_a_lobby_begins_at_the_connect_of_a_host(queue: ScriptedQueue) -> None:
    """A host's connection is kept open from its connect; that of a player is not."""
    container = Container(rules=WATCHED, queue=queue, management_endpoint=None)
    container(connect(HOST))
    container(connect(ALICE))
    assert queue.sent == [(Later(LOBBY_S, LOBBY), ENDPOINT)]


def test_a_player_is_joined_from_its_connect_on(queue: ScriptedQueue) -> None:
    """With ``AUTO_JOIN`` the watch begins at a player's connect, without a host."""
    container = Container(HOST, rules=Rules(later=True, auto_join=True), queue=queue)
    container(connect(ALICE))
    ((effect, _),) = queue.sent
    payload = '{"playerName":"Alice"}'
    assert effect == Later(STEP_S, Watch(ALICE.connection_id, None, payload, None))


def test_without_a_queue_nothing_is_due(capsys: Capture) -> None:
    """Without the queue everything else works as before."""
    for rules in (Rules(), WATCHED):
        container = Container(HOST, ALICE, rules=rules)
        assert container(message(ALICE, JOIN)) == OK
        assert container.heard(HOST) == [frame("join", ALICE)]
        assert "NotWatched" not in logged(capsys)["effects"]


@pytest.mark.parametrize(
    "failure",
    [
        client_error("AccessDenied", 403),
        client_error("InternalError", 500),
        ConnectTimeoutError(endpoint_url="https://aws"),
    ],
    ids=["403", "500", "hangs"],
)
def test_a_queue_that_fails_costs_no_message(
    failure: Exception, queue: ScriptedQueue, capsys: Capture
) -> None:
    """The join is delivered and answered as usual, and the log counts ``NotWatched``."""
    queue.failure = failure
    container = Container(HOST, ALICE, rules=WATCHED, queue=queue)
    assert container(message(ALICE, '{"type":"join","id":"1"}')) == OK
    assert container.heard(HOST) == [frame("join", ALICE)]
    assert [json.loads(told)["type"] for told in container.heard(ALICE)] == ["ack"]
    line = logged(capsys)
    assert (line["outcome"], line["Failures"]) == ("delivered", 0)
    assert line["effects"] == {"Post": 2, "Later": 1, "NotWatched": 1}
    # A connect is not refused either.
    assert container(connect(row("HOST", 9))) == OK
    assert logged(capsys)["effects"] == {"Save": 1, "Later": 1, "NotWatched": 1}


def test_a_bug_in_the_queue_is_a_failure(queue: ScriptedQueue, capsys: Capture) -> None:
    """Only AWS's failures are harmless: a bug is raised, and logged with its traceback."""
    queue.failure = TypeError()
    container = Container(HOST, ALICE, rules=WATCHED, queue=queue)
    with pytest.raises(TypeError):
        container(message(ALICE, JOIN))
    assert logged(capsys)["outcome"] == "failed"


def test_joining_again_and_again_sends_one_note(queue: ScriptedQueue) -> None:
    """One join of a connection is watched at a time, so that no client fills the queue."""
    container = Container(HOST, ALICE, rules=WATCHED, queue=queue)
    for _ in range(5):
        container(message(ALICE, JOIN))
    assert len(queue.sent) == 1


# The client of SQS


def _sends() -> list[tuple[Later, Any]]:
    """Return effects of all kinds with the ``DelaySeconds`` of each."""
    long_watch = WATCH._replace(payload=json.dumps("🂡" * 2000), id="j1", step=5, offered=3)
    return [
        (Later(STEP_S, WATCH), 3),
        (Later(STEP_S, long_watch), 3),
        (Later(LOBBY_S, LOBBY), 540),
        # SQS refuses more.
        (Later(7000, LOBBY._replace(hop=13)), 900),
        (Later(2.6, LOBBY), 3),
    ]


class Recorder:
    """A client that keeps the arguments of its calls."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def send_message(self, **arguments: Any) -> None:
        """Keep the arguments."""
        self.calls.append(arguments)


@pytest.mark.parametrize(("effect", "delay_s"), _sends())
def test_the_arguments_are_those_of_sqs(
    effect: Later, delay_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arguments are valid by botocore's model of SQS, because the client does not check them.

    The note comes back from the body as it was.
    """
    client = Recorder()
    monkeypatch.setattr(later_queue, "sqs_client", lambda: client)
    LaterQueue(URL).send(effect, ENDPOINT)
    (arguments,) = client.calls
    model = botocore.session.get_session().get_service_model("sqs")
    validate_parameters(arguments, model.operation_model("SendMessage").input_shape)
    assert (arguments["QueueUrl"], arguments["DelaySeconds"]) == (URL, delay_s)
    # The limit of SQS, of which a payload in UTF-8 takes at most a twentieth.
    assert len(arguments["MessageBody"].encode()) < 262_144
    (record,) = records_of(batch(sqs_record(arguments["MessageBody"], "m-7")))
    assert record == ("m-7", effect.note, ENDPOINT)


def test_a_note_goes_over_the_wire(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function's own client sends one request, and none again after a failure."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", endpoint.url)
    LaterQueue(URL).send(Later(STEP_S, WATCH), ENDPOINT)
    (sent,) = endpoint.sent
    assert sent.target == "AmazonSQS.SendMessage"
    body = json.loads(sent.body)
    assert body.keys() == {"QueueUrl", "DelaySeconds", "MessageBody"}
    endpoint.answer = Answer(500, "InternalFailure")
    with pytest.raises(Exception, match="SendMessage"):
        LaterQueue(URL).send(Later(STEP_S, WATCH), ENDPOINT)
    assert len(endpoint.sent) == 2


def test_the_client_is_made_with_the_first_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cold start makes no client of SQS; the first note makes one, and later notes use it."""
    made: list[Recorder] = []

    def make() -> Recorder:
        made.append(Recorder())
        return made[-1]

    monkeypatch.setattr(later_queue, "sqs_client", make)
    make_handler({**ENVIRONMENT, "LATER_QUEUE_URL": URL})
    assert made == []
    queue = LaterQueue(URL)
    container = Container(HOST, ALICE, BOB, rules=WATCHED, queue=queue)
    at_post: list[int] = []
    container.connections.before_post = lambda: at_post.append(len(made))
    container(message(ALICE, JOIN))
    container(message(BOB, JOIN))
    assert at_post == [0, 1]
    assert [len(client.calls) for client in made] == [2]


def test_the_client_has_the_limits_of_the_others() -> None:
    """The client has one attempt: a lost note fails no message."""
    client = sqs_client()
    config = client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries["total_max_attempts"] == 1
    client.close()


# A batch comes back


def test_a_join_without_an_offer_is_delivered_again(queue: ScriptedQueue, capsys: Capture) -> None:
    """The same join goes to the host again, and the next look is planned at the same endpoint."""
    container = Container(HOST, ALICE, rules=WATCHED, queue=queue, management_endpoint=None)
    assert container(batch(due_record(WATCH))) == NONE_FAILED
    assert container.heard(HOST) == [frame("join", ALICE)]
    assert container.endpoints == [ENDPOINT]
    assert queue.sent == [(Later(STEP_S, WATCH._replace(step=2)), ENDPOINT)]
    line = logged(capsys)
    assert (line["due"], line["connectionId"], line["stage"]) == ("Watch", "Alice-1", "prod")
    assert (line["outcome"], line["effects"]) == ("delivered", {"Post": 1, "Later": 1})
    assert "routeKey" not in line


def test_a_watch_ends_with_a_sentence(queue: ScriptedQueue, capsys: Capture) -> None:
    """At the last look the player hears ``NO_ANSWER``, with the ``id`` of its join."""
    container = Container(HOST, ALICE, rules=WATCHED, queue=queue)
    container(batch(due_record(WATCH._replace(step=LAST_STEP, id="j1"))))
    (told,) = container.heard(ALICE)
    assert json.loads(told)["payload"]["code"] == "NO_ANSWER"
    assert json.loads(told)["id"] == "j1"
    assert logged(capsys)["code"] == "NO_ANSWER"
    assert queue.sent == []


@pytest.mark.parametrize(
    ("rows", "calls"),
    [
        ((), ["row"]),
        ((row("HOST", 0, reached=[ALICE]), row("Alice", 1, reached=[HOST])), ["row", "row"]),
        ((HOST, ALICE), ["row", "row", "read_room"]),
        ((row("HOST", 0, reached=[ALICE]), ALICE), ["row", "row", "read_room"]),
    ],
    ids=["gone", "both ways", "no offer", "an offer"],
)
def test_a_settled_watch_reads_no_game(
    rows: tuple[Any, ...], calls: list[str], queue: ScriptedQueue
) -> None:
    """Two consistent reads settle most watches."""
    container = Container(*rows, rules=WATCHED, queue=queue)
    assert container(batch(due_record(WATCH))) == NONE_FAILED
    assert container.table.calls == calls


def test_what_the_host_has_reached_is_read_consistently(queue: ScriptedQueue) -> None:
    """The index may lag: an offer that the table has is not asked for again."""
    container = Container(row("HOST", 0, reached=[ALICE]), ALICE, rules=WATCHED, queue=queue)
    container.table.not_yet_in_index |= {HOST.connection_id, ALICE.connection_id}
    assert container(batch(due_record(WATCH))) == NONE_FAILED
    assert container.connections.posted == []
    assert queue.sent[0][0].note == WATCH._replace(step=2, offered=1)


def test_a_lobby_is_kept_open(queue: ScriptedQueue, capsys: Capture) -> None:
    """The host gets a keep-alive, and the next one is planned; one read, by its key."""
    container = Container(HOST, rules=WATCHED, queue=queue)
    assert container(batch(due_record(LOBBY))) == NONE_FAILED
    assert container.heard(HOST) == [KEEPALIVE]
    assert container.table.calls == ["row"]
    assert queue.sent[0][0] == Later(LOBBY_S, LOBBY._replace(hop=2))
    assert logged(capsys)["due"] == "Lobby"


def test_a_host_without_a_row_is_closed(queue: ScriptedQueue) -> None:
    """No connection believes that it is in a game without being in one."""
    container = Container(rules=WATCHED, queue=queue)
    assert container(batch(due_record(LOBBY))) == NONE_FAILED
    assert container.connections.closed == [HOST.connection_id]
    assert queue.sent == []


def test_a_bad_record_fails_alone(queue: ScriptedQueue, capsys: Capture) -> None:
    """A note whose work fails is reported alone, and comes once more; the others are done."""
    container = Container(HOST, ALICE, BOB, rules=WATCHED, queue=queue)
    bob = WATCH._replace(connection_id=BOB.connection_id)
    read = container.table.row

    def row_of(connection_id: ConnectionId) -> Any:
        if connection_id == BOB.connection_id:
            raise client_error("InternalServerError", 500)
        return read(connection_id)

    container.table.row = row_of  # type: ignore[method-assign]
    records = (due_record(WATCH, "m-1"), due_record(bob, "m-2"), due_record(LOBBY, "m-3"))
    assert container(batch(*records)) == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    assert container.heard(HOST) == [frame("join", ALICE), KEEPALIVE]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["outcome"] for line in lines] == ["delivered", "failed", "delivered"]
    assert [line["Failures"] for line in lines] == [0, 1, 0]
    assert "in _decide" in lines[1]["traceback"]


NOTE = json.loads(later.text_of(WATCH))
FOREIGN = {
    "no JSON": "?",
    "empty": "",
    "another value": "[]",
    "null": "null",
    "too deep": "[" * 100_000,
    "another program's": '{"Type":"Notification","Message":"?"}',
    "no note": json.dumps({"endpoint": ENDPOINT}),
    "no endpoint": json.dumps({"note": NOTE}),
    "an endpoint that is no text": json.dumps({"note": NOTE, "endpoint": 7}),
    "an unknown kind": json.dumps({"endpoint": ENDPOINT, "note": {**NOTE, "note": "alarm"}}),
    "a member too many": json.dumps({"endpoint": ENDPOINT, "note": {**NOTE, "more": 1}}),
    "a member of another type": json.dumps({"endpoint": ENDPOINT, "note": {**NOTE, "step": "1"}}),
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
def test_a_message_that_is_not_ours_is_dropped(
    body: str, queue: ScriptedQueue, capsys: Capture
) -> None:
    """A foreign message, or a note of an unknown kind, is dropped: it would never succeed."""
    container = Container(HOST, ALICE, rules=WATCHED, queue=queue)
    assert container(batch(sqs_record(body, "m-1"), due_record(LOBBY, "m-2"))) == NONE_FAILED
    assert container.heard(HOST) == [KEEPALIVE]
    assert logged(capsys)["due"] == "Lobby"


def test_only_messages_of_sqs_are_a_batch() -> None:
    """Events of API Gateway, and records of other services, are not taken for a batch."""
    assert is_batch(batch(due_record(LOBBY)))
    others: list[Any] = [
        batch(),
        batch({**due_record(LOBBY), "eventSource": "aws:sns"}),
        {"Records": "aws:sqs"},
        {"Records": ["aws:sqs"]},
        message(ALICE, JOIN),
        [],
        None,
    ]
    assert not any(map(is_batch, others))


def test_no_line_of_a_note_has_a_name_or_a_payload(queue: ScriptedQueue, capsys: Capture) -> None:
    """A note holds a join's payload, and its line of the log does not."""
    player = row("Zq7", 1, connection_id="A", game_id="Zq7-game")
    host = row("HOST", 0, game_id="Zq7-game")
    container = Container(host, player, rules=WATCHED, queue=queue)
    note = Watch(player.connection_id, host.connection_id, '{"playerName":"Zq7"}', "Zq7")
    container(batch(due_record(note), due_record(note._replace(step=LAST_STEP))))
    container.connections.failures["post"] = RuntimeError("Zq7")
    container(batch(due_record(note)))
    said = capsys.readouterr().out
    assert said.count("\n") == 3
    assert not re.search("Zq7|playerName|amazonaws", said)


# Several containers


def test_a_note_is_done_by_any_container(queue: ScriptedQueue) -> None:
    """A container that has never seen the connection decides the same, from the rows alone."""
    first = Container(HOST, ALICE, rules=WATCHED, queue=queue)
    second = Container(rules=WATCHED, queue=queue)
    second.table.rows = first.table.rows
    first(message(ALICE, JOIN))
    for container in (second, first, second):
        ((effect, _),) = queue.sent
        queue.sent.clear()
        assert container(batch(due_record(effect.note))) == NONE_FAILED
    assert second.heard(HOST) == [frame("join", ALICE)] * 2
    assert first.heard(HOST) == [frame("join", ALICE)] * 2
    # The offer and the answer end it, whichever container relayed them.
    first(message(HOST, '{"type":"offer","targetId":"Alice"}'))
    second(message(ALICE, '{"type":"answer","targetId":"HOST"}'))
    ((effect, _),) = queue.sent
    queue.sent.clear()
    assert first(batch(due_record(effect.note))) == NONE_FAILED
    assert queue.sent == []


def test_a_note_that_comes_twice_does_no_harm(queue: ScriptedQueue) -> None:
    """SQS may deliver a note twice: the host gets a join more, and at the end nothing is left."""
    container = Container(HOST, ALICE, rules=WATCHED, queue=queue)
    twice = batch(due_record(WATCH, "m-1"), due_record(WATCH, "m-2"))
    assert container(twice) == NONE_FAILED
    assert container.heard(HOST) == [frame("join", ALICE)] * 2
    container.table.rows.clear()
    for effect, _ in queue.sent[:]:
        container(batch(due_record(effect.note)))
    assert len(queue.sent) == 2


def test_a_watch_of_a_host_that_was_replaced_goes_to_the_new_one(queue: ScriptedQueue) -> None:
    """The join goes to the owner of the name at that moment."""
    newer = row("HOST", 9)
    container = Container(HOST, newer, ALICE, rules=WATCHED, queue=queue)
    container(batch(due_record(WATCH)))
    assert container.heard(newer) == [frame("join", ALICE)]
    assert queue.sent[0][0].note == WATCH._replace(step=2, host=newer.connection_id)
