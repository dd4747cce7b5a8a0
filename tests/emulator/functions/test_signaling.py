"""The core behind the gateway: effects are performed, failures are not hidden."""

import logging
from pathlib import Path
from typing import Any

import pytest

from poker_signal import core
from poker_signal.core.configuration import Rules
from poker_signal.core.model import ConnectionId
from poker_signal.core.tickets import Keys
from poker_signal.emulator.aws.connections import ConnectionInfo
from poker_signal.emulator.aws.events import Facts, connect_event, disconnect_event, message_event
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.aws.results import Forward, Raised, Report, Result, Returned, Running
from poker_signal.emulator.aws.throttling import LimitExceeded
from poker_signal.emulator.functions.signaling import SignalingFunction
from poker_signal.emulator.reload.module_swap import imported_anew, modules_below
from poker_signal.emulator.trace.summary import describe

DEFAULT = Rules()


class FakeConnections:
    """Connections that are open until they are said to be gone."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.posted: list[tuple[str, str]] = []
        self.closed: list[str] = []
        self.busy = False
        """Every call is one too many."""

    def post(self, connection_id: str, data: str) -> bool:
        """Remember what was posted."""
        self._take()
        if connection_id in self.gone:
            return False
        self.posted.append((connection_id, data))
        return True

    def get(self, connection_id: str) -> ConnectionInfo | None:
        """Return something, unless the connection is said to be gone."""
        self._take()
        return None if connection_id in self.gone else ConnectionInfo(0, 0, {"sourceIp": ""})

    def delete(self, connection_id: str) -> bool:
        """Remember what was closed."""
        self._take()
        self.closed.append(connection_id)
        return True

    def _take(self) -> None:
        if self.busy:
            raise LimitExceeded


class Table:
    """A core host and its connections, addressed by name."""

    def __init__(self, rules: Rules = DEFAULT, ticket_keys: Keys | None = None) -> None:
        self.connections = FakeConnections()
        self.host = SignalingFunction(self.connections, rules, ticket_keys)
        self._now_ms = 1_700_000_000_000

    def _facts(self, connection_id: str) -> Facts:
        return Facts(connection_id, self._now_ms, "prod", "x", "pokerlocal", {"sourceIp": "::1"})

    def connect(
        self, connection_id: str, player: str, session: str = "", ticket: str = ""
    ) -> Result:
        """Let a player connect; return what Lambda would."""
        self._now_ms += 1
        query = f"?playerId={player}&gameId=G" + (f"&session={session}" if session else "")
        query += f"&ticket={ticket}" if ticket else ""
        request = Request("GET", f"/prod{query}", [("Host", "x")], "::1")
        event = connect_event(self._facts(connection_id), request, "r", "t", self._now_ms)
        return self._invoke(event)

    def say(self, connection_id: str, text: str) -> Result:
        """Let a connection send a message."""
        return self._invoke(self.event_of(connection_id, text))

    def event_of(self, connection_id: str, text: str) -> Any:
        """Return the event of a message."""
        facts = self._facts(connection_id)
        return message_event(facts, "$default", text, "r", "m", self._now_ms)

    def pass_time(self, seconds: int) -> None:
        """Let handshakes be long over."""
        self._now_ms += seconds * 1000

    def leave(self, connection_id: str) -> Result:
        """Let a connection close."""
        facts = self._facts(connection_id)
        return self._invoke(disconnect_event(facts, 1001, "", "r", self._now_ms))

    def _invoke(self, event: Any) -> Result:
        result = self.host.invoke(event)
        assert not isinstance(result, Running | Forward), "nothing waits, and nothing is forwarded"
        return result


@pytest.fixture
def table() -> Table:
    """An empty table."""
    return Table()


def test_a_ghost_costs_no_live_player_a_message(table: Table) -> None:
    """The row whose connection is gone is forgotten, and the next owner hears it."""
    table.connect("h1", "HOST")
    table.connect("h2", "HOST")
    table.connect("a", "Alice")
    table.connections.gone.add("h2")
    table.pass_time(60)
    result = table.say("a", '{"type":"join"}')
    assert result == Returned({"statusCode": 200}, Report("delivered"))
    assert table.connections.posted == [("h1", '{"type":"join","senderId":"Alice","payload":null}')]
    assert len(table.host.rows) == 2


def test_a_ghost_does_not_lock_its_player_out(table: Table) -> None:
    """It is probed when the player joins, and found gone."""
    table.connect("h", "HOST")
    table.connect("a1", "Alice")
    table.connect("a2", "Alice")
    table.connections.gone.add("a1")
    table.say("a2", '{"type":"join"}')
    assert [connection_id for connection_id, _ in table.connections.posted] == ["h"]


def test_a_takeover_closes_the_old_connection(table: Table) -> None:
    """Whoever knows the secret is the same person."""
    table.connect("a1", "Alice", "secret-of-alice")
    table.connect("a2", "Alice", "secret-of-alice")
    assert table.connections.closed == ["a1"]
    assert len(table.host.rows) == 1


def test_a_refusal_is_the_handshakes_status(table: Table) -> None:
    """With a sentence that says what is wrong."""
    result = table.connect("a", "%20")
    assert isinstance(result, Returned)
    assert isinstance(result.value, dict)
    assert result.value["statusCode"] == 400
    assert "playerId" in result.value["body"]


def test_a_ticket_is_asked_for_where_there_are_keys() -> None:
    """401 without, 403 with a wrong one; the answer never holds the ticket itself."""
    table = Table(ticket_keys={"1": b"a-secret-of-november-with-entropy"})
    for ticket, status in (("", 401), ("let.me.in", 403)):
        result = table.connect("a", "Alice", ticket=ticket)
        assert isinstance(result, Returned)
        assert isinstance(result.value, dict)
        assert result.value["statusCode"] == status
        assert "let.me.in" not in repr(result)
    assert len(table.host.rows) == 0


def test_a_ticket_is_refused_by_the_rules_that_run_while_others_are_imported() -> None:
    """They may never be put in place: whoever edits them makes mistakes."""
    table = Table(ticket_keys={"1": b"a-secret-of-november-with-entropy"})
    folder = Path(next(iter(core.__path__))).resolve()

    def connect() -> Result:
        return table.connect("a", "Alice", ticket="let.me.in")

    _, meanwhile = imported_anew(modules_below([folder]), [], connect)
    for result in (meanwhile, connect()):
        assert isinstance(result, Returned)
        assert isinstance(result.value, dict)
        assert result.value["statusCode"] == 403


def test_who_leaves_is_forgotten(table: Table) -> None:
    """The row goes with the connection."""
    table.connect("a", "Alice")
    table.leave("a")
    assert len(table.host.rows) == 0


def test_a_bug_is_told_with_its_traceback_and_is_no_success(
    table: Table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client will hear Internal server error; the developer sees why."""

    def broken(connection_id: str, data: str) -> bool:
        raise RuntimeError("out of order")

    table.connect("a", "Alice")
    monkeypatch.setattr(table.connections, "post", broken)
    with caplog.at_level(logging.ERROR):
        assert table.say("a", '{"type":"ping"}') == Raised("out of order")
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "out of order" in str(record.exc_info[1])


JOIN, PING = '{"type":"join"}', '{"type":"ping"}'


def test_a_connection_that_sends_too_many_is_told_and_others_are_not() -> None:
    """The message goes nowhere; a ping is answered all the same."""
    table = Table(Rules(message_rate=0.001, message_burst=1))
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    table.connect("b", "Bob")
    told = [table.say(sender, JOIN) for sender in ("a", "a", "b")] + [table.say("a", PING)]
    assert [describe(result) for result in told] == [
        "delivered",
        "error RATE_LIMITED",
        "delivered",
        "pong",
    ]
    heard_by = [connection_id for connection_id, _ in table.connections.posted]
    assert heard_by == ["h", "a", "h", "a"]
    assert '"RATE_LIMITED"' in table.connections.posted[1][1]
    assert table.connections.posted[3][1] == '{"type":"pong"}'


def test_a_full_game_is_refused_and_a_ghost_makes_room() -> None:
    """Whoever is refused is told why."""
    table = Table(Rules(seats=1))
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    refused = table.connect("b1", "Bob")
    assert isinstance(refused, Returned)
    assert refused.value == {"statusCode": 403, "body": "This game is full: every seat is taken."}
    table.connections.gone.add("a")
    assert table.connect("b2", "Bob") == Returned({"statusCode": 200}, Report("connected"))


def test_a_throttled_probe_refuses_the_handshake_for_now() -> None:
    """Nobody loses the seat because nobody could be asked."""
    table = Table(Rules(seats=1))
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    table.connections.busy = True
    result = table.connect("b", "Bob")
    assert isinstance(result, Returned)
    assert isinstance(result.value, dict)
    assert result.value["statusCode"] == 429
    assert len(table.host.rows) == 2


def test_a_throttled_close_leaves_a_connection_that_is_nobodys(table: Table) -> None:
    """The takeover holds."""
    table.connect("a1", "Alice", "secret-of-alice")
    table.connections.busy = True
    assert table.connect("a2", "Alice", "secret-of-alice") == Returned(
        {"statusCode": 200}, Report("connected")
    )
    assert len(table.host.rows) == 1
    assert table.host.table.row(ConnectionId("a1")) is None


CANDIDATE = '{"type":"ice-candidate","targetId":"HOST","payload":{"candidate":"x"}}'


def met(table: Table) -> Table:
    """Let a host and a player meet."""
    table.connect("h", "HOST")
    table.connect("a", "Alice")
    table.say("a", '{"type":"answer","targetId":"HOST","payload":{}}')
    table.connections.posted.clear()
    return table


def test_a_message_with_one_post_is_forwarded_once_it_is_known(table: Table) -> None:
    """The first is performed; of the next the post is returned, and nothing has been posted."""
    event = met(table).event_of("a", CANDIDATE)
    performed = table.host.invoke(event, may_forward=True)
    assert performed == Returned({"statusCode": 200}, Report("delivered"))
    (posted,) = table.connections.posted
    assert table.host.invoke(event, may_forward=True) == Forward(*posted, performed)
    assert table.connections.posted == [posted]
    assert table.host.invoke(event) == performed
    assert table.connections.posted == [posted, posted]


def test_a_message_with_another_effect_is_never_forwarded(table: Table) -> None:
    """An offer that is noted, and an answer to the sender."""
    met(table)
    for text in (CANDIDATE.replace("HOST", "Bob"), PING, CANDIDATE.replace('"HOST"', '""')):
        event = table.event_of("a", text)
        for _ in range(2):
            assert isinstance(table.host.invoke(event, may_forward=True), Returned)


def test_a_bug_while_a_message_is_read_is_told_too(
    table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    """With its traceback; the client hears of it from the gateway."""
    event = {**met(table).event_of("a", CANDIDATE), "body": None}
    assert isinstance(table.host.invoke(event, may_forward=True), Raised)
    assert "$default failed" in caplog.text
