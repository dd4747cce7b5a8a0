"""The Lambda host: reads, effects and answers of each event.

The state after failures is tested in test_failures.py.
"""

import json
import os

import pytest

from poker_signal.core.configuration import Rules
from poker_signal.core.model import Row
from poker_signal.core.routing import MAX_WAITS, WAIT_S
from poker_signal.core.tickets import read_keys, sign
from poker_signal.lambda_app import handler as module
from poker_signal.lambda_app.clients import management_client
from poker_signal.lambda_app.environment import BadSetting
from poker_signal.lambda_app.handler import MAX_REMEMBERED, make_handler
from poker_signal.lambda_app.ticket_keys import TicketKeys
from tests.core.build import AT, row
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
    assert (stored.ttl, stored.saved_at) == (AT - 59 + 7200, AT)
    line = logged(capsys)
    assert (line["outcome"], line["effects"]) == ("connected", {"Save": 1})


@pytest.mark.parametrize(("stored_s_ago", "looks"), [(2, 1), (3, 0)])
def test_a_ghost_is_looked_for_again_only_while_it_may_still_be_opening(
    stored_s_ago: int, looks: int, capsys: Capture
) -> None:
    """A ghost older than two seconds is not probed again, so no container waits for it."""
    container = Container(row("HOST", 1))
    again, newest = row("Alice", 59), row("HOST", 58)
    container.epoch_s = AT - stored_s_ago + 0.9
    container(connect(newest))
    container(connect(again))
    container.connections.gone.add(newest.connection_id)
    capsys.readouterr()
    container(message(again, JOIN))
    assert container.heard(row("HOST", 1)) == [frame("join", again)]
    assert len(container.slept) == looks
    effects = {"Post": 2, "Gone": 1, "Forget": 1} | ({"LookAgain": 1} if looks else {})
    assert logged(capsys)["effects"] == effects


# Messages


def test_a_sender_that_the_index_does_not_know_yet_is_found(capsys: Capture) -> None:
    """A sender missing in the index is read from the table; unreadable items are logged."""
    container = Container(HOST)
    container(connect(ALICE))
    container.table.not_yet_in_index.add(ALICE.connection_id)
    container.table.unreadable = 3
    container.table.calls.clear()
    capsys.readouterr()
    container(message(ALICE, JOIN))
    assert container.table.calls == ["read_room", "row"]
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


@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
def test_a_sender_without_a_row_is_told_so(is_warm: bool, capsys: Capture) -> None:
    """Without a row (taken over or expired), a join gets an error, other types undelivered."""
    container = Container(HOST)
    if is_warm:
        container(connect(ALICE))
        container.table.rows.pop(ALICE.connection_id)
    container(message(ALICE, JOIN))
    container(message(ALICE, CANDIDATE))
    first, second = map(json.loads, container.heard(ALICE))
    assert (first["type"], first["payload"]["code"]) == ("error", "NOT_CONNECTED")
    assert (second["type"], second["payload"]["code"]) == ("undelivered", "NOT_CONNECTED")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()][-2:]
    assert [line["outcome"] for line in lines] == ["error", "undelivered"]
    assert [line["Undelivered"] for line in lines] == [0, 1]


@pytest.mark.parametrize(
    ("more_s", "slept"),
    [(0, [WAIT_S] * MAX_WAITS), (0.4, [WAIT_S, WAIT_S, 0])],
    ids=["fast", "slow DynamoDB"],
)
def test_a_candidate_does_not_wait_longer_than_a_second(more_s: float, slept: list[float]) -> None:
    """A candidate is sent after one second, in which slow reads of DynamoDB are counted."""
    container = Container(HOST, ALICE)
    container.while_asleep = lambda: container.pass_time(more_s)
    container(message(HOST, CANDIDATE))
    assert container.slept == pytest.approx(slept)
    assert container.heard(ALICE) == [frame("ice-candidate", HOST, "1")]


@pytest.mark.parametrize("read_s", [0.0, 0.005, 0.15, 0.4, 0.9])
@pytest.mark.parametrize(
    ("sender", "body", "target"), [(ALICE, JOIN, HOST), (HOST, OFFER, ALICE)], ids=["join", "offer"]
)
def test_the_last_look_for_somebody_is_not_earlier_than_after_a_second(
    sender: Row, body: str, target: Row, read_s: float
) -> None:
    """The last read for a target comes after a full second, even if earlier reads were slow."""
    container = Container(sender)
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
    assert len(reads) <= 5
    assert reads[-1] - reads[0] <= 1 + 2 * read_s


def test_nobody_is_looked_for_once_more_when_dynamodb_is_hopelessly_slow() -> None:
    """If reads take seconds, there is no retry, so that the answer precedes Lambda's time-out."""
    container = Container(ALICE)
    container.table.before_read = lambda: container.pass_time(7)
    container(message(ALICE, JOIN))
    (told,) = container.heard(ALICE)
    assert json.loads(told)["payload"]["code"] == "HOST_NOT_FOUND"
    assert container.table.calls == ["row", "read_room", "read_room"]


@pytest.mark.parametrize(
    ("body", "type_", "outcome", "code", "reads"),
    [
        ('{"type":"ping"}', "ping", "pong", None, 0),
        ("nonsense", None, "error", "INVALID_MESSAGE", 0),
        ('{"type":"shout"}', "other", "error", "UNKNOWN_TYPE", 0),
        ('{"type":"offer"}', "offer", "error", "INVALID_MESSAGE", 0),
        ('{"type":"offer","targetId":"Bob"}', "offer", "undelivered", "TARGET_NOT_FOUND", 6),
        ('{"type":"offer","targetId":"Alice"}', "offer", "error", "NOT_ALLOWED", 2),
    ],
    ids=["ping", "no json", "unknown type", "no target", "unknown target", "itself"],
)
def test_every_message_is_answered_and_logged(
    body: str, type_: str | None, outcome: str, code: str | None, reads: int, capsys: Capture
) -> None:
    """Every message gets one frame and one log line; it reads only if the rules need the game."""
    container = Container(HOST, ALICE)
    assert container(message(ALICE, body)) == OK
    assert len(container.heard(ALICE)) == 1
    assert len(container.table.calls) == reads
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
    assert host(message(ALICE, '{"type":"ping"}'), None) == OK
    operations = [sent.target or sent.path for sent in endpoint.sent]
    assert operations == ["/@connections/Alice-1"]
    assert logged(capsys)["outcome"] == "pong"
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
