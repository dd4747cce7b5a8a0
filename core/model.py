"""What happened, what should be done about it, and who is in the game: plain values.

Events are what happened, in API Gateway's words. Effects are orders to a host, which performs
them and reports what became of them; a post that finds nobody is an event like any other.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

ConnectionId = NewType("ConnectionId", str)
PlayerId = NewType("PlayerId", str)
GameId = NewType("GameId", str)

HOST = PlayerId("HOST")
"""The player that every game's joins go to; the client in the field knows no other name for it."""

ROW_LIFETIME_S = 7200
"""API Gateway closes a WebSocket two hours after it opened, so no row needs to live longer."""


class Topology(StrEnum):
    """Who may address whom within a game."""

    MESH = "mesh"
    """Everybody may address everybody else."""

    STAR = "star"
    """Players may address only ``HOST``, and only ``HOST`` sends offers."""


@dataclass(frozen=True, slots=True)
class Row:
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

    def is_live(self, at: int) -> bool:
        """Tell whether the row still exists at ``at``, in epoch seconds."""
        return at <= self.ttl


@dataclass(frozen=True, slots=True)
class Signal:
    """A client's message, read: who said what to whom."""

    sender: ConnectionId
    at: int
    """When API Gateway received it, in epoch seconds."""
    type: str
    target_id: PlayerId | None
    payload: str
    """The payload's own JSON text, as the client wrote it; ``null`` if there was none."""
    id: str | None


@dataclass(frozen=True, slots=True)
class Connect:
    """A client wants to open a connection; until this is decided, nothing can be posted to it."""

    row: Row
    at: int
    """When, in epoch seconds."""


@dataclass(frozen=True, slots=True)
class Message:
    """A client sent a text message."""

    connection_id: ConnectionId
    body: str
    at: int
    """When, in epoch seconds."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A connection closed, from either side."""

    connection_id: ConnectionId


@dataclass(frozen=True, slots=True)
class Delivered:
    """A Post arrived, and its sender asked to be told."""

    sender: ConnectionId
    id: str
    target_id: PlayerId


@dataclass(frozen=True, slots=True)
class Gone:
    """A Post or a Probe found nobody: API Gateway answered 410."""

    connection_id: ConnectionId


@dataclass(frozen=True, slots=True)
class Alive:
    """A Probe found somebody."""

    player_id: PlayerId
    cause: Connect | Signal


GatewayEvent = Connect | Message | Disconnect
"""What API Gateway tells."""

Event = Connect | Signal | Disconnect | Delivered | Gone | Alive
"""What is decided on: what API Gateway tells, read, and what a host reports."""


@dataclass(frozen=True, slots=True)
class Save:
    """Store a row."""

    row: Row


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete a row; it may be gone already."""

    connection_id: ConnectionId


@dataclass(frozen=True, slots=True)
class Post:
    """Send a text frame to a connection; report whether it was delivered or found nobody.

    ``cause`` is the signal that it relays, to be routed again if it finds nobody; frames of
    our own have none.
    """

    connection_id: ConnectionId
    data: str
    cause: Signal | None = None
    target_id: PlayerId | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask whether a connection is open; report whether it is alive or gone.

    ``cause`` is what cannot be decided without the answer.
    """

    connection_id: ConnectionId
    player_id: PlayerId
    cause: Connect | Signal


@dataclass(frozen=True, slots=True)
class Close:
    """Close a connection; it may be gone already."""

    connection_id: ConnectionId


Effect = Save | Forget | Post | Probe | Close
