"""The table of rows, in memory: it lasts as long as the emulator runs."""

from collections.abc import Iterator
from itertools import chain

from poker_signal.core.model import (
    RESERVED_S,
    ROW_LIFETIME_S,
    Connect,
    ConnectionId,
    Due,
    GameId,
    GatewayEvent,
    Row,
)
from poker_signal.core.room import Room


class MemoryTable:
    """The table ``poker-signaling-connections`` and its index, without DynamoDB.

    A room is a value that is replaced when one of its rows changes. Reading it for a message is
    one look-up.
    """

    def __init__(self) -> None:
        self._rows: dict[ConnectionId, Row] = {}
        self._reserved: dict[ConnectionId, Row] = {}
        """Rows whose connection has ended, in the order in which they expire."""
        self._rooms: dict[GameId, Room] = {}
        self._empty = Room()

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> Iterator[Row]:
        """Iterate over all rows, expired ones and reservations included, the oldest first."""
        return chain(self._rows.values(), self._reserved.values())

    def row(self, connection_id: ConnectionId) -> Row | None:
        """Return the row of a connection, even if it has expired."""
        return self._rows.get(connection_id) or self._reserved.get(connection_id)

    def room_of(self, event: GatewayEvent) -> Room:
        """Return the room in which the rules decide an event."""
        row = event.row if isinstance(event, Connect) else self.row(event.connection_id)
        if row is not None:
            return self._rooms.get(row.game_id, self._empty)
        game_id = event.game_id if isinstance(event, Due) else None
        return self._empty if game_id is None else self._rooms.get(game_id, self._empty)

    def save(self, row: Row) -> None:
        """Store a row unless the same handshake's row is stored already; delete expired rows."""
        self._forget_expired(row.ttl - ROW_LIFETIME_S)
        stored = self.row(row.connection_id)
        if stored is not None and stored.connected_at == row.connected_at:
            return
        if stored is not None:
            self.forget(row.connection_id)
        rows = self._rows if row.left_at is None else self._reserved
        rows[row.connection_id] = row
        self._rooms[row.game_id] = self._rooms.get(row.game_id, self._empty).adding(row)

    def _forget_expired(self, now_s: int) -> None:
        # As DynamoDB does. This is the only way to delete a row whose $disconnect never came, in a
        # game that no player joins again. Rows are in the order in which they expire.
        for rows in (self._rows, self._reserved):
            while (oldest := next(iter(rows.values()), None)) and oldest.ttl < now_s:
                self.forget(oldest.connection_id)

    def reach(
        self,
        connection_id: ConnectionId,
        target: ConnectionId,
        kept: frozenset[ConnectionId] | None = None,
    ) -> None:
        """Add ``target`` to the connections that a row has reached, if the row exists.

        With ``kept``, ``reached`` is replaced by these and the target.
        """
        row = self._rows.get(connection_id)
        if row is None or target in row.reached:
            return
        if kept is not None:
            row = row._replace(reached=kept | {target})
            self._rows[connection_id] = row
            self._rooms[row.game_id] = self._rooms[row.game_id].adding(row)
            return
        self._rows[connection_id] = row._replace(reached=row.reached | {target})
        self._rooms[row.game_id] = self._rooms[row.game_id].reaching(connection_id, target)

    def forget(self, connection_id: ConnectionId, left_at: int | None = None) -> None:
        """Delete a row, if it exists; with ``left_at`` (epoch seconds) reserve that of a session.

        A reservation expires after ``RESERVED_S``.
        """
        row = self._rows.pop(connection_id, None) or self._reserved.pop(connection_id, None)
        if row is None:
            return
        if left_at is not None and row.session is not None:
            if row.left_at is None:
                row = row._replace(left_at=left_at, ttl=left_at + RESERVED_S, reached=frozenset())
            self._reserved[connection_id] = row
            self._rooms[row.game_id] = self._rooms[row.game_id].adding(row)
            return
        left = self._rooms[row.game_id].without(connection_id)
        if len(left):
            self._rooms[row.game_id] = left
        else:
            del self._rooms[row.game_id]
