"""The rows of one game, and the owner of each name."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from poker_signal.core.model import HOST, ConnectionId, PlayerId, Row


class Lane(NamedTuple):
    """Cached decision on all messages of one type from one connection to one player."""

    connection_id: ConnectionId
    """The target's connection."""
    head: str
    """The frame to post, up to the payload."""
    max_characters: int
    """Longest payload that is within all limits even at four bytes per character."""
    since: int
    until: int
    """Epoch seconds. From ``since`` to ``until``, both included, no row of the game expires."""


Lanes = dict[tuple[str, ...], Lane]
"""Lanes by the sender's connection, the type and the ``targetId``."""

# The lane cache inside a value
#
# A Room is a value: methods that change something return a changed copy. The one exception is
# ``lanes``, a cache that only fast_path fills, in place. ``==`` and ``hash`` use the rows alone.
# - adding(), without(), doubting(), trusting() and lagging() return a copy with an empty cache,
#   because each of them may change the decision on a message.
# - reaching() copies the cache: the owners stay the same, and a message that needed exactly one
#   post still does, because a row's ``reached`` only grows.
# The cache is safe for three reasons. A lane belongs to one set of rows, and has the times between
# which none of them expires. A host's rules never change, and each host has its own rooms. Only
# the emulator's event loop uses lanes, so they need no lock; the Lambda function reads a new room
# for each invocation and does not call fast_path.
# A new method that can change an owner must start from _copy() and leave the cache empty.


class Room:
    """The rows of one game, as a value.

    A room is made when a row is added or removed, and read for every message. A look-up costs
    the same with two players as with two hundred.
    """

    __slots__ = ("_by_connection", "_by_player", "in_doubt", "is_lagging", "lanes")

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._by_connection: dict[ConnectionId, Row] = {}
        self._by_player: dict[PlayerId, list[Row]] = {}
        self.in_doubt: frozenset[ConnectionId] = frozenset()
        """Connections ignored as owners: they answered 410, but may still be opening."""
        self.is_lagging = False
        """True if the rows come from an index that does not list the sender's own row yet."""
        self.lanes: Lanes = {}
        """The cache of ``fast_path``, valid for this room only."""
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
        """Return the row of a connection, if it is live at ``at`` (epoch seconds)."""
        row = self._by_connection.get(connection_id)
        return row if row is not None and at <= row.ttl else None

    def has_reached(self, sender: ConnectionId, target: ConnectionId) -> bool:
        """Return whether an offer or answer from sender to target is noted as delivered."""
        row = self._by_connection.get(sender)
        return row is not None and target in row.reached

    def named(self, player_id: PlayerId, at: int) -> list[Row]:
        """Return the live rows of a name that are not in doubt, the owner first.

        A row may be a reservation (``left_at``): it owns the name and receives nothing.
        """
        rows = []
        for row in self._by_player.get(player_id, ()):
            if at <= row.ttl and row.connection_id not in self.in_doubt:
                rows.append(row)
        return rows if len(rows) < 2 else _in_order_of_ownership(player_id, rows)

    def owner(self, player_id: PlayerId, at: int) -> Row | None:
        """Return the row that owns a name, perhaps as a reservation; None: no such player."""
        named = self.named(player_id, at)
        return named[0] if named else None

    def is_in_doubt(self, player_id: PlayerId) -> bool:
        """Return whether a row of this name is in doubt."""
        return any(row.connection_id in self.in_doubt for row in self._by_player.get(player_id, ()))

    def owners(self, at: int) -> list[Row]:
        """Return the owner of every name that has a live row, the oldest connection first."""
        owners = [owner for name in self._by_player if (owner := self.owner(name, at))]
        return sorted(owners, key=lambda row: (row.connected_at, row.connection_id))

    def adding(self, row: Row) -> "Room":
        """Return a copy with this row added, or replaced."""
        room = self._copy()
        room._put(row)
        return room

    def reaching(self, sender: ConnectionId, target: ConnectionId) -> "Room":
        """Return a copy in which the sender's row has reached the target."""
        row = self._by_connection[sender]
        reaching = row._replace(reached=row.reached | {target})
        room = self._copy()
        room._by_connection[sender] = reaching
        of_name = self._by_player[row.player_id]
        room._by_player[row.player_id] = [reaching if each is row else each for each in of_name]
        # No lane becomes wrong: the owners are the same, and a relayed message still has one post.
        room.lanes = self.lanes.copy()
        return room

    def without(self, connection_id: ConnectionId) -> "Room":
        """Return a copy without this connection's row."""
        room = self._copy()
        room._drop(connection_id)
        return room

    def doubting(self, connection_id: ConnectionId) -> "Room":
        """Return a copy in which this row is ignored when names are resolved.

        The connection answered 410, but it is so young that it may still be opening.
        """
        room = self._copy()
        room.in_doubt |= {connection_id}
        return room

    def trusting(self, player_id: PlayerId | None) -> "Room":
        """Return a copy in which no row of this name is in doubt."""
        room = self._copy()
        room.in_doubt -= {row.connection_id for row in self if row.player_id == player_id}
        return room

    def lagging(self) -> "Room":
        """Return a copy that is marked as read from an index that lags."""
        room = self._copy()
        room.is_lagging = True
        return room

    def _copy(self) -> "Room":
        # The copies share lists of rows: _put and _drop replace a list and never change it.
        room = Room.__new__(Room)
        room._by_connection = self._by_connection.copy()
        room._by_player = self._by_player.copy()
        room.in_doubt = self.in_doubt
        room.is_lagging = self.is_lagging
        room.lanes = {}
        return room

    def _put(self, row: Row) -> None:
        self._drop(row.connection_id)
        for other in self._by_connection.values():
            if other.game_id != row.game_id:
                raise ValueError("a room holds the rows of one game; this row is of another game")
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
    """Sort the rows of one name, the owner first.

    The rows of one session share one seat; the latest row holds it, even while an earlier one
    still exists. The name belongs to the seat that was taken first, so a connection cannot take
    it by connecting later. ``HOST`` without a session is the exception: the latest one owns the
    game, because a tablet that restarts must get it back. A host with a session comes before it.

    The order depends only on fields that do not change while a row lives. So all invocations
    that read the same rows find the same owner, whichever of them writes first.
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
