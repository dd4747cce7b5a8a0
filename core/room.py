"""Who is in one game, and who owns which name."""

from collections.abc import Iterable, Iterator

from poker_signal.core.model import HOST, ConnectionId, PlayerId, Row


class Room:
    """The rows of one game, as a value.

    Made when somebody connects or leaves, read for every message: a look-up costs the same
    with two players as with two hundred.
    """

    __slots__ = ("_by_connection", "_by_player")

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._by_connection: dict[ConnectionId, Row] = {}
        self._by_player: dict[PlayerId, list[Row]] = {}
        for row in rows:
            self._put(row)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._by_connection.values())

    def __len__(self) -> int:
        return len(self._by_connection)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Room) and self._by_connection == other._by_connection

    def __hash__(self) -> int:
        return hash(frozenset(self._by_connection.values()))

    def __repr__(self) -> str:
        return f"Room({list(self)!r})"

    def row(self, connection_id: ConnectionId, at: int) -> Row | None:
        """Return the row of a connection if it has one that is live at ``at``, in epoch seconds."""
        row = self._by_connection.get(connection_id)
        return row if row is not None and row.is_live(at) else None

    def named(self, player_id: PlayerId, at: int) -> list[Row]:
        """Return the live rows of a name, its owner first."""
        return [row for row in self._by_player.get(player_id, ()) if row.is_live(at)]

    def owner(self, player_id: PlayerId, at: int) -> Row | None:
        """Return the one row that messages to this name go to."""
        for row in self._by_player.get(player_id, ()):
            if row.is_live(at):
                return row
        return None

    def owners(self, at: int) -> list[Row]:
        """Return the owner of every name that has a live row, in the order they connected."""
        owners = [owner for name in self._by_player if (owner := self.owner(name, at))]
        return sorted(owners, key=lambda row: (row.connected_at, row.connection_id))

    def adding(self, row: Row) -> "Room":
        """Return the room after somebody connected."""
        room = self._copy()
        room._put(row)
        return room

    def without(self, connection_id: ConnectionId) -> "Room":
        """Return the room after somebody left."""
        room = self._copy()
        room._drop(connection_id)
        return room

    def _copy(self) -> "Room":
        # The lists of rows are shared: _put and _drop replace them, they do not change them.
        room = Room()
        room._by_connection = self._by_connection.copy()
        room._by_player = self._by_player.copy()
        return room

    def _put(self, row: Row) -> None:
        self._drop(row.connection_id)
        self._by_connection[row.connection_id] = row
        of_name = [*self._by_player.get(row.player_id, ()), row]
        self._by_player[row.player_id] = _in_order_of_ownership(row.player_id, of_name)

    def _drop(self, connection_id: ConnectionId) -> None:
        row = self._by_connection.pop(connection_id, None)
        if row is not None:
            of_name = self._by_player.pop(row.player_id)
            if left := [other for other in of_name if other.connection_id != connection_id]:
                self._by_player[row.player_id] = left


def _in_order_of_ownership(player_id: PlayerId, rows: list[Row]) -> list[Row]:
    """Sort the rows of one name.

    A seat belongs to whoever sat down first: nobody takes it by connecting later. The game
    belongs to the tablet that connected last: one that restarts must get its game back.
    Rows of the same millisecond go by the smaller connection id.
    """
    by_id = sorted(rows, key=lambda row: row.connection_id)
    return sorted(by_id, key=lambda row: row.connected_at, reverse=player_id == HOST)
