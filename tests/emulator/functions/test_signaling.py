"""The core behind the gateway: effects are performed, failures are not hidden."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from poker_signal import core
from poker_signal.core.configuration import Rules
from poker_signal.core.tickets import Keys
from poker_signal.emulator.aws.connections import ConnectionInfo
from poker_signal.emulator.aws.events import Facts, connect_event, message_event
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.aws.results import Forward, Raised, Report, Result, Returned, Running
from poker_signal.emulator.aws.throttling import LimitExceeded
from poker_signal.emulator.functions.signaling import SignalingFunction
from poker_signal.emulator.reload.module_swap import imported_anew, modules_below
from poker_signal.emulator.trace.summary import describe
from tests.support.client import query_of

DEFAULT = Rules()


class FakeConnections:
    """Connections that are open, except those in ``gone``."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.posted: list[tuple[str, str]] = []
        self.closed: list[str] = []
        self.busy = False
        """True: every call is throttled."""

    def post(self, connection_id: str, data: str) -> bool:
        """Note the frame; return whether the connection is open."""
        self._take()
        if connection_id in self.gone:
            return False
        self.posted.append((connection_id, data))
        return True

    def get(self, connection_id: str) -> ConnectionInfo | None:
        """Return an info; None if the connection is gone."""
        self._take()
        return None if connection_id in self.gone else ConnectionInfo(0, 0, {"sourceIp": ""})

    def delete(self, connection_id: str) -> bool:
        """Note the connection as closed."""
        self._take()
        self.closed.append(connection_id)
        return True

    def _take(self) -> None:
        if self.busy:
            raise LimitExceeded


class Table:
    """The core as a function, and its connections."""

    def __init__(self, rules: Rules = DEFAULT, ticket_keys: Keys | None = None) -> None:
        self.connections = FakeConnections()
        self.host = SignalingFunction(self.connections, rules, ticket_keys)
        self.now_ms = 1_700_000_000_000

    def _facts(self, connection_id: str) -> Facts:
        return Facts(connection_id, self.now_ms, "prod", "x", "pokerlocal", {"sourceIp": "::1"})

    def connect(
        self, connection_id: str, player: str, session: str = "", ticket: str = ""
    ) -> Result:
        """Connect a player; return the result as Lambda would."""
        self.now_ms += 1
        query = query_of(player, "G", session, **({"ticket": ticket} if ticket else {}))
        request = Request("GET", f"/prod{query}", [("Host", "x")], "::1")
        event = connect_event(self._facts(connection_id), request, "r", "t", self.now_ms)
        return self._invoke(event)

    def say(self, connection_id: str, text: str) -> Result:
        """Send a message from a connection; return the result."""
        return self._invoke(self.event_of(connection_id, text))

    def event_of(self, connection_id: str, text: str) -> Any:
        """Return the event of a message."""
        facts = self._facts(connection_id)
        return message_event(facts, "$default", text, "r", "m", self.now_ms)

    def _invoke(self, event: Any) -> Result:
        result = self.host.invoke(event)
        assert not isinstance(result, Running | Forward), "nothing waits, and nothing is forwarded"
        return result


def status_of(result: Result) -> object:
    """Return the status of a handshake."""
    assert isinstance(result, Returned)
    assert isinstance(result.value, dict)
    return result.value["statusCode"]


@pytest.fixture
def table() -> Table:
    """An empty table."""
    return Table()


def test_a_ghost_costs_no_live_player_a_message(table: Table) -> None:
    """The ghost's row is deleted, and the next owner of the name gets the message."""
    table.connect("h1", "HOST")
    table.connect("h2", "HOST")
    table.connect("a", "Alice")
    table.connections.gone.add("h2")
    table.now_ms += 60_000
    result = table.say("a", '{"type":"join"}')
    assert result == Returned({"statusCode": 200}, Report("delivered"))
    assert table.connections.posted == [("h1", '{"type":"join","senderId":"Alice","payload":null}')]
    assert len(table.host.rows) == 2


def test_a_ticket_is_asked_for_where_there_are_keys() -> None:
    """Tickets are required during a reload as well; no answer contains the ticket."""
    table = Table(ticket_keys={"1": b"a-secret-of-november-with-entropy"})
    folder = Path(next(iter(core.__path__))).resolve()

    def connect() -> Result:
        return table.connect("a", "Alice", ticket="let.me.in")

    _, meanwhile = imported_anew(modules_below([folder]), [], connect)
    results = [meanwhile, connect(), table.connect("a", "Alice")]
    assert [status_of(result) for result in results] == [403, 403, 401]
    assert "let.me.in" not in repr(results)
    assert len(table.host.rows) == 0


JOIN, PING = '{"type":"join"}', '{"type":"ping"}'


def test_a_connection_that_sends_too_many_is_told_and_others_are_not() -> None:
    """The message is not relayed; a ping is answered all the same."""
    table = Table(Rules(message_rate=0.001, message_burst=1))
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    table.connect("b", "Bob")
    told = [table.say(sender, JOIN) for sender in ("a", "a", "b")] + [table.say("a", PING)]
    outcomes = ["delivered", "error RATE_LIMITED", "delivered", "pong"]
    assert [describe(result) for result in told] == outcomes
    assert [connection_id for connection_id, _ in table.connections.posted] == ["h", "a", "h", "a"]
    assert '"RATE_LIMITED"' in table.connections.posted[1][1]
    assert table.connections.posted[3][1] == '{"type":"pong"}'


def test_a_throttled_probe_refuses_the_handshake_for_now() -> None:
    """A player that could not be probed keeps the seat."""
    table = Table(Rules(seats=1))
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    table.connections.busy = True
    assert status_of(table.connect("b", "Bob")) == 429
    assert len(table.host.rows) == 2
    table.connections.busy = False
    assert status_of(table.connect("b", "Bob")) == 403
    table.connections.gone.add("a")
    assert table.connect("b", "Bob") == Returned({"statusCode": 200}, Report("connected"))


@pytest.mark.parametrize("busy", [False, True])
def test_a_takeover_holds_if_the_close_is_throttled_too(table: Table, busy: bool) -> None:
    """The old connection loses its row in any case, and is closed if possible."""
    table.connect("a1", "Alice", "secret-of-alice")
    table.connections.busy = busy
    assert status_of(table.connect("a2", "Alice", "secret-of-alice")) == 200
    assert table.connections.closed == ([] if busy else ["a1"])
    assert [row.connection_id for row in table.host.rows.rows()] == ["a2"]


CANDIDATE = '{"type":"ice-candidate","targetId":"HOST","payload":{"candidate":"x"}}'


def met(table: Table) -> Table:
    """Connect a host and a player, and relay an answer between them."""
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    table.say("a", '{"type":"answer","targetId":"HOST","payload":{}}')
    table.connections.posted.clear()
    return table


def test_a_message_with_one_post_is_forwarded_once_it_is_known(table: Table) -> None:
    """The first message is posted; for the next one, the post is returned to the gateway."""
    event = met(table).event_of("a", CANDIDATE)
    performed = table.host.invoke(event, may_forward=True)
    assert performed == Returned({"statusCode": 200}, Report("delivered"))
    (posted,) = table.connections.posted
    assert table.host.invoke(event, may_forward=True) == Forward(*posted, performed)
    assert table.connections.posted == [posted]
    assert table.host.invoke(event) == performed
    assert table.connections.posted == [posted, posted]


def test_a_message_with_another_effect_is_never_forwarded(table: Table) -> None:
    """Answers to the sender are always posted by the function."""
    met(table)
    for text in (CANDIDATE.replace("HOST", "Bob"), PING, CANDIDATE.replace('"HOST"', '""')):
        event = table.event_of("a", text)
        for _ in range(2):
            assert isinstance(table.host.invoke(event, may_forward=True), Returned)


def test_a_bug_is_told_with_its_traceback_and_is_no_success(
    table: Table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The exception may come while reading or while performing; the gateway informs the client."""
    broken = RuntimeError("out of order")
    unread = {**met(table).event_of("a", CANDIDATE), "body": None}
    assert isinstance(table.host.invoke(unread, may_forward=True), Raised)
    monkeypatch.setattr(table.connections, "post", Mock(side_effect=broken))
    assert table.say("a", PING) == Raised("out of order")
    first, second = caplog.records
    assert first.exc_info
    assert second.exc_info
    assert second.exc_info[1] is broken
    assert caplog.text.count("$default failed") == 2
