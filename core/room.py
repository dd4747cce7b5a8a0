"""Who is in one game, and who owns which name."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from poker_signal.core.model import HOST, ConnectionId, PlayerId, Row


class Lane(NamedTuple):
    """What becomes of all messages of one type from one connection to one player."""

    connection_id: ConnectionId
    """Where they go."""
    head: str
    """The frame that is sent, up to the payload."""
    max_characters: int
    """Of a payload that is within all limits, whatever characters they are."""
    since: int
    until: int
    """Epoch seconds: in between, and at both ends, nobody of the game expires."""


Lanes = dict[tuple[str, ...], Lane]
"""By sender's connection, type and target."""


class Room:
    """The rows of one game, as a value.

    Made when somebody connects or leaves, read for every message: a look-up costs the same
    with two players as with two hundred.
    """

    __slots__ = ("_by_connection", "_by_player", "in_doubt", "lanes")

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._by_connection: dict[ConnectionId, Row] = {}
        self._by_player: dict[PlayerId, list[Row]] = {}
        self.in_doubt: frozenset[ConnectionId] = frozenset()
        """Rows that own nothing for now: nothing answers, but their handshake may be going on."""
        self.lanes: Lanes = {}
        """The cache of ``fast_path``, for this room alone."""
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
        return row if row is not None and at <= row.ttl else None

    def has_reached(self, sender: ConnectionId, target: ConnectionId) -> bool:
        """Tell whether it is noted that an offer or answer got from one to the other."""
        row = self._by_connection.get(sender)
        return row is not None and target in row.reached

    def named(self, player_id: PlayerId, at: int) -> list[Row]:
        """Return the live rows of a name that are not in doubt, its owner first."""
        rows = []
        for row in self._by_player.get(player_id, ()):
            if at <= row.ttl and row.connection_id not in self.in_doubt:
                rows.append(row)
        return rows if len(rows) < 2 else _in_order_of_ownership(player_id, rows)

    def owner(self, player_id: PlayerId, at: int) -> Row | None:
        """Return the one row that messages to this name go to."""
        named = self.named(player_id, at)
        return named[0] if named else None

    def is_in_doubt(self, player_id: PlayerId) -> bool:
        """Tell whether a row of this name is in doubt."""
        return any(row.connection_id in self.in_doubt for row in self._by_player.get(player_id, ()))

    def owners(self, at: int) -> list[Row]:
        """Return the owner of every name that has a live row, in the order they connected."""
        owners = [owner for name in self._by_player if (owner := self.owner(name, at))]
        return sorted(owners, key=lambda row: (row.connected_at, row.connection_id))

    def adding(self, row: Row) -> "Room":
        """Return the room after somebody connected."""
        room = self._copy()
        room._put(row)
        return room

    def reaching(self, sender: ConnectionId, target: ConnectionId) -> "Room":
        """Return the room after an offer or answer got from a row of it to a connection."""
        row = self._by_connection[sender]
        reaching = row._replace(reached=row.reached | {target})
        room = self._copy()
        room._by_connection[sender] = reaching
        of_name = self._by_player[row.player_id]
        room._by_player[row.player_id] = [reaching if each is row else each for each in of_name]
        # Messages that were forwarded are forwarded still: they wait for no description.
        room.lanes = self.lanes.copy()
        return room

    def without(self, connection_id: ConnectionId) -> "Room":
        """Return the room after somebody left."""
        room = self._copy()
        room._drop(connection_id)
        return room

    def doubting(self, connection_id: ConnectionId) -> "Room":
        """Return the room in which a row owns nothing, though it is there.

        Nobody answers for it; but it is so young that its handshake may still be going on.
        """
        room = self._copy()
        room.in_doubt |= {connection_id}
        return room

    def doubted(self) -> list[Row]:
        """Return the rows that are in doubt."""
        return [row for row in self if row.connection_id in self.in_doubt]

    def trusting(self, player_id: PlayerId | None) -> "Room":
        """Return the room in which no row of this name is in doubt."""
        room = self._copy()
        room.in_doubt -= {row.connection_id for row in self if row.player_id == player_id}
        return room

    def _copy(self) -> "Room":
        # The lists of rows are shared: _put and _drop replace them, they do not change them.
        room = Room.__new__(Room)
        room._by_connection = self._by_connection.copy()
        room._by_player = self._by_player.copy()
        room.in_doubt = self.in_doubt
        room.lanes = {}
        return room

    def _put(self, row: Row) -> None:
        self._drop(row.connection_id)
        for other in self._by_connection.values():
            if other.game_id != row.game_id:
                raise ValueError("a room holds the rows of one game, and this one is of another")
            break
        self._by_connection[row.connection_id] = row
        self._by_player[row.player_id] = [*self._by_player.get(row.player_id, ()), row]

    def _drop(self, connection_id: ConnectionId) -> None:
        row = self._by_connection.pop(connection_id, None)
        if row is not None:
            of_name = self._by_player.pop(row.player_id)
            if left := [other for other in of_name if other.connection_id != connection_id]:
                self._by_player[row.player_id] = left


def _in_order_of_ownership(player_id: PlayerId, rows: list[Row]) -> list[Row]:
    """Sort the rows of one name.

    Rows of one session are one seat, and the latest of them has it, also while its former self
    is still there. A seat belongs to whoever sat down first: nobody takes it by connecting
    later. Without sessions, the game belongs to the tablet that connected last: one that
    restarts must get its game back; but it never gets that of a host with a session.

    All of this is decided by what does not change as long as a row lives: whichever invocation
    writes first, everybody who sees the same rows sees the same owner.
    """
    seats: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.age, reverse=True):
        seats.setdefault(row.session or row.connection_id, []).append(row)
    by_rank = sorted(seats.values(), key=lambda seat: min(row.rank for row in seat))
    in_order = [row for seat in by_rank for row in seat]
    if player_id != HOST:
        return in_order
    protected = [row for row in in_order if row.session is not None]
    others = sorted((row for row in rows if row.session is None), key=lambda row: row.connection_id)
    return protected + sorted(others, key=lambda row: row.connected_at, reverse=True)
