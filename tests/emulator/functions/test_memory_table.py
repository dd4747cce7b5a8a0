"""Rows in memory."""

from poker_signal.core.model import (
    RESERVED_S,
    ROW_LIFETIME_S,
    Connect,
    ConnectionId,
    Disconnect,
    GameId,
    Message,
    PlayerId,
    Row,
)
from poker_signal.core.room import Room
from poker_signal.emulator.functions.memory_table import MemoryTable

ALICE = Row(ConnectionId("a"), PlayerId("Alice"), GameId("G1"), "2024-01-01T00:00:00.000Z", 9)
BOB = Row(ConnectionId("b"), PlayerId("Bob"), GameId("G1"), "2024-01-01T00:00:01.000Z", 9)
CAROL = Row(ConnectionId("c"), PlayerId("Carol"), GameId("G2"), "2024-01-01T00:00:02.000Z", 9)


def test_a_room_holds_the_rows_of_one_game() -> None:
    """A room never has rows of other games; all rows keep the order in which they were saved."""
    table = MemoryTable()
    for row in (CAROL, ALICE, BOB):
        table.save(row)
    assert list(table.rows()) == [CAROL, ALICE, BOB]
    assert list(table.room_of(Message(ALICE.connection_id, "", 0))) == [ALICE, BOB]
    assert list(table.room_of(Connect(CAROL, 0))) == [CAROL]
    assert list(table.room_of(Disconnect(ConnectionId("unknown")))) == []


def test_a_room_that_was_read_does_not_change() -> None:
    """A room is a snapshot: an invocation decides on the rows that it has read."""
    table = MemoryTable()
    table.save(ALICE)
    room = table.room_of(Connect(BOB, 0))
    table.save(BOB)
    table.forget(ALICE.connection_id)
    assert list(room) == [ALICE]


def test_expired_rows_go_when_somebody_comes() -> None:
    """Expired rows of all games are deleted; a row lives through its last second."""
    table = MemoryTable()
    for row in (ALICE, CAROL):
        table.save(row)
    table.reach(ALICE.connection_id, CAROL.connection_id)
    table.save(BOB._replace(ttl=9 + ROW_LIFETIME_S))
    assert len(table) == 3
    table.save(BOB._replace(connection_id=ConnectionId("d"), ttl=10 + ROW_LIFETIME_S))
    assert [table.row(ConnectionId(key)) is None for key in "abcd"] == [True, False, True, False]


def test_nothing_is_left_of_a_game_that_everybody_left() -> None:
    """The emulator may run for weeks, so empty games take no memory."""
    table = MemoryTable()
    table.save(ALICE)
    table.save(BOB)
    table.forget(ALICE.connection_id)
    table.forget(ALICE.connection_id)
    assert table.row(ALICE.connection_id) is None
    assert list(table.room_of(Message(BOB.connection_id, "", 0))) == [BOB]
    table.forget(BOB.connection_id)
    assert (len(table), table._rooms) == (0, {})


def test_saving_twice_wipes_nothing_out() -> None:
    """A retry may come late, as in DynamoDB; a row of another game replaces it."""
    table = MemoryTable()
    table.save(ALICE)
    table.reach(ALICE.connection_id, BOB.connection_id)
    table.save(ALICE)
    assert table.row(ALICE.connection_id) == ALICE._replace(reached=frozenset({BOB.connection_id}))
    again = CAROL._replace(connection_id=ALICE.connection_id)
    table.save(again)
    assert table.row(ALICE.connection_id) == again
    assert len(table.room_of(Connect(ALICE, 0))) == 0


LEFT_AT = 100
DORA = CAROL._replace(connection_id=ConnectionId("d"), player_id=PlayerId("Dora"), session="s")
RESERVED = DORA._replace(left_at=LEFT_AT, ttl=LEFT_AT + RESERVED_S)


def test_a_row_with_a_session_is_reserved_when_its_connection_ends() -> None:
    """A reservation is in its room, and does not count; events that come late do not change it."""
    table = MemoryTable()
    table.save(ALICE)
    table.save(DORA)
    table.reach(DORA.connection_id, CAROL.connection_id)
    for each in (ALICE, DORA):
        table.forget(each.connection_id, LEFT_AT)
    assert (len(table), table.row(ALICE.connection_id)) == (0, None)
    table.forget(DORA.connection_id, LEFT_AT + 5)
    table.reach(DORA.connection_id, CAROL.connection_id)
    table.save(DORA)
    assert table.row(DORA.connection_id) == RESERVED
    for event in (Connect(CAROL, 0), Message(DORA.connection_id, "", 0)):
        assert table.room_of(event) == Room([RESERVED])
    assert (len(table), [*table._rooms]) == (0, [CAROL.game_id])


def test_a_reservation_ends_with_a_takeover_or_after_its_time() -> None:
    """Expired reservations of all games are deleted with the expired rows."""
    table = MemoryTable()
    table.save(DORA)
    table.forget(DORA.connection_id, LEFT_AT)
    again = DORA._replace(connection_id=ConnectionId("e"), ttl=RESERVED.ttl + ROW_LIFETIME_S)
    table.save(again)
    assert list(table.room_of(Connect(again, 0))) == [RESERVED, again]
    table.forget(DORA.connection_id)
    assert table.room_of(Connect(again, 0)) == Room([again])
    table.forget(again.connection_id, LEFT_AT + 1)
    table.save(CAROL._replace(ttl=RESERVED.ttl + 1 + ROW_LIFETIME_S))
    assert table.row(again.connection_id) is not None
    table.save(BOB._replace(ttl=RESERVED.ttl + 2 + ROW_LIFETIME_S))
    assert table.row(again.connection_id) is None
    assert [row.player_id for row in table.room_of(Connect(again, 0))] == ["Carol"]


def test_a_full_set_of_reached_connections_is_replaced_by_those_that_are_kept() -> None:
    """The row and its room show the same set; without a row nothing is stored."""
    table = MemoryTable()
    table.save(CAROL)
    for name in "xyz":
        table.reach(CAROL.connection_id, ConnectionId(name))
    kept = frozenset({ConnectionId("y")})
    table.reach(CAROL.connection_id, ConnectionId("new"), kept)
    table.reach(ALICE.connection_id, ConnectionId("new"), kept)
    now = CAROL._replace(reached=frozenset({ConnectionId("y"), ConnectionId("new")}))
    assert table.row(CAROL.connection_id) == now
    assert list(table.room_of(Connect(CAROL, 0))) == [now]
    assert len(table) == 1
