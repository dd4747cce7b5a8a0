"""What is true in a schedule, whatever the hosts believe: who is connected, and who said what."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from poker_signal.core.model import ConnectionId
from tests.support.dynamodb import Pause, client_error

State = Literal["pending", "open", "refused", "closed"]

LIFETIME_MS = 7_200_000


@dataclass(eq=False)
class Connection:
    """A connection, as API Gateway has it."""

    key: ConnectionId
    game: str
    player: str
    session: str | None
    connected_ms: int
    state: State = "pending"
    closed_ms: int | None = None
    was_open: bool = False
    is_stuck: bool = False
    """Its client is dead, and API Gateway does not notice: it takes whatever is posted."""
    was_saved: bool = False
    saved_ms: int | None = None
    """When its row was first there."""
    opened_ms: int | None = None
    seat: tuple[int, str] = (0, "")
    """When and by which connection the seat was taken that this one has, by takeovers."""

    def __post_init__(self) -> None:
        self.seat = self.age

    @property
    def age(self) -> tuple[int, str]:
        """What tells the earlier one of two."""
        return self.connected_ms, self.key

    def is_expired(self, at_ms: int) -> bool:
        """Tell whether its row has outlived its time."""
        return at_ms // 1000 > self.connected_ms // 1000 + LIFETIME_MS // 1000

    def is_same_seat(self, other: "Connection") -> bool:
        """Tell whether both are one player, by its secret."""
        return (
            self.is_same_name(other)
            and self.session is not None
            and (self.session == other.session)
        )

    def is_same_name(self, other: "Connection") -> bool:
        """Tell whether both have one name in one game."""
        return (self.game, self.player) == (other.game, other.player)

    def beats(self, other: "Connection") -> bool:
        """Tell whether the name is this one's rather than the other's, if both are alive.

        The rules in the design's words, and nothing of the core's.
        """
        if self.is_same_seat(other):
            return self.age > other.age
        if self.player != "HOST":
            return self.seat < other.seat
        if (self.session is None) != (other.session is None):
            return self.session is not None
        if self.session is not None:
            return self.seat < other.seat
        if self.connected_ms != other.connected_ms:
            return self.connected_ms > other.connected_ms
        return self.key < other.key


@dataclass(eq=False)
class Said:
    """A message that a client sent."""

    number: int
    sender: Connection
    type: str
    target: str
    text: str
    delivered_to: list[Connection] = field(default_factory=list)


class Gateway:
    """``@connections``, as botocore's client has it."""

    def __init__(self, pause: Pause = lambda what: None) -> None:
        self.connections: dict[str, Connection] = {}
        self.on_frame: Any = lambda connection, frame: None
        self.on_close: Any = lambda connection: None
        self._pause = pause

    def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:
        """Send a frame."""
        kind = json.loads(Data)["type"]
        self._pause(f"PostToConnection {ConnectionId} {kind}")
        connection = self._open(ConnectionId)
        if connection is not None:
            self.on_frame(connection, Data.decode())
        self._answer(f"PostToConnection {ConnectionId} {kind}", connection)

    def get_connection(self, *, ConnectionId: str) -> None:
        """Ask whether a connection is there."""
        self._pause(f"GetConnection {ConnectionId}")
        self._answer(f"GetConnection {ConnectionId}", self._open(ConnectionId))

    def delete_connection(self, *, ConnectionId: str) -> None:
        """Close a connection."""
        self._pause(f"DeleteConnection {ConnectionId}")
        connection = self._open(ConnectionId)
        if connection is not None:
            self.on_close(connection)
        self._answer(f"DeleteConnection {ConnectionId}", connection)

    def _open(self, key: str) -> Connection | None:
        # Until the 101 is written nobody is there, and after the end neither.
        connection = self.connections.get(key)
        return connection if connection is not None and connection.state == "open" else None

    def _answer(self, what: str, connection: Connection | None) -> None:
        self._pause(f"{what} → {200 if connection else 410}")
        if connection is None:
            raise client_error("GoneException", 410)
