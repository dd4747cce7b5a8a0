"""The core behind the gateway: effects are performed, failures are not hidden."""

from typing import Any
from unittest.mock import Mock

import pytest

from poker_signal.core.budgets import FULL_FOR_S
from poker_signal.core.configuration import Rules
from poker_signal.core.model import OPENING_S, RESERVED_S, ConnectionId
from poker_signal.core.tickets import Keys
from poker_signal.emulator.aws.connections import ConnectionInfo
from poker_signal.emulator.aws.events import Facts, connect_event, disconnect_event, message_event
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.aws.results import Forward, Raised, Report, Result, Returned, Running
from poker_signal.emulator.aws.throttling import LimitExceeded
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.functions.signaling import SignalingFunction
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
        self.clock = VirtualClock()
        self.host = SignalingFunction(self.connections, rules, self.clock, ticket_keys)

    def _facts(self, connection_id: str) -> Facts:
        now_ms = self.clock.now_ms()
        return Facts(connection_id, now_ms, "prod", "x", "pokerlocal", {"sourceIp": "::1"})

    def connect(
        self, connection_id: str, player: str, session: str = "", ticket: str = ""
    ) -> Result:
        """Connect a player; return the result as Lambda would."""
        self.clock.advance(0.001)
        query = query_of(player, "G", session, **({"ticket": ticket} if ticket else {}))
        request = Request("GET", f"/prod{query}", [("Host", "x")], "::1")
        event = connect_event(self._facts(connection_id), request, "r", "t", self.clock.now_ms())
        return self._invoke(event)

    def leave(self, connection_id: str) -> None:
        """End a connection: its $disconnect is invoked."""
        self.connections.gone.add(connection_id)
        facts = self._facts(connection_id)
        self._invoke(disconnect_event(facts, 1001, "", "r", self.clock.now_ms()))

    def say(self, connection_id: str, text: str) -> Result:
        """Send a message from a connection; return the result."""
        return self._invoke(self.event_of(connection_id, text))

    def say_early(self, connection_id: str, text: str) -> list[Result]:
        """Send a message that waits; return a list that gets the result."""
        results: list[Result] = []
        running = self.host.invoke(self.event_of(connection_id, text), may_forward=True)
        assert isinstance(running, Running)
        running.then(results.append)
        return results

    def texts_to(self, connection_id: str) -> list[str]:
        """Return the frames that a connection got."""
        return [text for other, text in self.connections.posted if other == connection_id]

    def event_of(self, connection_id: str, text: str) -> Any:
        """Return the event of a message."""
        facts = self._facts(connection_id)
        return message_event(facts, "$default", text, "r", "m", self.clock.now_ms())

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
    """Two 410s delete the ghost's row, and the next owner of the name gets the message."""
    table.connect("h1", "HOST")
    table.connect("h2", "HOST")
    table.connect("a", "Alice")
    table.connections.gone.add("h2")
    table.clock.advance(OPENING_S + 1)
    result = table.say("a", '{"type":"join"}')
    assert result == Returned({"statusCode": 200}, Report("delivered"))
    assert table.connections.posted == [("h1", '{"type":"join","senderId":"Alice","payload":null}')]
    assert len(table.host.rows) == 2


def test_a_ticket_is_asked_for_where_there_are_keys() -> None:
    """Tickets are required during a reload as well; no answer contains the ticket."""
    table = Table(ticket_keys={"1": b"a-secret-of-november-with-entropy"})

    def connect() -> Result:
        return table.connect("a", "Alice", ticket="let.me.in")

    results = [connect(), table.connect("a", "Alice")]
    assert [status_of(result) for result in results] == [403, 401]
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
    """A player that could not be probed keeps the seat; a full game is probed seldom."""
    table = Table(Rules(seats=1))
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    table.connections.busy = True
    assert status_of(table.connect("b", "Bob")) == 429
    assert len(table.host.rows) == 2
    table.connections.busy = False
    assert status_of(table.connect("b", "Bob")) == 403
    table.clock.advance(OPENING_S + 1)
    assert status_of(table.connect("b", "Bob")) == 403
    table.connections.gone.add("a")
    assert status_of(table.connect("b", "Bob")) == 403
    table.clock.advance(FULL_FOR_S)
    assert table.connect("b", "Bob") == Returned({"statusCode": 200}, Report("connected"))


@pytest.mark.parametrize("busy", [False, True])
def test_a_takeover_holds_if_the_close_is_throttled_too(table: Table, busy: bool) -> None:
    """The old connection loses its row in any case, and is closed if possible."""
    table.connect("a1", "Alice", "secret-of-alice")
    table.connections.busy = busy
    assert status_of(table.connect("a2", "Alice", "secret-of-alice")) == 200
    assert table.connections.closed == ([] if busy else ["a1"])
    assert [row.connection_id for row in table.host.rows.rows()] == ["a2"]


def test_a_message_without_a_row_is_answered_and_its_connection_closed(table: Table) -> None:
    """A client whose row is deleted or reserved learns of it with any message, even a ping."""
    table.connect("b", "Bob", "secret-of-bob")
    table.leave("b")
    table.connections.gone.clear()
    for sender in ("a", "b"):
        for text in (PING, "nonsense"):
            assert describe(table.say(sender, text)) == "error NOT_CONNECTED"
        assert all('"NOT_CONNECTED"' in text for text in table.texts_to(sender))
    assert [to for to, _ in table.connections.posted] == table.connections.closed == list("aabb")


def test_a_host_that_left_keeps_its_game_for_its_session(table: Table) -> None:
    """A guest is refused meanwhile; a join waits for the owner, and is delivered once it is back.

    A player that has waited in vain does not wait again. The reservation ends after its time.
    """
    table.connect("h1", "HOST", "secret-of-host")
    table.connect("a", "Alice")
    table.leave("h1")
    assert status_of(table.connect("g", "HOST")) == 409
    results = table.say_early("a", JOIN)
    table.clock.advance(0.3)
    assert status_of(table.connect("h2", "HOST", "secret-of-host")) == 200
    assert results == []
    table.clock.advance(0.7)
    assert results == [Returned({"statusCode": 200}, Report("delivered"))]
    assert [to for to, _ in table.connections.posted] == ["h2"]
    assert table.connections.closed == []
    assert table.host.rows.row(ConnectionId("h1")) is None
    table.leave("h2")
    late = table.say_early("a", JOIN)
    table.clock.advance(1)
    in_vain = [*late, table.say("a", JOIN)]
    assert [describe(result) for result in in_vain] == ["error HOST_NOT_FOUND"] * 2
    table.clock.advance(RESERVED_S - 1)
    assert status_of(table.connect("g", "HOST")) == 409
    table.clock.advance(1)
    assert status_of(table.connect("g", "HOST")) == 200


ANSWER = '{"type":"answer","targetId":"HOST","payload":{}}'
CANDIDATE = '{"type":"ice-candidate","targetId":"HOST","payload":{"candidate":"x"}}'


@pytest.mark.parametrize("after_s", [0, 0.3, 0.999])
def test_a_candidate_that_comes_first_is_delivered_after_its_description(
    table: Table, after_s: float
) -> None:
    """A candidate waits on the clock, and its description passes it."""
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    results = table.say_early("a", CANDIDATE)
    table.clock.advance(after_s)
    assert (table.connections.posted, results) == ([], [])
    assert describe(table.say("a", ANSWER)) == "delivered"
    table.clock.advance(1)
    assert results == [Returned({"statusCode": 200}, Report("delivered"))]
    answer, candidate = table.texts_to("h")
    assert answer.startswith('{"type":"answer"')
    assert candidate.startswith('{"type":"ice-candidate"')


def test_candidates_without_a_description_are_late_once(table: Table) -> None:
    """All that wait are sent after one second; then no candidate of the pair waits."""
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    results = [table.say_early("a", CANDIDATE) for _ in range(2)]
    table.clock.advance(0.999)
    assert results == [[], []]
    table.clock.advance(0.001)
    assert [describe(result) for (result,) in results] == ["delivered"] * 2
    assert describe(table.say("a", CANDIDATE)) == "delivered"
    assert len(table.texts_to("h")) == 3


def test_a_message_that_waits_ends_with_its_row(table: Table) -> None:
    """A sender that left meanwhile is not connected; a failure of the table is no success."""
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    table.connect("b", "Bob")
    of_alice, of_bob = (table.say_early(sender, CANDIDATE) for sender in ("a", "b"))
    table.leave("a")
    table.clock.advance(0.1)
    assert [describe(result) for result in of_alice] == ["undelivered NOT_CONNECTED"]
    table.host.table = Mock(row=Mock(side_effect=RuntimeError("out of order")))
    table.clock.advance(0.1)
    assert of_bob == [Raised("out of order")]
    assert table.texts_to("h") == []


def met(table: Table) -> Table:
    """Connect a host and a player, and relay an answer between them."""
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    table.say("a", ANSWER)
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
