"""The rows, in memory: they live no longer than the emulator."""

from collections.abc import Iterator

from poker_signal.core.model import ROW_LIFETIME_S, Connect, ConnectionId, GameId, GatewayEvent, Row
from poker_signal.core.room import Room


class MemoryTable:
    """The table ``poker-signaling-connections`` and its index, without DynamoDB.

    Rooms are values that are replaced when somebody comes or goes: reading one for a message
    costs a look-up.
    """

    def __init__(self) -> None:
        self._rows: dict[ConnectionId, Row] = {}
        self._rooms: dict[GameId, Room] = {}
        self._empty = Room()

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> Iterator[Row]:
        """Iterate over all rows, live or not, the oldest first."""
        return iter(self._rows.values())

    def row(self, connection_id: ConnectionId) -> Row | None:
        """Return the row of a connection, live or not."""
        return self._rows.get(connection_id)

    def room_of(self, event: GatewayEvent) -> Room:
        """Return the snapshot that is needed to decide an event."""
        row = event.row if isinstance(event, Connect) else self._rows.get(event.connection_id)
        return self._rooms.get(row.game_id, self._empty) if row is not None else self._empty

    def save(self, row: Row) -> None:
        """Store a row, unless the same handshake's is stored already. Expired ones go."""
        self._forget_expired(row.ttl - ROW_LIFETIME_S)
        stored = self._rows.get(row.connection_id)
        if stored is not None and stored.connected_at == row.connected_at:
            return
        if stored is not None:
            self.forget(row.connection_id)
        self._rows[row.connection_id] = row
        self._rooms[row.game_id] = self._rooms.get(row.game_id, self._empty).adding(row)

    def _forget_expired(self, now_s: int) -> None:
        # As DynamoDB does. A row whose $disconnect never came, of a game to which nobody comes
        # back, goes in no other way. Rows stand in the order in which they expire.
        while (oldest := next(iter(self._rows.values()), None)) and oldest.ttl < now_s:
            self.forget(oldest.connection_id)

    def reach(self, connection_id: ConnectionId, target: ConnectionId) -> None:
        """Add a connection to what a row has reached, if the row is there."""
        row = self._rows.get(connection_id)
        if row is not None and target not in row.reached:
            self._rows[connection_id] = row._replace(reached=row.reached | {target})
            self._rooms[row.game_id] = self._rooms[row.game_id].reaching(connection_id, target)

    def forget(self, connection_id: ConnectionId) -> None:
        """Delete a row, if it is there."""
        row = self._rows.pop(connection_id, None)
        if row is None:
            return
        left = self._rooms[row.game_id].without(connection_id)
        if len(left):
            self._rooms[row.game_id] = left
        else:
            del self._rooms[row.game_id]
