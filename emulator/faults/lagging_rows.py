"""``--fault index-lag`` and ``fail-update`` for rows in memory."""

from collections import deque

from poker_signal.core.model import Connect, ConnectionId, Due, GameId, GatewayEvent, Row
from poker_signal.core.room import Room
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.functions.memory_table import MemoryTable


class LaggingTable:
    """Table whose rooms lag by ``index_lag_s``; a connection's own row is always current."""

    def __init__(self, table: MemoryTable, faults: Faults) -> None:
        self._table = table
        self._faults = faults
        self._before: dict[GameId, deque[tuple[int, Room]]] = {}
        """By game: epoch ms of each recent change, and the room before it."""

    def __len__(self) -> int:
        return len(self._table)

    def row(self, connection_id: ConnectionId) -> Row | None:
        """Return the current row of a connection, as a consistent read."""
        return self._table.row(connection_id)

    def room_of(self, event: GatewayEvent) -> Room:
        """Return the event's game as the index shows it.

        The sender's current row is added if the index does not have it, but not for a connect.
        """
        room = self._table.room_of(event)
        row = event.row if isinstance(event, Connect) else self.row(event.connection_id)
        if row is None:
            game_id = event.game_id if isinstance(event, Due) else None
            return room if game_id is None else self._room_then(game_id, room)
        old = self._room_then(row.game_id, room)
        if old is not room:
            self._faults.tell_of_lag()
        is_known = row.connection_id in {other.connection_id for other in old}
        if isinstance(event, Connect):
            return old
        # A connection's own row is current, as from a consistent read.
        return old.adding(row) if is_known else old.adding(row).lagging()

    def save(self, row: Row) -> None:
        """Store a row."""
        self._note_change_of(row)
        self._table.save(row)

    def reach(
        self,
        connection_id: ConnectionId,
        target: ConnectionId,
        kept: frozenset[ConnectionId] | None = None,
    ) -> None:
        """Add a connection to those that a row has reached, if the row exists.

        Nothing is noted if the update fails, as in DynamoDB.
        """
        if self._faults.fails_update():
            return
        self._note_change_of(self.row(connection_id))
        self._table.reach(connection_id, target, kept)

    def forget(self, connection_id: ConnectionId, left_at: int | None = None) -> None:
        """Delete or reserve a row if it exists."""
        self._note_change_of(self.row(connection_id))
        self._table.forget(connection_id, left_at)

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
