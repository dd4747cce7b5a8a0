"""The table of rows, in memory: it lasts as long as the emulator runs."""

from collections.abc import Iterator

from poker_signal.core.model import ROW_LIFETIME_S, Connect, ConnectionId, GameId, GatewayEvent, Row
from poker_signal.core.room import Room


class MemoryTable:
    """The table ``poker-signaling-connections`` and its index, without DynamoDB.

    A room is a value that is replaced when one of its rows changes. Reading it for a message is
    one look-up.
    """

    def __init__(self) -> None:
        self._rows: dict[ConnectionId, Row] = {}
        self._rooms: dict[GameId, Room] = {}
        self._empty = Room()

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> Iterator[Row]:
        """Iterate over all rows, expired ones included, the oldest first."""
        return iter(self._rows.values())

    def row(self, connection_id: ConnectionId) -> Row | None:
        """Return the row of a connection, even if it has expired."""
        return self._rows.get(connection_id)

    def room_of(self, event: GatewayEvent) -> Room:
        """Return the room in which the rules decide an event."""
        row = event.row if isinstance(event, Connect) else self._rows.get(event.connection_id)
        return self._rooms.get(row.game_id, self._empty) if row is not None else self._empty

    def save(self, row: Row) -> None:
        """Store a row unless the same handshake's row is stored already; delete expired rows."""
        self._forget_expired(row.ttl - ROW_LIFETIME_S)
        stored = self._rows.get(row.connection_id)
        if stored is not None and stored.connected_at == row.connected_at:
            return
        if stored is not None:
            self.forget(row.connection_id)
        self._rows[row.connection_id] = row
        self._rooms[row.game_id] = self._rooms.get(row.game_id, self._empty).adding(row)

    def _forget_expired(self, now_s: int) -> None:
        # As DynamoDB does. This is the only way to delete a row whose $disconnect never came, in a
        # game that no player joins again. Rows are in the order in which they expire.
        while (oldest := next(iter(self._rows.values()), None)) and oldest.ttl < now_s:
            self.forget(oldest.connection_id)

    def reach(self, connection_id: ConnectionId, target: ConnectionId) -> None:
        """Add ``target`` to the connections that a row has reached, if the row exists."""
        row = self._rows.get(connection_id)
        if row is not None and target not in row.reached:
            self._rows[connection_id] = row._replace(reached=row.reached | {target})
            self._rooms[row.game_id] = self._rooms[row.game_id].reaching(connection_id, target)

    def forget(self, connection_id: ConnectionId) -> None:
        """Delete a row, if it exists."""
        row = self._rows.pop(connection_id, None)
        if row is None:
            return
        left = self._rooms[row.game_id].without(connection_id)
        if len(left):
            self._rooms[row.game_id] = left
        else:
            del self._rooms[row.game_id]
