"""Events, effects and rows, as plain values.

Events say what happened, in API Gateway's terms. Effects are instructions to a host, which
performs them and reports the result as an event; a post that gets a 410 is the event ``Gone``.
"""

from typing import NamedTuple, NewType, TypeVar

from poker_signal.core.ice import IceServers

ConnectionId = NewType("ConnectionId", str)
PlayerId = NewType("PlayerId", str)
GameId = NewType("GameId", str)

HOST = PlayerId("HOST")
"""The player to whom the joins of every game go. The client in the field has this name fixed."""

ROW_LIFETIME_S = 7200
"""API Gateway closes a WebSocket after two hours, so no row has to live longer."""

OPENING_S = 30
"""Longest time from a connection's ``connectedAt`` until it is open, in seconds.

It opens when its ``$connect`` has returned, after 29 s at most. Until then API Gateway answers
every post to it with 410, as if the connection were gone.
"""

RESERVED_S = 60
"""Seconds for which the name of a connection with a session is kept after its end."""

MAY_NOT_WAIT = 1000
"""``Signal.waits`` of a message that is decided at once."""

PRESENCE = "presence"
GO_AWAY = "go-away"

WANTS = frozenset({PRESENCE, GO_AWAY})
"""Words of the query parameter ``wants``: kinds of frames that a client gets unasked."""

_LATE = "~"
"""Mark of an entry of ``reached``; API Gateway's connection ids have no such character."""

MAX_REACHED = 64
"""Maximum connections in a row's ``reached``: a game has 24 seats, and the row stays small."""


def late(target: ConnectionId) -> ConnectionId:
    """Return the entry of ``reached`` for a target that got a candidate before its description."""
    return ConnectionId(_LATE + target)


def target_of(entry: ConnectionId) -> ConnectionId:
    """Return the connection that an entry of ``reached`` is about."""
    return ConnectionId(entry.removeprefix(_LATE))


_T = TypeVar("_T", bound=type)


def _of_its_kind(cls: _T) -> _T:
    """Make a named tuple equal only to its own type: ``Forget("a")`` is not ``Close("a")``.

    Named tuples are used because a frozen dataclass takes a millisecond to define, which a cold
    Lambda would spend 18 times, and three times as long to instantiate.
    """

    def equals(self: tuple[object, ...], other: object) -> bool:
        return type(self) is type(other) and tuple.__eq__(self, other)

    methods = {"__eq__": equals, "__ne__": object.__ne__, "__hash__": tuple.__hash__}
    for name, method in methods.items():
        setattr(cls, name, method)
    return cls


@_of_its_kind
class Row(NamedTuple):
    """One connection as it is stored: an item of the table ``poker-signaling-connections``."""

    connection_id: ConnectionId
    player_id: PlayerId
    game_id: GameId
    connected_at: str
    """ISO 8601, UTC, milliseconds, ``Z``. Alphabetical order is order in time."""
    ttl: int
    """Epoch seconds. After it the row counts as deleted, even if DynamoDB still returns it."""
    session: str | None = None
    """SHA-256 of the client's session secret, in hex. None: no session."""
    reached: frozenset[ConnectionId] = frozenset()
    """The connections that received an offer or an answer from this one, and, each as ``late``,
    those that received a candidate which had waited for it in vain."""
    seat: str | None = None
    """The rank of the row that this one took over from; see ``rank``. None: no takeover."""
    left_at: int | None = None
    """Epoch seconds at which the connection ended: its name is reserved for its session.

    None: the connection has not ended, as far as is known.
    """
    wants: frozenset[str] = frozenset()
    """The unasked frames that the client wants: those of ``WANTS``."""

    def lets_pass(self, target: ConnectionId) -> bool:
        """Return whether candidates to a connection do not wait any more."""
        return target in self.reached or late(target) in self.reached

    def is_live(self, at: int) -> bool:
        """Return whether the row has not expired at ``at`` (epoch seconds)."""
        return at <= self.ttl

    def is_young(self, at: int) -> bool:
        """Return whether the connection is so young that it may be opening at ``at`` (epoch s).

        Both times are API Gateway's. The row may be newer than ``at``: it was stored while the
        event waited.
        """
        return self.left_at is None and abs(at - (self.ttl - ROW_LIFETIME_S)) <= OPENING_S

    @property
    def age(self) -> tuple[str, ConnectionId]:
        """Sort key of rows: time of the connect, then connection id."""
        return self.connected_at, self.connection_id

    @property
    def rank(self) -> str:
        """Sort key of seats: time and connection id of the row that took the seat first.

        A takeover keeps the rank, so that a connection made in between does not own the name.
        """
        return self.seat or " ".join(self.age)


@_of_its_kind
class Signal(NamedTuple):
    """A client's message after parsing."""

    sender: ConnectionId
    at: int
    """Epoch seconds at which API Gateway received it."""
    type: str
    target_id: PlayerId | None
    payload: str
    """The payload's JSON text as the client wrote it; ``null`` if the message had none."""
    id: str | None
    waits: int = 0
    """Pauses so far, of those in ``routing.PAUSES_S``. ``MAY_NOT_WAIT``: it does not wait."""
    is_over_limit: bool = False
    """True if its connection exceeded the message rate."""
    is_owner_alive: bool = False
    """True if a probe found the owner of the target's name alive."""


@_of_its_kind
class Connect(NamedTuple):
    """A client opens a connection. Nothing can be posted to it until this event is decided."""

    row: Row
    at: int
    """Epoch seconds."""
    origin: str | None = None
    """The ``Origin`` header. Browsers set it; other clients may send any value, or none."""
    seated: frozenset[PlayerId] = frozenset()
    """Players of a full game whose connections a probe found alive."""
    seat_probes: int = 0
    """Probes so far of players' seats."""
    may_probe_seats: bool = True
    """False: the game was found full a moment ago, so its seats are not probed again."""


@_of_its_kind
class Message(NamedTuple):
    """A client sent a text message."""

    connection_id: ConnectionId
    body: str
    at: int
    """Epoch seconds."""
    at_ms: int = 0
    """Epoch milliseconds, for the message rate limit."""
    is_over_limit: bool = False
    """True if its connection exceeded the message rate."""


@_of_its_kind
class Disconnect(NamedTuple):
    """A connection was closed, by the client or by API Gateway."""

    connection_id: ConnectionId
    at: int | None = None
    """Epoch seconds. None: the event has no time, and the name is not reserved."""
    reason: str = "left"
    """``left``, ``timeout`` or ``closed``; core/presence.py tells them apart."""


@_of_its_kind
class Watch(NamedTuple):
    """Note: a join whose handshake is watched; core/later.py has the rules."""

    connection_id: ConnectionId
    """The player's connection."""
    host: ConnectionId | None
    """The host's connection that got the join last. None: no host did."""
    payload: str
    """The join's payload, as JSON text."""
    id: str | None
    """The join's ``id``, for an error frame."""
    step: int = 1
    """The number of the look at which this note is due."""
    offered: int = 0
    """The look that saw an offer first. 0: none did."""


@_of_its_kind
class Lobby(NamedTuple):
    """Note: a host that waits for players, and whose connection is to stay open."""

    connection_id: ConnectionId
    hop: int = 1
    """The number of the keep-alive that is due."""


@_of_its_kind
class Farewell(NamedTuple):
    """Note: a connection whose client wants to hear when its two hours are nearly over."""

    connection_id: ConnectionId


@_of_its_kind
class Presence(NamedTuple):
    """Note: a player who came or left, which the players of its game are to hear."""

    connection_id: ConnectionId
    """The player's connection."""
    game_id: GameId
    player_id: PlayerId
    reason: str
    """``joined``, ``replaced`` or ``succeeded``; of a player who left ``left``, ``timeout`` or
    ``closed``."""
    version: int
    """Epoch milliseconds: of two frames about one player, the one with the larger is true."""


Note = Watch | Lobby | Farewell | Presence


@_of_its_kind
class Due(NamedTuple):
    """A note of a Later effect has come back. It may come twice, late, or out of order."""

    note: Note
    at: int
    """Epoch seconds."""

    @property
    def connection_id(self) -> ConnectionId:
        """The connection that the note is about."""
        return self.note.connection_id

    @property
    def game_id(self) -> GameId | None:
        """The game that the note names, as its connection may have ended; None: it names none."""
        return self.note.game_id if isinstance(self.note, Presence) else None


@_of_its_kind
class Delivered(NamedTuple):
    """A Post that relays a signal arrived."""

    signal: Signal
    target: ConnectionId
    target_id: PlayerId


@_of_its_kind
class Suspected(NamedTuple):
    """A Post or a Probe was answered 410 once. A second probe decides."""

    row: Row
    cause: Connect | Signal | Due


@_of_its_kind
class Gone(NamedTuple):
    """Two calls were answered 410: the connection does not exist."""

    row: Row
    at: int
    """Epoch seconds."""


@_of_its_kind
class Alive(NamedTuple):
    """A Probe found the connection open."""

    player_id: PlayerId
    cause: Connect | Signal | Due


@_of_its_kind
class Throttled(NamedTuple):
    """A Post or a Probe was refused with 429. Nothing was sent, and nothing is known."""

    cause: Connect | Signal | Due


@_of_its_kind
class Vended(NamedTuple):
    """The host has the ICE servers for a client that asked for them."""

    signal: Signal
    ice: IceServers


GatewayEvent = Connect | Message | Disconnect | Due
"""Events that come from outside: of API Gateway, or a note that is due."""

Event = (
    Connect | Signal | Disconnect | Due | Delivered | Suspected | Gone | Alive | Throttled | Vended
)
"""Events that the rules decide on: parsed events of API Gateway, and a host's reports."""


@_of_its_kind
class Save(NamedTuple):
    """Store a row, unless the row of the same handshake is stored already."""

    row: Row


@_of_its_kind
class Forget(NamedTuple):
    """Delete a row, if it still exists.

    A row with a session becomes a reservation instead, from ``left_at`` for ``RESERVED_S``. None:
    it is deleted, because another row has its session.
    """

    connection_id: ConnectionId
    left_at: int | None = None
    """Epoch seconds."""


@_of_its_kind
class Post(NamedTuple):
    """Send a text frame to a connection; report ``delivered`` or ``gone``.

    ``cause`` is the signal that the frame relays. If the connection is gone, it is routed again.
    A ``Due`` is the cause of a keep-alive. None: the frame is an answer of ours.
    """

    connection_id: ConnectionId
    data: str
    cause: Signal | Due | None = None
    target_id: PlayerId | None = None


@_of_its_kind
class Probe(NamedTuple):
    """Ask whether a connection is open; report ``alive`` or ``gone``.

    ``cause`` is the event whose decision depends on the answer.
    """

    connection_id: ConnectionId
    player_id: PlayerId
    cause: Connect | Signal | Due


@_of_its_kind
class Reach(NamedTuple):
    """Add ``target`` to the ``reached`` of a connection's row, if the row still exists.

    Bookkeeping: if it fails, the message was delivered all the same.
    """

    connection_id: ConnectionId
    target: ConnectionId
    kept: frozenset[ConnectionId] | None = None
    """Replace ``reached`` by these and ``target``, because it is full. None: add to it."""


@_of_its_kind
class Wait(NamedTuple):
    """Wait, then read again; report ``waited``.

    Another invocation may be about to deliver the candidate's offer, the index may lag behind the
    table, the target may still be opening, or its owner about to come back.
    """

    seconds: float
    """0: read at once."""
    signal: Signal
    reads_game: bool
    """True: read the game and the sender's row. False: the sender's row only."""


@_of_its_kind
class Close(NamedTuple):
    """Close a connection, if it still exists."""

    connection_id: ConnectionId


@_of_its_kind
class Later(NamedTuple):
    """Bring the note back after some seconds, as a ``Due``.

    If it fails, that is logged and changes nothing: the message was delivered all the same.
    """

    seconds: float
    note: Note


@_of_its_kind
class Vend(NamedTuple):
    """Get the ICE servers for the sender of a signal; report ``vended``."""

    signal: Signal


Effect = Save | Forget | Post | Probe | Reach | Wait | Close | Later | Vend
