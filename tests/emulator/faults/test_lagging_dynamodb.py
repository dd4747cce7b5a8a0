"""The faults ``index-lag`` and ``fail-update``: in memory, and in front of DynamoDB's API."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.moto_server.werkzeug_app import create_backend_app

from poker_signal.core.model import Connect, ConnectionId, GameId, Message, PlayerId, Row
from poker_signal.core.room import Room
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.faults.lagging_dynamodb import Environ, LaggingIndex, StartResponse
from poker_signal.emulator.faults.lagging_rows import LaggingTable
from poker_signal.emulator.functions.memory_table import MemoryTable
from poker_signal.emulator.trace.entries import Fault
from poker_signal.emulator.trace.trace import Trace
from poker_signal.lambda_app.table import DynamoTable, schema
from tests.support.dynamodb import TABLE, client_of

LAG = "index-lag=800ms"


def row(connection: str, player: str = "Alice", game: str = "G") -> Row:
    """Return the row of a connection."""
    return Row(ConnectionId(connection), PlayerId(player), GameId(game), "2024", 9)


HOST = row("h", "HOST")


class Memory:
    """Rows in memory with a fault and a virtual clock."""

    def __init__(self, spec: str = LAG) -> None:
        self.clock = VirtualClock()
        self.faults = Faults([spec])
        self.trace = Trace()
        self.faults.attach(self.clock, self.trace, tuple)
        self.table = LaggingTable(MemoryTable(), self.faults)

    def seen_by(self, connection: str) -> set[str]:
        """Return the connections that a message's sender finds."""
        room = self.table.room_of(Message(ConnectionId(connection), "", 0))
        return {row.connection_id for row in room}


def test_who_comes_is_found_later_but_knows_itself() -> None:
    """A sender's own row is read from the table; a stale result is traced."""
    memory = Memory()
    memory.table.save(HOST)
    memory.clock.advance(1)
    assert (memory.seen_by("h"), memory.trace.next_number) == ({"h"}, 0)
    memory.table.save(row("a"))
    assert memory.seen_by("h") == {"h"}
    ((_, told),) = memory.trace.since(0)
    assert isinstance(told, Fault)
    assert told.fault == LAG
    assert memory.seen_by("a") == {"h", "a"}
    rooms = [memory.table.room_of(Message(ConnectionId(each), "", 0)) for each in "ha"]
    assert [room.is_lagging for room in rooms] == [False, True]
    memory.clock.advance(0.799)
    assert memory.seen_by("h") == {"h"}
    memory.clock.advance(0.001)
    assert memory.seen_by("h") == {"h", "a"}
    assert len(memory.table) == 2


def test_who_leaves_is_found_for_a_while() -> None:
    """Each change appears at its own time; games do not delay each other."""
    memory = Memory()
    for new in (HOST, row("a"), row("b", "Bob")):
        memory.table.save(new)
    memory.clock.advance(1)
    memory.table.save(row("o", "HOST", "OTHER"))
    memory.table.forget(ConnectionId("unknown"))
    memory.table.reach(ConnectionId("unknown"), ConnectionId("h"))
    memory.table.forget(ConnectionId("a"))
    memory.clock.advance(0.5)
    memory.table.forget(ConnectionId("b"))
    assert (memory.seen_by("h"), memory.seen_by("unknown")) == ({"h", "a", "b"}, set())
    memory.clock.advance(0.3)
    assert memory.seen_by("h") == {"h", "b"}
    memory.clock.advance(0.5)
    assert memory.seen_by("h") == {"h"}


def test_what_a_row_has_reached_is_late_as_well() -> None:
    """A newcomer, and other players, find the former state; the sender's own row is current."""
    memory = Memory()
    memory.table.save(HOST)
    assert memory.table.room_of(Connect(row("a"), 0)) == Room()
    memory.clock.advance(0.8)
    memory.table.reach(ConnectionId("h"), ConnectionId("a"))
    reached = HOST._replace(reached=frozenset({ConnectionId("a")}))
    events = (Message(ConnectionId("h"), "", 0), Connect(row("a"), 0))
    rooms = [memory.table.room_of(event) for event in events]
    assert rooms == [Room([reached]), Room([HOST])]
    assert [room.is_lagging for room in rooms] == [False, False]
    assert memory.table.row(ConnectionId("h")) == reached
    memory.clock.advance(1)
    assert [memory.table.room_of(event) for event in events] == [Room([reached])] * 2


def test_a_failed_update_notes_nothing() -> None:
    """The failure is traced, and the next update succeeds."""
    memory, alice = Memory("fail-update#1"), ConnectionId("a")
    memory.table.save(HOST)
    for reached in (frozenset[ConnectionId](), frozenset({alice})):
        memory.table.reach(ConnectionId("h"), alice)
        assert memory.table.row(ConnectionId("h")) == HOST._replace(reached=reached)
    told = [entry for _, entry in memory.trace.since(0)]
    assert told == [
        Fault(
            memory.clock.now_ms(),
            None,
            "fail-update#1",
            "UpdateItem: 500",
            "an update of a row fails",
        )
    ]


def test_a_failed_update_does_not_reach_dynamodb() -> None:
    """The handler gets a 500; other calls, and the next update, get DynamoDB's answer."""
    faults, told = Faults(["fail-update#1"]), list[object]()
    faults.call_soon = told.append
    statuses: list[str] = []

    def dynamodb(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])
        return [b"{}"]

    index = LaggingIndex(dynamodb, faults, lambda: 0)
    for operation in ("PutItem", "UpdateItem", "UpdateItem"):
        environ = {"HTTP_X_AMZ_TARGET": f"DynamoDB_20120810.{operation}"}
        index(environ, lambda status, *_: statuses.append(status))
    assert statuses == ["200 OK", "500 Internal Server Error", "200 OK"]
    assert len(told) == 1


class Dynamo:
    """DynamoDB of moto with a lagging index and a virtual clock."""

    def __init__(self, *specs: str) -> None:
        self.now_s = 0.0
        self.told = 0
        self.faults = Faults(specs)
        self.faults.call_soon = lambda callback: self._tell()
        index = LaggingIndex(create_backend_app("dynamodb"), self.faults, lambda: self.now_s)
        self.client: Any = client_of(index)
        if TABLE in self.client.list_tables()["TableNames"]:
            self.client.delete_table(TableName=TABLE)
        self.client.create_table(**schema(TABLE))
        self.table = DynamoTable(self.client, TABLE)

    def _tell(self) -> None:
        self.told += 1

    def indexed(self, game: str = "G") -> set[str]:
        """Return the connections that the index returns."""
        return {row.connection_id for row in self.table.read_room(GameId(game)).room}


def test_an_index_of_dynamodb_is_late_and_the_table_is_not() -> None:
    """Put, update and delete each appear after the lag."""
    dynamo = Dynamo(LAG)
    dynamo.table.save(HOST)
    assert dynamo.indexed() == set()
    assert dynamo.table.row(ConnectionId("h")) == HOST
    dynamo.now_s = 0.8
    assert dynamo.indexed() == {"h"}
    dynamo.table.reach(ConnectionId("h"), ConnectionId("a"))
    dynamo.table.save(row("a"))
    dynamo.now_s = 1.6
    (host,) = (r for r in dynamo.table.read_room(GameId("G")).room if r.player_id == "HOST")
    assert host.reached == {"a"}
    dynamo.table.forget(ConnectionId("h"), left_at=None)
    assert dynamo.indexed() == {"h", "a"}
    dynamo.now_s = 2.5
    assert dynamo.indexed() == {"a"}
    assert dynamo.told == 2


def test_several_writes_at_once_are_late_too() -> None:
    """Batches and transactions lag too; a write whose condition failed changes nothing."""
    dynamo = Dynamo(LAG)
    dynamo.table.reach(ConnectionId("unknown"), ConnectionId("a"))
    names = {"playerId": {"S": "Alice"}, "gameId": {"S": "G"}, "connectedAt": {"S": "2024"}}
    one, other = ({"connectionId": {"S": id_}, "ttl": {"N": "9"}, **names} for id_ in "ab")
    dynamo.client.batch_write_item(RequestItems={TABLE: [{"PutRequest": {"Item": one}}]})
    assert dynamo.indexed() == set()
    dynamo.now_s = 1
    put = {"Put": {"TableName": TABLE, "Item": other}}
    dynamo.client.transact_write_items(TransactItems=[put])
    assert dynamo.indexed() == {"a"}
    dynamo.now_s = 2
    assert dynamo.indexed() == {"a", "b"}
    assert dynamo.told == 2
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        DynamoTable(dynamo.client, "nowhere").read_room(GameId("G"))


def test_what_was_there_before_the_fault_is_found_and_after_it_everything() -> None:
    """Rows from before the fault stay visible, and without the fault all rows are visible."""
    dynamo = Dynamo()
    dynamo.table.save(HOST)
    assert dynamo.indexed() == {"h"}
    for number in range(2):
        dynamo.faults.add(LAG)
        before = dynamo.indexed()
        dynamo.table.save(row(f"a{number}"))
        assert dynamo.indexed() == before
        dynamo.faults.remove(LAG)
        assert dynamo.indexed() == {*before, f"a{number}"}
    names = dynamo.client.list_tables()["TableNames"]
    assert [name for name in names if name.startswith(TABLE)] == [TABLE]
