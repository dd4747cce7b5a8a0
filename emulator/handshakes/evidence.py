"""The evidence about handshakes: games, connections, messages, and reports of the peers.

An `Attempt` is one try of two players to connect. Its members are what the trace tells about it,
in the order of the trace; the judgement is in verdict.py. Times are epoch milliseconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from poker_signal.emulator.handshakes.payloads import Problem, read_payload
from poker_signal.emulator.handshakes.sdp import Candidate, Description
from poker_signal.emulator.handshakes.words import is_similar

HOST = "HOST"

SIGNALS = frozenset({"join", "offer", "answer", "ice-candidate", "player-connected", "report"})
"""Types of messages that belong to a handshake."""

MAX_KEPT = 500
"""Most candidates, calls or events that are kept of one attempt or one RTCPeerConnection."""


class Strike(NamedTuple):
    """A fault that struck."""

    at: int
    spec: str
    detail: str

    @property
    def kind(self) -> str:
        """Kind of the fault, ``drop`` in ``drop:offer#1``."""
        return self.spec.partition(":")[0].partition("#")[0].partition("=")[0]


class Refusal(NamedTuple):
    """A refused WebSocket handshake."""

    at: int
    status: int
    reason: str
    code: str


class SocketEnd(NamedTuple):
    """The end of a connection."""

    at: int
    code: int
    reason: str


@dataclass(eq=False)
class Socket:
    """A WebSocket connection."""

    id: str
    player: str | None
    game: "Game"
    connect_at: int
    opened_at: int | None = None
    refused: Refusal | None = None
    closed: SocketEnd | None = None
    attempt: "Attempt | None" = None
    faults: list[Strike] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The player's name; without one, the beginning of the connection's id."""
        return self.player if self.player is not None else f"#{self.id[:6]}"

    @property
    def is_open(self) -> bool:
        """True once the connection is open, until it ends."""
        return self.opened_at is not None and self.closed is None


@dataclass(eq=False)
class SentMessage:
    """A message of a client, from its arrival to its fate."""

    n: int
    at: int
    type: str
    sender: str
    target: str | None
    connection: Socket | None
    body: str
    attempt: "Attempt | None" = None
    delivered_at: int | None = None
    delivered_n: int | None = None
    dropped_by: str | None = None
    """The fault that dropped it."""
    held_by: str | None = None
    """The fault that delays it."""
    is_over: bool = False
    """True once its function has returned or failed, or if it reached none."""
    description: Description | None = None
    candidate: Candidate | None = None
    is_end: bool = False
    problem: Problem | None = None

    def read(self, payload: Any) -> None:
        """Take the parts of its payload."""
        found = read_payload(self.type, payload)
        self.description, self.candidate = found.description, found.candidate
        self.is_end, self.problem = found.is_end, found.problem

    @property
    def has_arrived(self) -> bool:
        """True once it was posted to its target's connection."""
        return self.delivered_at is not None


class Told(NamedTuple):
    """An ``error`` or ``undelivered`` frame, or an error frame of API Gateway itself."""

    at: int
    to: str
    type: str
    code: str
    message: str
    about: str
    """Type of the message that it answers; empty: unknown."""
    target: str | None
    cause: SentMessage | None


class Failure(NamedTuple):
    """A failed invocation of a handler."""

    at: int
    failure: str
    error: str
    about: str


class GoneTarget(NamedTuple):
    """A post that was answered with 410."""

    at: int
    to: str
    about: str
    connection: Socket | None


class Silence(NamedTuple):
    """An error status that API Gateway does not report to the client."""

    at: int
    status: int
    about: str


class UnroutedMessage(NamedTuple):
    """A message that reached no handler."""

    at: int
    why: str
    about: str


class Left(NamedTuple):
    """The end of a side's connection."""

    at: int
    player: str
    connection: Socket | None
    code: int
    reason: str


class Call(NamedTuple):
    """A call of an RTCPeerConnection's method, as the probe saw it."""

    at: int
    name: str
    about: str
    """Type of the description or candidate in its argument; empty: unknown."""
    given: str
    """Kind of the argument, if it was not of the expected shape; else empty."""
    error: str
    """Name and message of the error; empty: the call succeeded."""
    state: str
    """``signalingState`` at the time of the call."""


@dataclass(eq=False)
class PeerConnection:
    """An RTCPeerConnection of a page, as the probe reports it."""

    id: str
    player: str
    created_at: int
    policy: str = ""
    servers: list[str] = field(default_factory=list)
    ufrags: set[str] = field(default_factory=set)
    remote_ufrags: set[str] = field(default_factory=set)
    attempt: "Attempt | None" = None
    is_known: bool = False
    """True once the attempt is known by an ufrag. Until then it is the attempt of the last message
    that the page sent or got."""
    calls: list[Call] = field(default_factory=list)
    states: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The latest state and its time, by ``connectionState``, ``iceConnectionState``, …"""
    reached: dict[str, int] = field(default_factory=dict)
    """The first time of each ``connectionState``, and of ``ice connected``."""
    gathered: list[str] = field(default_factory=list)
    """Types of the gathered candidates."""
    has_gathered_all: bool = False
    candidate_errors: list[str] = field(default_factory=list)
    channels: dict[str, str] = field(default_factory=dict)
    """The latest state of each data channel, by label."""
    channel_opened_at: int | None = None
    channel_closed_at: int | None = None
    pair: str = ""
    checks: tuple[int, int, int] | None = None
    """Candidate pairs, checks sent, answers received."""
    closed_at: int | None = None

    @property
    def state(self) -> str:
        """The latest ``connectionState``."""
        return self.states.get("connectionState", ("new", 0))[0]

    @property
    def ice_state(self) -> str:
        """The latest ``iceConnectionState``."""
        return self.states.get("iceConnectionState", ("new", 0))[0]

    def called(self, *names: str) -> list[Call]:
        """Return the calls of some methods."""
        return [call for call in self.calls if call.name in names]

    def failed(self, *names: str) -> list[Call]:
        """Return the calls of some methods that failed."""
        return [call for call in self.called(*names) if call.error]

    def succeeded(self, *names: str) -> list[Call]:
        """Return the calls of some methods that succeeded."""
        return [call for call in self.called(*names) if not call.error]


class PageError(NamedTuple):
    """An uncaught error of a page."""

    at: int
    player: str
    error: str
    where: str


class StateReport(NamedTuple):
    """Word of a client about the connection: a ``report`` or ``player-connected`` message."""

    at: int
    player: str
    state: str
    error: str


@dataclass(eq=False)
class Attempt:
    """One try of two players to connect; ``player`` wants to reach ``host``.

    ``host`` is HOST, or between players the one that offers.
    """

    id: int
    game: "Game"
    host: str
    player: str
    number: int
    start_at: int
    last_at: int
    before: "Attempt | None" = None
    next: "Attempt | None" = None
    gap: tuple[int, int] | None = None
    """Time and entries of a gap in the trace that may have held entries of this attempt."""
    connection: Socket | None = None
    """The player's own connection."""
    join: SentMessage | None = None
    offers: list[SentMessage] = field(default_factory=list)
    answers: list[SentMessage] = field(default_factory=list)
    candidates: list[SentMessage] = field(default_factory=list)
    others: list[SentMessage] = field(default_factory=list)
    """Messages of the player or to the host that are no signals: of an unknown or no type."""
    told: list[Told] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    gone: list[GoneTarget] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    unrouted: list[UnroutedMessage] = field(default_factory=list)
    faults: list[Strike] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    peers: dict[str, PeerConnection] = field(default_factory=dict)
    """RTCPeerConnections of both sides by id, the oldest first."""
    unmade: list[tuple[str, Call]] = field(default_factory=list)
    """Sides whose constructor of RTCPeerConnection threw, with that call."""
    page_errors: list[PageError] = field(default_factory=list)
    reports: list[StateReport] = field(default_factory=list)
    redelivered: list[int] = field(default_factory=list)
    """Times at which the watch over its join delivered the join again."""
    seats: dict[str, Socket] = field(default_factory=dict)
    """The connection on which a side last sent or received a message, by name."""
    entries: list[int] = field(default_factory=list)
    """Numbers of its entries."""
    version: int = 0
    """Number of entries that changed it."""

    def __repr__(self) -> str:
        return f"<{self.player} → {self.host}, attempt {self.number}>"

    @property
    def sides(self) -> tuple[str, ...]:
        """Both players, the host first; one if the host joins its own game."""
        return (self.host,) if self.host == self.player else (self.host, self.player)

    def other(self, player: str) -> str:
        """Return the other side."""
        return self.player if player == self.host else self.host

    def involves(self, player: str | None) -> bool:
        """Return whether a player is one of its sides."""
        return player in (self.host, self.player)

    @property
    def offerer(self) -> str:
        """The side that offers, or has to offer."""
        return self.offers[0].sender if self.offers else self.host

    @property
    def answerer(self) -> str:
        """The side that answers."""
        return self.other(self.offerer)

    @property
    def has_glare(self) -> bool:
        """True if both sides sent an offer."""
        return len({each.sender for each in self.offers}) > 1

    @property
    def arrived_offer(self) -> SentMessage | None:
        """The first offer that arrived."""
        return next((each for each in self.offers if each.has_arrived), None)

    @property
    def arrived_answer(self) -> SentMessage | None:
        """The first answer that arrived."""
        return next((each for each in self.answers if each.has_arrived), None)

    @property
    def began_at(self) -> int:
        """The time from which its steps count: the join arrived, or the offer was sent."""
        if self.join is not None:
            return self.join.at if self.join.delivered_at is None else self.join.delivered_at
        return self.offers[0].at if self.offers else self.start_at

    @property
    def end_at(self) -> float:
        """The time at which the next attempt took its place; later events belong to that one."""
        if self.next is None:
            return float("inf")
        # A newcomer that has only connected under the same name may still be refused.
        closed = self.connection.closed if self.connection is not None else None
        is_over = self.next.join or self.next.offers or (closed and closed.at >= self.next.start_at)
        return self.next.start_at if is_over else float("inf")

    @property
    def complete_at(self) -> int | None:
        """The time at which an answer had arrived after an offer; None: not yet."""
        offer = self.arrived_offer
        if offer is None:
            return None
        assert offer.delivered_at is not None
        answers = [each.delivered_at for each in self.answers if each.delivered_at is not None]
        return next((at for at in answers if at >= offer.at), None)

    def seat_of(self, player: str) -> Socket | None:
        """Return the connection with which a side takes part; None: unknown."""
        own = self.connection if player == self.player else None
        return own or self.seats.get(player)

    def descriptions_of(self, player: str) -> list[SentMessage]:
        """Return the offers and answers that a side sent, the latest last."""
        sent = [each for each in (*self.offers, *self.answers) if each.sender == player]
        return sorted(sent, key=lambda each: each.n)

    def ufrags_of(self, player: str) -> list[str]:
        """Return the ufrags in the descriptions of a side, the latest last."""
        return [
            ufrag
            for each in self.descriptions_of(player)
            if each.description is not None
            for ufrag in each.description.ufrags
        ]

    def trickled_by(self, player: str) -> list[SentMessage]:
        """Return the candidates that a side sent in messages of their own."""
        return [each for each in self.candidates if each.sender == player and not each.is_end]

    def addresses_of(self, player: str, *, arrived: bool = False) -> list[Candidate]:
        """Return the candidates of a side, those in its descriptions included."""
        descriptions = [each for each in self.descriptions_of(player) if each.description]
        trickled = self.trickled_by(player)
        if arrived:
            descriptions = [each for each in descriptions if each.has_arrived]
            trickled = [each for each in trickled if each.has_arrived]
        within = [
            c for each in descriptions if each.description for c in each.description.candidates
        ]
        return [*within, *(each.candidate for each in trickled if each.candidate is not None)]

    def peers_of(self, player: str) -> list[PeerConnection]:
        """Return the RTCPeerConnections of a side, the oldest first."""
        return [peer for peer in self.peers.values() if peer.player == player]

    def peer_of(self, player: str) -> PeerConnection | None:
        """Return the RTCPeerConnection of a side that matters: the one of its description."""
        peers = self.peers_of(player)
        known = [each for each in peers if each.is_known] or peers
        return known[-1] if known else None

    def has_probe(self, player: str) -> bool:
        """Return whether the page of a side reports to the emulator."""
        return player in self.game.probed


@dataclass(eq=False)
class Game:
    """The players and attempts of one game."""

    id: str
    last_at: int = 0
    open: dict[str, set[str]] = field(default_factory=dict)
    """Ids of the open connections, by name."""
    hosts: dict[str, Socket] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    attempts: list[Attempt] = field(default_factory=list)
    peers: dict[str, PeerConnection] = field(default_factory=dict)
    probed: set[str] = field(default_factory=set)
    """Players whose page has the probe."""
    gap: tuple[int, int] | None = None
    has_signals: bool = False
    """True once a message of a handshake was sent; other handlers have their own protocols."""
    has_mesh: bool = False
    """True once a player's message was delivered to another player."""

    def hosts_at(self, at: float) -> list[Socket]:
        """Return the connections that were HOST, and not closed, at a time."""
        return [
            each
            for each in self.hosts.values()
            if each.connect_at <= at and (each.closed is None or each.closed.at > at)
        ]

    @property
    def is_hostless(self) -> bool:
        """True if players connect to each other and there was no host."""
        return self.has_mesh and HOST not in self.seen

    def similar_to(self, name: str) -> str | None:
        """Return a connected player whose name is nearly the given one."""
        connected: Iterator[str] = (each for each, ids in self.open.items() if ids)
        return next((each for each in connected if is_similar(each, name)), None)
