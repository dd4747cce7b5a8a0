"""The true state of a schedule, independent of the hosts: its connections and messages."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from poker_signal.core.model import ConnectionId
from tests.support.dynamodb import Pause, client_error

State = Literal["pending", "open", "refused", "closed"]

LIFETIME_MS = 7_200_000
YOUNG_S = 30


@dataclass(eq=False)
class Connection:
    """A connection as API Gateway knows it."""

    key: ConnectionId
    game: str
    player: str
    session: str | None
    connected_ms: int
    state: State = "pending"
    closed_ms: int | None = None
    was_open: bool = False
    is_stuck: bool = False
    """True if its client is dead but API Gateway does not notice, and accepts every post."""
    was_saved: bool = False
    opened_ms: int | None = None
    loses_next: bool = False
    """True if the next post or probe is answered 410 although it is open."""
    reserved_until_s: int | None = None
    """Epoch seconds until which its name is reserved; None: it never was."""
    seat: tuple[int, str] = (0, "")
    """Age of the connection that first took this seat; a takeover inherits it."""

    def __post_init__(self) -> None:
        self.seat = self.age

    @property
    def age(self) -> tuple[int, str]:
        """Sort key: connect time, then key; the earlier connection is smaller."""
        return self.connected_ms, self.key

    def is_expired(self, at_ms: int) -> bool:
        """Return whether its row has expired."""
        return at_ms // 1000 > self.connected_ms // 1000 + LIFETIME_MS // 1000

    def was_open_at(self, at_ms: int) -> bool:
        """Return whether it had opened by then."""
        return self.opened_ms is not None and self.opened_ms <= at_ms

    def is_reserved(self, at_ms: int) -> bool:
        """Return whether a reservation of its name counts, if the table still has it."""
        return self.reserved_until_s is not None and at_ms // 1000 <= self.reserved_until_s

    def is_young(self, at_ms: int) -> bool:
        """Return whether it is so new that a 410 may mean that it is not open yet."""
        return abs(at_ms // 1000 - self.connected_ms // 1000) <= YOUNG_S

    def is_same_seat(self, other: "Connection") -> bool:
        """Return whether both are the same player with the same session."""
        return (
            self.is_same_name(other)
            and self.session is not None
            and (self.session == other.session)
        )

    def is_same_name(self, other: "Connection") -> bool:
        """Return whether both have the same name in the same game."""
        return (self.game, self.player) == (other.game, other.player)

    def beats(self, other: "Connection") -> bool:
        """Return whether this one owns the name rather than the other, if both are alive.

        Written from the documented rules, without the core.
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

    @property
    def name(self) -> str:
        """Its type and number."""
        return f"{self.type} {self.number}"


class Gateway:
    """``@connections`` with the methods of botocore's client."""

    def __init__(self, pause: Pause = lambda what: None) -> None:
        self.connections: dict[str, Connection] = {}
        self.on_frame: Any = lambda connection, frame: None
        self.on_close: Any = lambda connection: None
        self.on_loss: Any = lambda connection: None
        self._pause = pause

    def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:
        """Send a frame."""
        kind = json.loads(Data)["type"]
        self._pause(f"PostToConnection {ConnectionId} {kind}")
        connection = self._reachable(ConnectionId)
        if connection is not None:
            self.on_frame(connection, Data.decode())
        self._answer(f"PostToConnection {ConnectionId} {kind}", connection)

    def get_connection(self, *, ConnectionId: str) -> None:
        """Check that a connection is open."""
        self._pause(f"GetConnection {ConnectionId}")
        self._answer(f"GetConnection {ConnectionId}", self._reachable(ConnectionId))

    def delete_connection(self, *, ConnectionId: str) -> None:
        """Close a connection."""
        self._pause(f"DeleteConnection {ConnectionId}")
        connection = self._open(ConnectionId)
        if connection is not None:
            self.on_close(connection)
        self._answer(f"DeleteConnection {ConnectionId}", connection)

    def close(self) -> None:
        """Do nothing, as there are no TCP connections."""

    def _reachable(self, key: str) -> Connection | None:
        connection = self._open(key)
        if connection is None or not connection.loses_next:
            return connection
        connection.loses_next = False
        self.on_loss(connection)
        return None

    def _open(self, key: str) -> Connection | None:
        # The connection is gone (410) before its 101 is written, and after its end.
        connection = self.connections.get(key)
        return connection if connection is not None and connection.state == "open" else None

    def _answer(self, what: str, connection: Connection | None) -> None:
        self._pause(f"{what} → {200 if connection else 410}")
        if connection is None:
            raise client_error("GoneException", 410)
