"""The core behind the gateway: effects are performed, failures are not hidden."""

import logging
from typing import Any

import pytest

from poker_signal.core.model import Topology
from poker_signal.emulator.core_host import CoreHost
from poker_signal.emulator.events import Facts, connect_event, disconnect_event, message_event
from poker_signal.emulator.http import Request
from poker_signal.emulator.integration import Raised, Result, Returned
from tests.emulator.conftest import Records


class FakeConnections:
    """Connections that are open until they are said to be gone."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.posted: list[tuple[str, str]] = []
        self.closed: list[str] = []

    def post(self, connection_id: str, data: str) -> bool:
        """Remember what was posted."""
        if connection_id in self.gone:
            return False
        self.posted.append((connection_id, data))
        return True

    def is_open(self, connection_id: str) -> bool:
        """Tell whether nobody said otherwise."""
        return connection_id not in self.gone

    def close(self, connection_id: str) -> bool:
        """Remember what was closed."""
        self.closed.append(connection_id)
        return True


class Table:
    """A core host and its connections, addressed by name."""

    def __init__(self, records: Records) -> None:
        self.connections = FakeConnections()
        self.host = CoreHost(self.connections, Topology.MESH, records)
        self._now_ms = 1_700_000_000_000

    def _facts(self, connection_id: str) -> Facts:
        return Facts(connection_id, self._now_ms, "prod", "x", "pokerlocal", {"sourceIp": "::1"})

    def connect(self, connection_id: str, player: str, session: str = "") -> Result:
        """Let a player connect; return what Lambda would."""
        self._now_ms += 1
        query = f"?playerId={player}&gameId=G" + (f"&session={session}" if session else "")
        request = Request("GET", f"/prod{query}", [("Host", "x")], "::1")
        event = connect_event(self._facts(connection_id), request, "r", "t", self._now_ms)
        return self._invoke(event)

    def say(self, connection_id: str, text: str) -> Result:
        """Let a connection send a message."""
        facts = self._facts(connection_id)
        return self._invoke(message_event(facts, "$default", text, "r", "m", self._now_ms))

    def pass_time(self, seconds: int) -> None:
        """Let handshakes be long over."""
        self._now_ms += seconds * 1000

    def leave(self, connection_id: str) -> Result:
        """Let a connection close."""
        facts = self._facts(connection_id)
        return self._invoke(disconnect_event(facts, 1001, "", "r", self._now_ms))

    def _invoke(self, event: Any) -> Result:
        results: list[Result] = []
        self.host.invoke(event, results.append)
        (result,) = results
        return result


@pytest.fixture
def table(records: Records) -> Table:
    """An empty table."""
    return Table(records)


def test_a_ghost_costs_no_live_player_a_message(table: Table) -> None:
    """The row whose connection is gone is forgotten, and the next owner hears it."""
    table.connect("h1", "HOST")
    table.connect("h2", "HOST")
    table.connect("a", "Alice")
    table.connections.gone.add("h2")
    table.pass_time(60)
    assert table.say("a", '{"type":"join"}') == Returned({"statusCode": 200})
    assert table.connections.posted == [("h1", '{"type":"join","senderId":"Alice","payload":null}')]
    assert len(table.host.table) == 2


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
    assert len(table.host.table) == 1


def test_a_refusal_is_the_handshakes_status(table: Table, records: Records) -> None:
    """With a sentence that says what is wrong."""
    result = table.connect("a", "%20")
    assert isinstance(result, Returned)
    assert isinstance(result.value, dict)
    assert result.value["statusCode"] == 400
    assert records[-1].kind == "refused"
    assert "playerId" in records[-1].outcome


def test_who_leaves_is_forgotten(table: Table, records: Records) -> None:
    """And the developer is told who it was, and why."""
    table.connect("a", "Alice")
    table.leave("a")
    assert len(table.host.table) == 0
    assert (records[-1].who, records[-1].outcome) == ("Alice", "1001 going away")


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
