"""What happened, what should be done about it, and who is in the game: plain values.

Events are what happened, in API Gateway's words. Effects are orders to a host, which performs
them and reports what became of them; a post that finds nobody is an event like any other.
"""

from typing import NamedTuple, NewType, TypeVar

ConnectionId = NewType("ConnectionId", str)
PlayerId = NewType("PlayerId", str)
GameId = NewType("GameId", str)

HOST = PlayerId("HOST")
"""The player that every game's joins go to; the client in the field knows no other name for it."""

ROW_LIFETIME_S = 7200
"""API Gateway closes a WebSocket two hours after it opened, so no row needs to live longer."""

SETTLING_S = 30
"""A connection opens when its ``$connect`` has returned, for which API Gateway gives 29 s at most.

Until then nothing can be posted to it: API Gateway answers 410, as if it were gone.
"""

OPENING_S = 2
"""What is left of a handshake once its row is stored takes milliseconds; clocks may differ."""


_T = TypeVar("_T", bound=type)


def _of_its_kind(cls: _T) -> _T:
    """Let a named tuple equal only its own kind: ``Forget("a")`` is not ``Close("a")``.

    Named tuples, because a frozen dataclass takes a millisecond to define, which a cold Lambda
    would spend fifteen times, and three times as long to make.
    """

    def equals(self: tuple[object, ...], other: object) -> bool:
        return type(self) is type(other) and tuple.__eq__(self, other)

    methods = {"__eq__": equals, "__ne__": object.__ne__, "__hash__": tuple.__hash__}
    for name, method in methods.items():
        setattr(cls, name, method)
    return cls


@_of_its_kind
class Row(NamedTuple):
    """One connection, as it is stored: an item of the table ``poker-signaling-connections``."""

    connection_id: ConnectionId
    player_id: PlayerId
    game_id: GameId
    connected_at: str
    """ISO 8601, UTC, milliseconds, ``Z``: as text it sorts as it does in time."""
    ttl: int
    """Epoch seconds after which the row does not exist, whatever DynamoDB still returns."""
    session: str | None = None
    """SHA-256 of the client's secret, in hex."""
    reached: frozenset[ConnectionId] = frozenset()
    """The connections that got an offer or an answer from this one."""
    seat: str | None = None
    """The rank of the row that this one took over from; see ``rank``."""
    saved_at: int | None = None
    """When it was stored, in epoch seconds, if its host tells."""

    def is_live(self, at: int) -> bool:
        """Tell whether the row still exists at ``at``, in epoch seconds."""
        return at <= self.ttl

    def is_settling(self, at: int) -> bool:
        """Tell whether API Gateway may not know the connection yet at ``at``, in epoch seconds.

        The row may be younger than the event: it was stored while the event waited.
        """
        if abs(at - (self.ttl - ROW_LIFETIME_S)) > SETTLING_S:
            return False
        if self.saved_at is None or self.seat is not None:
            # Whoever takes over closes its former connection before its own handshake ends.
            return True
        return at <= self.saved_at + OPENING_S

    @property
    def age(self) -> tuple[str, ConnectionId]:
        """What sorts rows by when they connected, whoever looks at them."""
        return self.connected_at, self.connection_id

    @property
    def rank(self) -> str:
        """Since when, and by which connection first, the seat is taken that this row has.

        A takeover passes it on: whoever came in between must not own the name for that.
        """
        return self.seat or " ".join(self.age)


@_of_its_kind
class Signal(NamedTuple):
    """A client's message, read: who said what to whom."""

    sender: ConnectionId
    at: int
    """When API Gateway received it, in epoch seconds."""
    type: str
    target_id: PlayerId | None
    payload: str
    """The payload's own JSON text, as the client wrote it; ``null`` if there was none."""
    id: str | None
    waits: int = 0
    """How often it has waited for the offer or answer that belongs before it, or for somebody who
    was just connecting."""
    is_over_limit: bool = False
    """Its connection has sent too many."""
    is_owner_alive: bool = False
    """The owner of its target's name was asked for a sign of life, and gave it."""
    looks: int = 0
    """For how many tenths of a second it has looked for somebody of its target's name. They do
    not count as waits: its offer may have found its target just now, and be on its way."""


@_of_its_kind
class Connect(NamedTuple):
    """A client wants to open a connection; until this is decided, nothing can be posted to it."""

    row: Row
    at: int
    """When, in epoch seconds."""
    origin: str | None = None
    """The page that connects, as a browser tells; others need not tell the truth, or anything."""
    seated: frozenset[PlayerId] = frozenset()
    """Players of a full game who were asked for a sign of life, and gave it."""


@_of_its_kind
class Message(NamedTuple):
    """A client sent a text message."""

    connection_id: ConnectionId
    body: str
    at: int
    """When, in epoch seconds."""
    at_ms: int = 0
    """When, in epoch milliseconds, for whoever counts messages."""
    is_over_limit: bool = False
    """Its connection has sent too many."""


@_of_its_kind
class Disconnect(NamedTuple):
    """A connection closed, from either side."""

    connection_id: ConnectionId


@_of_its_kind
class Delivered(NamedTuple):
    """A Post that relays a signal arrived."""

    signal: Signal
    target: ConnectionId
    target_id: PlayerId


@_of_its_kind
class Gone(NamedTuple):
    """A Post or a Probe found nobody: API Gateway answered 410."""

    connection_id: ConnectionId


@_of_its_kind
class Alive(NamedTuple):
    """A Probe found somebody."""

    player_id: PlayerId
    cause: Connect | Signal


@_of_its_kind
class Throttled(NamedTuple):
    """A Post or a Probe was refused: API Gateway answered 429. Nothing was sent, nothing asked."""

    cause: Connect | Signal


GatewayEvent = Connect | Message | Disconnect
"""What API Gateway tells."""

Event = Connect | Signal | Disconnect | Delivered | Gone | Alive | Throttled
"""What is decided on: what API Gateway tells, read, and what a host reports."""


@_of_its_kind
class Save(NamedTuple):
    """Store a row, unless the same handshake's is stored already."""

    row: Row


@_of_its_kind
class Forget(NamedTuple):
    """Delete a row; it may be gone already."""

    connection_id: ConnectionId


@_of_its_kind
class Post(NamedTuple):
    """Send a text frame to a connection; report whether it was delivered or found nobody.

    ``cause`` is the signal that it relays, to be routed again if it finds nobody; frames of
    our own have none.
    """

    connection_id: ConnectionId
    data: str
    cause: Signal | None = None
    target_id: PlayerId | None = None


@_of_its_kind
class Probe(NamedTuple):
    """Ask whether a connection is open; report whether it is alive or gone.

    ``cause`` is what cannot be decided without the answer.
    """

    connection_id: ConnectionId
    player_id: PlayerId
    cause: Connect | Signal


@_of_its_kind
class Reach(NamedTuple):
    """Add a connection to what a row has reached, if the row is still there."""

    connection_id: ConnectionId
    target: ConnectionId


@_of_its_kind
class Wait(NamedTuple):
    """Wait a moment, then read the sender's row anew; report it.

    A candidate's offer may be on its way in another invocation, which API Gateway started
    first and which ends later.
    """

    seconds: float
    signal: Signal


@_of_its_kind
class ReadAgain(NamedTuple):
    """Wait a moment, then read the game anew; report it.

    Whoever has just connected may be missing in what was read: the index follows the table.
    """

    seconds: float
    signal: Signal


@_of_its_kind
class LookAgain(NamedTuple):
    """Wait a moment, then ask once more whether a connection is open; report alive or gone.

    It was passed over because its handshake may still have been going on.
    """

    seconds: float
    connection_id: ConnectionId


@_of_its_kind
class Close(NamedTuple):
    """Close a connection; it may be gone already."""

    connection_id: ConnectionId


Effect = Save | Forget | Post | Probe | Reach | Wait | ReadAgain | LookAgain | Close
