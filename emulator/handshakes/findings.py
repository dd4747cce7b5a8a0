"""Findings: what rules say about an attempt, and the facts that they share."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from poker_signal.emulator.handshakes.evidence import Attempt, Game, SentMessage
from poker_signal.emulator.handshakes.words import seconds

Severity = Literal["bad", "warn", "note"]

PATIENCE_MS = 3000
"""Milliseconds of silence of a side before a rule reports it."""


class Finding(NamedTuple):
    """Something that explains an attempt's outcome, or may."""

    severity: Severity
    code: str
    text: str
    hint: str = ""


class ClientLimits(NamedTuple):
    """Time limits of a particular client application, in milliseconds."""

    name: str
    join_after_ms: int
    """Time from connecting to its only join; without an open socket it never joins."""
    give_up_ms: int
    """Time after the join at which its host gives up, and discards what comes later."""


CLIENTS = {"table-poker": ClientLimits("table-poker", 1000, 5000)}


class World(NamedTuple):
    """The circumstances of a judgement."""

    now: float
    """Epoch milliseconds; no later than the end of the attempt."""
    games: Mapping[str, Game]
    ended: bool = False
    """True if the trace is a recording, which ends with its last entry."""
    client: ClientLimits | None = None
    """The client whose limits apply; None: no limits."""
    probe: str = ""
    """The line that adds the probe to a page; empty: there is no emulator to report to."""


class Connected(NamedTuple):
    """Word of a side that the peers are connected."""

    at: int
    by: str
    how: str


class SharedFacts(NamedTuple):
    """Facts that several rules need."""

    world: World
    began: int
    complete_at: int | None
    connected: Connected | None
    is_probed: bool
    """True if a page of either side has the probe."""

    @property
    def complete(self) -> bool:
        """True once an answer has arrived after an offer."""
        return self.complete_at is not None

    @property
    def elapsed(self) -> float:
        """Milliseconds since the attempt began."""
        return max(self.world.now - self.began, 0)

    def after(self, at: float) -> str:
        """Return the time from the beginning of the attempt as text."""
        return seconds(at - self.began)

    def is_silent_since(self, at: float | None, ms: int = PATIENCE_MS) -> bool:
        """Return whether at least so many milliseconds have passed since a time."""
        return at is not None and self.world.now - at >= ms


Rule = Callable[[Attempt, SharedFacts], Finding | None]


def start_of(attempt: Attempt) -> str:
    """Return the step with which an attempt began."""
    if attempt.join is not None:
        return "join"
    return "offer" if attempt.offers else "connect"


def fate_of(message: SentMessage) -> str:
    """Return why a message did not arrive; empty: unknown, or it did."""
    if message.has_arrived:
        return ""
    return f"{message.dropped_by} dropped it" if message.dropped_by else ""
