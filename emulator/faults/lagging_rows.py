"""``--fault index-lag`` for rows in memory: rooms are read as they were a while ago."""

from collections import deque

from poker_signal.core.model import Connect, ConnectionId, GameId, GatewayEvent, Row
from poker_signal.core.room import Room
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.functions.memory_table import MemoryTable


class LaggingTable:
    """A table whose rooms are as old as the fault says; a connection's own row is not."""

    def __init__(self, table: MemoryTable, faults: Faults) -> None:
        self._table = table
        self._faults = faults
        self._before: dict[GameId, deque[tuple[int, Room]]] = {}
        """What a game was before each of its latest changes, and when that was, in ms."""

    def __len__(self) -> int:
        return len(self._table)

    def row(self, connection_id: ConnectionId) -> Row | None:
        """Return the row of a connection: a consistent read."""
        return self._table.row(connection_id)

    def room_of(self, event: GatewayEvent) -> Room:
        """Return what the index knows of the event's game, the sender added as it is now."""
        room = self._table.room_of(event)
        row = event.row if isinstance(event, Connect) else self.row(event.connection_id)
        if row is None:
            return room
        old = self._room_then(row.game_id, room)
        if old is not room:
            self._faults.tell_of_lag()
        is_known = row.connection_id in {other.connection_id for other in old}
        return old if is_known or isinstance(event, Connect) else old.adding(row)

    def save(self, row: Row) -> None:
        """Store a row."""
        self._note_change_of(row)
        self._table.save(row)

    def reach(self, connection_id: ConnectionId, target: ConnectionId) -> None:
        """Add a connection to what a row has reached, if the row is there."""
        self._note_change_of(self.row(connection_id))
        self._table.reach(connection_id, target)

    def forget(self, connection_id: ConnectionId) -> None:
        """Delete a row, if it is there."""
        self._note_change_of(self.row(connection_id))
        self._table.forget(connection_id)

    def _room_then(self, game_id: GameId, now: Room) -> Room:
        """Return the game as it was before the first change that the index has not seen."""
        changes = self._before.get(game_id)
        if changes is None:
            return now
        seen_until_ms = self._faults.clock.now_ms() - round(self._faults.index_lag_s * 1000)
        while changes and changes[0][0] <= seen_until_ms:
            changes.popleft()
        if changes:
            return changes[0][1]
        del self._before[game_id]
        return now

    def _note_change_of(self, row: Row | None) -> None:
        if row is not None:
            before = self._table.room_of(Connect(row, 0))
            changes = self._before.setdefault(row.game_id, deque())
            changes.append((self._faults.clock.now_ms(), before))
