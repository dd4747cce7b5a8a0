"""Invalid events and failures of AWS: the function raises, and logs the failure once.

Each test checks the state after the failure, and that a retry works.
"""

from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ReadTimeoutError,
)

from poker_signal.core.event_parser import MalformedEvent
from poker_signal.core.model import Row
from poker_signal.lambda_app import handler as module
from tests.core.build import row, young
from tests.lambda_app.build import (
    ALICE,
    CANDIDATE,
    HOST,
    JOIN,
    OFFER,
    OK,
    Capture,
    Container,
    connect,
    disconnect,
    frame,
    logged,
    message,
    recorded,
    saved,
    with_session,
)
from tests.support.dynamodb import client_error

FAILURES = {
    "403": client_error("AccessDeniedException", 403),
    "500": client_error("InternalServerError", 500),
    "hangs": ReadTimeoutError(endpoint_url="https://aws"),
}
each_failure = pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)


def assert_fails(
    container: Container, event: Any, failure: BaseException, capsys: Capture
) -> dict[str, Any]:
    """Invoke with an event, which must raise; return the one log line, with a traceback."""
    capsys.readouterr()
    with pytest.raises(type(failure)) as raised:
        container(event)
    assert raised.value is failure
    line = logged(capsys)
    assert (line["level"], line["outcome"], line["Failures"]) == ("ERROR", "failed", 1)
    assert line["error"] == type(failure).__name__
    assert "in _decide" in line["traceback"]
    return line


# Invalid events


@pytest.mark.parametrize("field", ["domainName", "stage"])
def test_an_event_without_domain_or_stage_needs_the_deployments_endpoint(
    field: str, capsys: Capture
) -> None:
    """Without domain or stage and without an endpoint in the settings, the event fails."""
    event = message(ALICE, JOIN)
    del event["requestContext"][field]
    assert Container(HOST, ALICE)(event) == OK
    capsys.readouterr()
    container = Container(HOST, ALICE, management_endpoint=None)
    with pytest.raises(KeyError, match=field):
        container(event)
    assert logged(capsys)["error"] == "KeyError"
    assert container.connections.posted == []


def test_an_http_apis_event_is_a_failure(capsys: Capture) -> None:
    """An event of an HTTP API, whose route leads here by mistake, is a failure."""
    container = Container()
    with pytest.raises(MalformedEvent):
        container(recorded("http-api"))
    line = logged(capsys)
    assert (line["outcome"], line["routeKey"]) == ("failed", "$default")
    assert container.table.calls == []


# Unforeseen failures


@pytest.mark.parametrize("failure", [RuntimeError("a bug"), KeyboardInterrupt()], ids=["bug", "^C"])
def test_an_unforeseen_failure_is_never_answered_as_success(
    failure: BaseException, capsys: Capture
) -> None:
    """An unforeseen error is raised and logged once with its traceback; the next event works."""
    container = Container(HOST, ALICE)
    container.connections.failures["post"] = failure
    line = assert_fails(container, message(ALICE, JOIN), failure, capsys)
    assert line["type"] == "join"
    assert line["effects"] == {"Post": 1}
    container.connections.failures.clear()
    assert container(message(ALICE, JOIN)) == OK
    assert logged(capsys)["outcome"] == "delivered"


NEWCOMER, NEW_HOST = row("Alice", 9), row("HOST", 9)
OFFER_WITH_ID = '{"type":"offer","targetId":"Alice","id":"1"}'


@each_failure
@pytest.mark.parametrize(
    ("call", "rows", "event", "status"),
    [
        ("row", [HOST, ALICE], message(ALICE, JOIN), 200),
        ("read_room", [HOST, ALICE], message(ALICE, JOIN), 200),
        ("read_room", [saved(HOST)], connect(NEW_HOST), 409),
        ("save", [], connect(ALICE), 200),
        ("post", [HOST, ALICE], message(HOST, OFFER_WITH_ID), 200),
        ("is_open", [saved(HOST)], connect(NEW_HOST), 409),
        ("is_open", [HOST, ALICE, NEWCOMER], message(NEWCOMER, JOIN), 200),
    ],
    ids=["sender", "game", "rivals", "save", "post", "probe of HOST", "probe of a namesake"],
)
def test_a_call_that_fails_leaves_everything_as_it_was(
    call: str,
    rows: list[Row],
    event: Any,
    status: int,
    failure: BotoCoreError | ClientError,
    capsys: Capture,
) -> None:
    """A failing call changes nothing: no row written or deleted, no frame posted; a retry works."""
    container = Container(*rows)
    before = dict(container.table.rows)
    container.table.failures[call] = container.connections.failures[call] = failure
    line = assert_fails(container, event, failure, capsys)
    assert line["GhostsHealed"] == 0
    assert container.table.rows == before
    assert container.connections.posted == []
    container.table.failures.clear()
    container.connections.failures.clear()
    assert container(event)["statusCode"] == status
    assert bool(container.connections.posted) is ("body" in event)


@each_failure
def test_a_disconnect_that_fails_leaves_a_ghost(
    failure: BotoCoreError | ClientError, capsys: Capture
) -> None:
    """After a failed ``$disconnect`` a ghost is left, which the first message to it deletes."""
    container = Container(HOST, ALICE)
    container.table.failures["forget"] = failure
    assert_fails(container, disconnect(ALICE), failure, capsys)
    assert ALICE.connection_id in container.table.rows
    container.table.failures.clear()
    container.connections.gone.add(ALICE.connection_id)
    container(message(HOST, OFFER))
    assert [*container.table.rows] == [HOST.connection_id]


@each_failure
@pytest.mark.parametrize("is_listed", [True, False], ids=["listed", "not listed any more"])
def test_an_offer_that_cannot_be_noted_is_a_success(
    is_listed: bool, failure: BotoCoreError | ClientError, capsys: Capture
) -> None:
    """An offer that the table cannot note is acknowledged, and no candidate waits for it here."""
    container = Container(HOST, ALICE)
    container.table.failures["reach"] = failure
    assert container(message(HOST, OFFER_WITH_ID)) == OK
    line = logged(capsys)
    assert (line["outcome"], line["Failures"], line["GhostsHealed"]) == ("delivered", 0, 0)
    assert line["effects"] == {"Post": 2, "Reach": 1, "NotNoted": 1}
    assert ["ack" in told for told in container.heard(HOST)] == [True]
    assert container.table.rows[HOST.connection_id].reached == frozenset()
    if not is_listed:
        container.table.not_yet_in_index.add(HOST.connection_id)
    container(message(HOST, CANDIDATE))
    container(message(HOST, CANDIDATE))
    assert container.slept == []
    assert container.heard(ALICE) == [
        frame("offer", HOST),
        *[frame("ice-candidate", HOST, "1")] * 2,
    ]


def test_a_bug_in_the_bookkeeping_is_a_failure(capsys: Capture) -> None:
    """Only AWS's errors are tolerated when a delivery is noted; any other is raised."""
    container = Container(HOST, ALICE)
    failure = container.table.failures["reach"] = RuntimeError("a bug")
    assert_fails(container, message(HOST, OFFER), failure, capsys)


def test_pairs_that_the_table_does_not_know_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full memory of pairs is cleared: then a candidate waits, as in another container."""
    monkeypatch.setattr(module, "MAX_REMEMBERED", 1)
    container = Container(HOST, young(ALICE))
    container.table.failures["reach"] = FAILURES["500"]
    for sender in (HOST, ALICE):
        target = "Alice" if sender is HOST else "HOST"
        container(message(sender, OFFER.replace("Alice", target)))
    container(message(ALICE, CANDIDATE.replace("Alice", "HOST")))
    assert container.slept == []
    container(message(HOST, CANDIDATE))
    assert sum(container.slept) == pytest.approx(1)


@each_failure
@pytest.mark.parametrize(("call", "closed"), [("forget", ["Alice-1"]), ("close", [])])
def test_a_takeover_that_fails_half_way_leaves_the_seat_taken(
    call: str, closed: list[str], failure: BotoCoreError | ClientError, capsys: Capture
) -> None:
    """A failed takeover leaves both rows, of which the newest owns the name; a retry works."""
    container = Container(saved(ALICE))
    container.table.failures[call] = container.connections.failures[call] = failure
    assert_fails(container, with_session(row("Alice", 9)), failure, capsys)
    assert [*container.table.rows] == ["Alice-1", "Alice-9"]
    assert container.connections.closed == closed
    container.table.failures.clear()
    container.connections.failures.clear()
    container.connections.gone |= {"Alice-1", "Alice-9"}
    assert container(with_session(row("Alice", 10))) == OK
    assert [*container.table.rows] == ["Alice-10"]


def test_a_close_that_fails_refuses_no_player(capsys: Capture) -> None:
    """A takeover succeeds without a close; if the old connection sends, it is told and closed."""
    container = Container(saved(ALICE), HOST)
    container.connections.busy_for.add(ALICE.connection_id)
    capsys.readouterr()
    assert container(with_session(row("Alice", 9))) == OK
    assert [*container.table.rows] == ["HOST-0", "Alice-9"]
    assert logged(capsys)["effects"] == {"Save": 1, "Close": 1, "NotClosed": 1, "Forget": 1}
    container.connections.busy_for.clear()
    container(message(ALICE, CANDIDATE.replace("Alice", "HOST")))
    assert ["NOT_CONNECTED" in told for told in container.heard(ALICE)] == [True]
    assert container.connections.closed == [ALICE.connection_id]
    assert container.heard(HOST) == []


@each_failure
def test_a_failure_after_healing_keeps_what_was_found_out(
    failure: BotoCoreError | ClientError, capsys: Capture
) -> None:
    """A ghost stays deleted if a later call fails, and the message is not delivered."""
    ghost = row("HOST", 9)
    container = Container(HOST, ghost, ALICE)
    container.connections.gone.add(ghost.connection_id)

    def fail_at_the_second() -> None:
        if ghost.connection_id not in container.table.rows:
            raise failure

    container.connections.before_post = fail_at_the_second
    line = assert_fails(container, message(ALICE, JOIN), failure, capsys)
    assert (line["GhostsHealed"], line["Deliveries"]) == (1, 0)
    assert [*container.table.rows] == [HOST.connection_id, ALICE.connection_id]
    assert container.connections.posted == []
