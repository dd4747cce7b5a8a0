"""The Lambda host: reads, effects and answers of each event.

The state after failures is tested in test_failures.py.
"""

import json
import os

import pytest

from poker_signal.core.configuration import Rules
from poker_signal.core.model import Row
from poker_signal.core.routing import PAUSES_S
from poker_signal.core.tickets import read_keys, sign
from poker_signal.lambda_app import handler as module
from poker_signal.lambda_app.clients import management_client
from poker_signal.lambda_app.environment import BadSetting
from poker_signal.lambda_app.handler import MAX_REMEMBERED, make_handler
from poker_signal.lambda_app.ticket_keys import TicketKeys
from tests.core.build import AT, reserved, row, young
from tests.lambda_app import ENVIRONMENT
from tests.lambda_app.build import (
    ALICE,
    BOB,
    CANDIDATE,
    DOMAIN,
    HOST,
    JOIN,
    OFFER,
    OK,
    Capture,
    Container,
    Ssm,
    connect,
    disconnect,
    frame,
    logged,
    message,
    saved,
    with_session,
)
from tests.lambda_app.loopback import Endpoint

# $connect


def test_a_player_without_a_session_costs_no_read_where_seats_do_not_count(
    capsys: Capture,
) -> None:
    """Without seats and session no rule needs the game, so a connect reads nothing."""
    container = Container(rules=Rules(seats=0))
    assert container(connect(ALICE)) == OK
    assert container.table.calls == ["save"]
    (stored,) = container.table.rows.values()
    assert (stored.player_id, stored.connected_at) == ("Alice", ALICE.connected_at)
    assert stored.ttl == AT - 59 + 7200
    line = logged(capsys)
    assert (line["outcome"], line["effects"]) == ("connected", {"Save": 1})


def test_a_full_game_is_probed_three_times_and_then_not_for_a_while(capsys: Capture) -> None:
    """A newcomer to a full game costs at most three probes; for 5 s the next one costs none."""
    players = [row(f"P{number}", number) for number in range(6)]
    container = Container(HOST, *players, rules=Rules(seats=6))
    for at_s, probes in ((0, 3), (4, 0), (5, 3)):
        event = connect(row("Carol", 9))
        event["requestContext"]["requestTimeEpoch"] += at_s * 1000
        event["requestContext"]["connectedAt"] += at_s * 1000
        assert container(event)["statusCode"] == 403
        line = logged(capsys)
        assert (line["code"], line["effects"].get("Probe", 0)) == ("GAME_FULL", probes)
    assert container.table.calls == ["read_room"] * 3


def test_a_session_keeps_its_name_for_a_minute(capsys: Capture) -> None:
    """After ``$disconnect`` a name is reserved for its session, which comes back without probes."""
    container = Container(saved(HOST), ALICE)
    assert container(disconnect(HOST)) == OK
    assert container.table.rows[HOST.connection_id] == reserved(saved(HOST))
    assert container(connect(row("HOST", 9)))["statusCode"] == 409
    container(message(ALICE, JOIN))
    (told,) = container.heard(ALICE)
    assert json.loads(told)["payload"]["code"] == "HOST_NOT_FOUND"
    assert container.slept == pytest.approx(PAUSES_S[1:])
    capsys.readouterr()
    assert container(with_session(row("HOST", 20))) == OK
    assert logged(capsys)["effects"] == {"Save": 1, "Forget": 1}
    assert [*container.table.rows] == [ALICE.connection_id, "HOST-20"]
    assert container.connections.closed == []


# Messages

GAME = ["row", "read_room"]
"""Reads of a cold container for a message to a target."""


@pytest.mark.parametrize(
    ("second", "effects"),
    [(30, {"Post": 2, "Gone": 1}), (29, {"Post": 2, "Probe": 1, "Gone": 2, "Forget": 1})],
    ids=["30 s old", "31 s old"],
)
def test_a_row_is_deleted_only_when_its_connection_cannot_be_opening(
    second: int, effects: dict[str, int], capsys: Capture
) -> None:
    """A row that is at most 30 s old is passed over after a 410; an older one goes after two."""
    container = Container(row("HOST", 1), row("Alice", 2))
    newest = row("HOST", second)
    container(connect(newest))
    container.connections.gone.add(newest.connection_id)
    capsys.readouterr()
    container(message(row("Alice", 2), JOIN))
    assert container.heard(row("HOST", 1)) == [frame("join", ALICE)]
    assert container.slept == []
    line = logged(capsys)
    assert (line["effects"], line["GhostsHealed"]) == (effects, effects.get("Forget", 0))
    assert (newest.connection_id in container.table.rows) is ("Forget" not in effects)


def test_a_sender_that_the_index_does_not_know_yet_is_found(capsys: Capture) -> None:
    """A sender missing in the index is read from the table; unreadable items are logged."""
    container = Container(HOST)
    container(connect(ALICE))
    container.table.not_yet_in_index.add(ALICE.connection_id)
    container.while_asleep = container.table.not_yet_in_index.clear
    container.table.unreadable = 3
    container.table.calls.clear()
    capsys.readouterr()
    container(message(ALICE, JOIN))
    assert container.table.calls == ["read_room", "row", *["row", "read_room"] * 2]
    assert container.slept == [PAUSES_S[1]]
    assert logged(capsys)["unreadableItems"] == 3
    assert container.heard(HOST) == [frame("join", ALICE)]


def test_remembering_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache of connections has a limit; a connection that is not in it costs one more read."""
    assert MAX_REMEMBERED == 4096
    monkeypatch.setattr(module, "MAX_REMEMBERED", 2)
    container = Container(HOST)
    for second in (1, 2):
        container(connect(row("Alice", second)))
    container.table.calls.clear()
    container(message(row("Alice", 1), JOIN))
    assert container.table.calls == ["read_room"]
    container(connect(row("Alice", 3)))
    container.table.calls.clear()
    container(message(row("Alice", 1), JOIN))
    container(message(row("Alice", 1), JOIN))
    assert container.table.calls == ["row", "read_room", "read_room"]


@pytest.mark.parametrize("is_told", [False, True], ids=["vanished", "disconnected"])
def test_who_is_gone_is_not_remembered(is_told: bool) -> None:
    """A deleted connection leaves the cache: its message reads its row, but not its game."""
    container = Container(HOST)
    container(connect(ALICE))
    if is_told:
        container(disconnect(ALICE))
    else:
        container.table.rows.pop(ALICE.connection_id)
        container(message(ALICE, JOIN))
    container.table.calls.clear()
    container(message(ALICE, JOIN))
    assert container.table.calls == ["row"]


@pytest.mark.parametrize("rest", ["none", "lost", "reserved"])
@pytest.mark.parametrize(
    ("body", "name"),
    [(JOIN, "error"), (CANDIDATE, "undelivered"), ('{"type":"ping"}', "error"), ("?", "error")],
    ids=["join", "candidate", "ping", "no json"],
)
def test_a_sender_without_a_row_is_told_so_and_closed(
    body: str, name: str, rest: str, capsys: Capture
) -> None:
    """Without a row (taken over, expired, ended), any message is answered, and its sender closed.

    So no client believes that it is in a game which does not know it.
    """
    container = Container(HOST, *[reserved(saved(ALICE))] * (rest == "reserved"))
    if rest == "lost":
        container(connect(ALICE))
        container.table.rows.pop(ALICE.connection_id)
    capsys.readouterr()
    container(message(ALICE, body))
    (told,) = map(json.loads, container.heard(ALICE))
    assert (told["type"], told["payload"]["code"]) == (name, "NOT_CONNECTED")
    assert container.connections.closed == [ALICE.connection_id]
    line = logged(capsys)
    assert (line["outcome"], line["Undelivered"]) == (name, int(name == "undelivered"))
    assert line["effects"] == {"Post": 1, "Close": 1}


@pytest.mark.parametrize(
    ("more_s", "slept"),
    [(0, [*PAUSES_S[1:]]), (0.4, [0.1, 0.1, 0])],
    ids=["fast", "slow DynamoDB"],
)
def test_a_candidate_does_not_wait_longer_than_a_second(more_s: float, slept: list[float]) -> None:
    """A candidate is sent after one second, slow reads included; the next one does not wait."""
    container = Container(HOST, young(ALICE))
    container.while_asleep = lambda: container.pass_time(more_s)
    for _ in range(2):
        container(message(HOST, CANDIDATE))
        assert container.slept == pytest.approx(slept)
    assert container.heard(ALICE) == [frame("ice-candidate", HOST, "1")] * 2


def test_waiting_has_a_budget() -> None:
    """A pair does not wait twice in vain; a connection waits 32 times, then only now and then."""
    container = Container(HOST, BOB)
    container.table.not_yet_in_index.add(HOST.connection_id)
    waits = []
    for number in (*range(33), 0):
        container.slept.clear()
        container(message(HOST, OFFER.replace("Alice", f"Absent {number}")))
        waits.append(len(container.slept))
    assert waits == [len(PAUSES_S[1:])] * 32 + [0, 0]
    assert len(container.heard(HOST)) == 34
    container.slept.clear()
    container.table.not_yet_in_index.add(BOB.connection_id)
    container(message(BOB, OFFER.replace("Alice", "Absent 0")))
    assert container.slept == pytest.approx(PAUSES_S[1:])


def test_the_minute_after_a_wait_in_vain_ends() -> None:
    """Messages that were denied their wait do not extend it."""
    container = Container(HOST, ALICE)
    container.table.not_yet_in_index.add(HOST.connection_id)
    waits = []
    for second in (0, 40, 59, 60):
        container.slept.clear()
        event = message(HOST, OFFER.replace("Alice", "Absent"))
        event["requestContext"]["requestTimeEpoch"] += second * 1000
        container(event)
        waits.append(bool(container.slept))
    assert waits == [True, False, False, True]


@pytest.mark.parametrize("read_s", [0.0, 0.005, 0.15, 0.4, 0.9])
@pytest.mark.parametrize(
    ("sender", "body", "target"), [(ALICE, JOIN, HOST), (HOST, OFFER, ALICE)], ids=["join", "offer"]
)
def test_the_last_read_for_a_target_is_not_earlier_than_after_a_second(
    sender: Row, body: str, target: Row, read_s: float
) -> None:
    """While the index lags, the last read comes after a full second, even if reads are slow."""
    container = Container(sender)
    container.table.not_yet_in_index.add(sender.connection_id)
    reads: list[float] = []

    def read_slowly() -> None:
        if reads and container.now_s - reads[0] >= read_s + 0.999:
            container.table.save(target)
        reads.append(container.now_s)
        container.pass_time(read_s)

    container.table.before_read = read_slowly
    container(message(sender, body))
    (heard,) = container.heard(target)
    assert json.loads(heard)["type"] == json.loads(body)["type"]
    assert len(reads) <= 1 + len(PAUSES_S)
    assert reads[-1] - reads[0] <= 1 + 2 * read_s


def test_a_target_is_not_waited_for_when_dynamodb_is_hopelessly_slow() -> None:
    """If reads take seconds, one retry is all, so that the answer precedes Lambda's time-out."""
    container = Container(ALICE)
    container.table.not_yet_in_index.add(ALICE.connection_id)
    container.table.before_read = lambda: container.pass_time(7)
    container(message(ALICE, JOIN))
    (told,) = container.heard(ALICE)
    assert json.loads(told)["payload"]["code"] == "HOST_NOT_FOUND"
    assert container.table.calls == ["row", "read_room"] * 2


@pytest.mark.parametrize(
    ("body", "type_", "outcome", "code", "reads"),
    [
        ('{"type":"ping"}', "ping", "pong", None, ["row"]),
        ("nonsense", None, "error", "INVALID_MESSAGE", ["row"]),
        ('{"type":"shout"}', "other", "error", "UNKNOWN_TYPE", ["row"]),
        ('{"type":"offer"}', "offer", "error", "INVALID_MESSAGE", ["row"]),
        ('{"type":"offer","targetId":"Bob"}', "offer", "undelivered", "TARGET_NOT_FOUND", GAME),
        ('{"type":"offer","targetId":"Alice"}', "offer", "error", "NOT_ALLOWED", GAME),
    ],
    ids=["ping", "no json", "unknown type", "no target", "unknown target", "itself"],
)
def test_every_message_is_answered_and_logged(
    body: str,
    type_: str | None,
    outcome: str,
    code: str | None,
    reads: list[str],
    capsys: Capture,
) -> None:
    """Every message gets one frame and one log line; it reads a game only if the rules need it."""
    container = Container(HOST, ALICE)
    assert container(message(ALICE, body)) == OK
    assert len(container.heard(ALICE)) == 1
    assert container.table.calls == reads
    assert container.slept == []
    line = logged(capsys)
    assert (line.get("type"), line["outcome"], line.get("code")) == (type_, outcome, code)
    assert line["level"] == "INFO"


# The endpoint of posts


@pytest.mark.parametrize("endpoint", ["https://signal.example.com", None], ids=["set", "not set"])
def test_posts_go_to_the_deployments_endpoint_or_where_the_event_comes_from(
    endpoint: str | None,
) -> None:
    """Posts go to the configured endpoint, as a custom domain needs, or to the event's domain."""
    container = Container(HOST, ALICE, management_endpoint=endpoint)
    container(message(ALICE, JOIN))
    assert container.endpoints == [endpoint or f"https://{DOMAIN}/prod"]


# The container


def test_the_environments_handler_works_from_end_to_end(
    endpoint: Endpoint, capsys: Capture
) -> None:
    """A handler made from the environment works, and makes its clients before the first event."""
    environ = {**ENVIRONMENT, "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": endpoint.url}
    host = make_handler(environ)
    assert management_client.cache_info().currsize == 1
    assert host(message(ALICE, '{"type":"ping"}'), None) == OK  # the answer is empty: no row
    operations = [sent.target or f"{sent.method} {sent.path}" for sent in endpoint.sent]
    assert operations == [
        "DynamoDB_20120810.GetItem",
        "POST /@connections/Alice-1",
        "DELETE /@connections/Alice-1",
    ]
    assert logged(capsys)["code"] == "NOT_CONNECTED"
    assert host(disconnect(ALICE), None) == OK
    assert endpoint.sent[-1].target == "DynamoDB_20120810.DeleteItem"
    host._table._client.close()
    management_client(endpoint.url).close()


def test_the_function_that_lambda_calls_is_made_at_import() -> None:
    """The deployed handler is made at import, and without TABLE_NAME it raises."""
    assert isinstance(module.handler, module.SignalingHandler)
    assert os.environ["TABLE_NAME"] == ENVIRONMENT["TABLE_NAME"]
    with pytest.raises(BadSetting, match="TABLE_NAME"):
        make_handler({})


# Join tickets: tests/core/test_tickets.py tests their verification, test_ticket_keys.py the
# reading of keys.


TICKET_SECRET = '{"1":"a-secret-of-november-with-entropy"}'
DOWN = Ssm(TICKET_SECRET, ConnectionError(TICKET_SECRET))


def ticket_query(ticket: str) -> str:
    """Return Alice's query with a ticket."""
    return f"?playerId=Alice&gameId={ALICE.game_id}&ticket={ticket}"


def good_ticket() -> str:
    """Return a valid ticket for Alice."""
    keys = read_keys(TICKET_SECRET)
    return sign(keys, "1", ALICE.game_id, ALICE.player_id, AT + 60)


def test_a_good_ticket_is_let_in_and_is_stored_nowhere(capsys: Capture) -> None:
    """A valid ticket is accepted, and is neither stored nor logged, because it is a secret."""
    container = Container(ticket_keys=TicketKeys(Ssm(TICKET_SECRET), "tickets"))
    assert container(connect(ALICE, ticket_query(good_ticket()))) == OK
    (stored,) = container.table.rows.values()
    assert good_ticket() not in repr(stored)
    assert good_ticket().rpartition(".")[2] not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        (None, 401, "MISSING_TICKET"),
        (ticket_query("let.me.in"), 403, "INVALID_TICKET"),
        ("?playerId=%20&gameId=4711&ticket=x", 400, "INVALID_CONNECT"),
    ],
    ids=["none", "bad", "bad name"],
)
@pytest.mark.parametrize("who", [ALICE, HOST], ids=["player", "host"])
def test_who_has_no_good_ticket_costs_no_read(
    who: Row, query: str | None, status: int, code: str, capsys: Capture
) -> None:
    """A connect without a valid ticket is refused before any read, with one log line."""
    container = Container(saved(HOST), ticket_keys=TicketKeys(Ssm(TICKET_SECRET), "tickets"))
    capsys.readouterr()
    response = container(connect(who, query))
    assert response["statusCode"] == status
    assert container.table.calls == []
    line = logged(capsys)
    assert (line["level"], line["outcome"], line["code"]) == ("INFO", "refused", code)


def test_an_ssm_that_is_down_is_a_failure_and_tells_nothing(capsys: Capture) -> None:
    """If SSM fails, the connect fails, is not refused, and the log contains no secret."""
    container = Container(ticket_keys=TicketKeys(DOWN, "tickets"))
    with pytest.raises(ConnectionError):
        container(connect(ALICE, ticket_query(good_ticket())))
    assert container.table.calls == []
    out = capsys.readouterr().out
    line = json.loads(out)
    assert (line["outcome"], line["error"], line["Failures"]) == ("failed", "ConnectionError", 1)
    assert "entropy" not in out
    assert good_ticket() not in out


def test_the_deployments_parameter_is_asked_over_the_wire(endpoint: Endpoint) -> None:
    """The parameter is read decrypted, by its name in the environment, and not at import."""
    host = make_handler({**ENVIRONMENT, "TICKET_SECRET_PARAMETER": "/poker/tickets"})
    assert endpoint.sent == []
    with pytest.raises(KeyError):
        host(connect(ALICE, ticket_query(good_ticket())), None)  # the answer is empty
    (sent,) = endpoint.sent
    assert sent.target == "AmazonSSM.GetParameter"
    assert json.loads(sent.body) == {"Name": "/poker/tickets", "WithDecryption": True}


# Limits of messages


def test_a_message_too_many_reads_nothing_and_is_told(capsys: Capture) -> None:
    """A message above the rate costs one post and no read, and other players are not affected."""
    container = Container(HOST, ALICE, BOB, rules=Rules(message_rate=0.001, message_burst=1))
    container(message(ALICE, JOIN))
    container.table.calls.clear()
    capsys.readouterr()
    assert container(message(ALICE, JOIN)) == OK
    assert container.table.calls == []
    (told,) = container.heard(ALICE)
    assert json.loads(told)["payload"]["code"] == "RATE_LIMITED"
    line = logged(capsys)
    assert (line["outcome"], line["code"], line["Failures"]) == ("error", "RATE_LIMITED", 0)
    container(message(BOB, JOIN))
    assert container.heard(HOST) == [frame("join", ALICE), frame("join", BOB)]


def test_a_post_that_aws_throttles_is_told_to_the_sender(capsys: Capture) -> None:
    """A throttled post is undelivered; no row is deleted, and no target is recorded."""
    container = Container(HOST, ALICE)
    container.connections.busy_for.add(ALICE.connection_id)
    assert container(message(HOST, OFFER)) == OK
    (told,) = container.heard(HOST)
    assert json.loads(told)["type"] == "undelivered"
    assert container.table.calls == ["row", "read_room"]
    line = logged(capsys)
    assert (line["outcome"], line["code"]) == ("undelivered", "RATE_LIMITED")
    assert (line["Failures"], line["Undelivered"]) == (0, 1)
    assert line["effects"] == {"Post": 2, "Throttled": 1}
