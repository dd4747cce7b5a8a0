"""The entries of a trace: events of the gateway, as values."""

from typing import Any, Literal, NamedTuple

from poker_signal.core.aws_event import AuthorizerEvent, LambdaEvent
from poker_signal.emulator.aws.events import Facts, Label
from poker_signal.emulator.aws.results import Result, Returned


class Asked(NamedTuple):
    """Start of an invocation for a WebSocket handshake: of ``$connect`` or the authorizer."""

    at_ms: int
    facts: Facts
    of: Literal["connect", "authorizer"]
    event: LambdaEvent | AuthorizerEvent


class Opened(NamedTuple):
    """Start of a connection: its 101 response was written."""

    at_ms: int
    facts: Facts


class RequestRefused(NamedTuple):
    """Refusal of a request, which did not become a connection."""

    at_ms: int
    facts: Facts | None
    method: str
    path: str
    """Without the query string, at most 200 characters."""
    status: int
    reason: str
    code: str = ""
    """Code of the gateway's own rule; empty: there is none."""


class Received(NamedTuple):
    """A message for which a route's function is invoked, as the parts of its event."""

    at_ms: int
    facts: Facts
    route_key: str
    body: str
    request_id: str
    message_id: str


class Unrouted(NamedTuple):
    """A message that reached no function."""

    at_ms: int
    facts: Facts
    body: str
    why: Literal["throttled", "no route"]


class Posted(NamedTuple):
    """A post: a text frame that was sent, or whose connection was not open."""

    at_ms: int
    facts: Facts | None
    """None: the connection is not open."""
    connection_id: str
    frame: str


class Closed(NamedTuple):
    """End of a connection, with the event for ``$disconnect``."""

    at_ms: int
    facts: Facts
    event: LambdaEvent


class Finished(NamedTuple):
    """End of an invocation: the function returned, failed, or timed out."""

    at_ms: int
    cause: "Asked | Received | Closed"
    """The entry with the event of the invocation."""
    result: Result

    @property
    def facts(self) -> Facts:
        """Facts about the connection that caused the invocation."""
        return self.cause.facts


class Managed(NamedTuple):
    """An HTTP request to ``@connections`` and its answer."""

    at_ms: int
    facts: Facts | None
    connection_id: str
    method: str
    status: int
    reason: str
    size: int
    """Bytes of the request's body."""


DROPPED = "dropped"
NOT_INVOKED = "no function is invoked"
"""Effects of faults that are the outcome of the message's own line."""


class Fault(NamedTuple):
    """An active fault that struck."""

    at_ms: int
    facts: Facts | None
    fault: str
    detail: str
    """A message's type, a reserved route key, or the request that was struck."""
    effect: str = ""
    """The effect in a few words, such as ``dropped`` or ``held for 6 s``."""
    request_id: str = ""
    """Of the event that was struck, as in its own entry; empty: none was."""
    body: str | None = None
    """The message that was struck; None: none was."""
    until_ms: int | None = None
    """End of the delay; None: the fault does not delay."""


class Probed(NamedTuple):
    """A report of the probe in a page: an event of its WebRTC connections, or an error."""

    at_ms: int
    """Time in the page, on the emulator's clock."""
    facts: Facts | None
    """The newest connection of the page's player; None: it is not known."""
    label: Label
    """The page's player and game; empty where they are not known."""
    members: dict[str, Any]
    """Validated: ``event``, and the members that docs/trace.md lists for it."""


class Planned(NamedTuple):
    """A note of a function that is due later: a watched join, or the lobby of a host."""

    at_ms: int
    facts: Facts | None
    """The connection that the note is about; None: it is not open."""
    connection_id: str
    note: str
    """``watch`` or ``lobby``."""
    step: int
    """Number of the look or keep-alive that is due."""
    until_ms: int
    """Epoch milliseconds of its time."""


class CameDue(NamedTuple):
    """A note that is due: what follows from it comes next."""

    at_ms: int
    facts: Facts | None
    connection_id: str
    note: str
    step: int


class Forwarded(NamedTuple):
    """A message whose only effect was one delivered post: a Posted and a Finished in one.

    Most messages end this way. One entry in place of two lowers Python's time per message from
    15.9 µs to 13.1 µs.
    """

    at_ms: int
    received: Received
    target: Facts
    frame: str
    result: Returned

    @property
    def facts(self) -> Facts:
        """Facts about the sender's connection."""
        return self.received.facts

    def entries(self) -> "tuple[Posted, Finished]":
        """Return the two entries that this one stands for, in order."""
        posted = Posted(self.at_ms, self.target, self.target.connection_id, self.frame)
        return posted, Finished(self.at_ms, self.received, self.result)


Entry = (
    Asked
    | Opened
    | RequestRefused
    | Received
    | Unrouted
    | Posted
    | Closed
    | Finished
    | Managed
    | Fault
    | Probed
    | Planned
    | CameDue
)

Kept = Entry | Forwarded
"""An element of the trace: an entry, or two entries that are stored as one."""
