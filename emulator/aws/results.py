"""Where the gateway's events go: a Lambda function, or our core in its place."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from poker_signal.core.invocation import Outcome


class Returned(NamedTuple):
    """What the function returned, whatever it is."""

    value: object
    outcome: Outcome | None = None
    """What became of the event, where our own rules decided it in process."""


class Raised(NamedTuple):
    """The function raised, or crashed."""

    message: str


class TimedOut(NamedTuple):
    """The function took longer than the integration timeout; it goes on running."""


class NotInvokable(NamedTuple):
    """The Lambda service refuses to call the function: nobody may, or too many do already."""

    why: str = "no permission to invoke"


Result = Returned | Raised | TimedOut | NotInvokable


class Running:
    """A function that has not returned yet."""

    __slots__ = ("_result", "_then")

    def __init__(self) -> None:
        self._result: Result | None = None
        self._then: Callable[[Result], None] | None = None

    def then(self, callback: Callable[[Result], None]) -> None:
        """Call once, with the result."""
        self._then = callback
        if self._result is not None:
            callback(self._result)

    def finish(self, result: Result) -> None:
        """Tell the result; on the event loop."""
        self._result = result
        if self._then is not None:
            self._then(result)


class Integration(Protocol):
    """A Lambda function, as the gateway sees it."""

    def invoke(self, event: Mapping[str, Any]) -> Result | Running:
        """Call the function; return its result, or what it will be told by."""


_RESPONSE_KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}


def well_formed(result: Returned) -> Mapping[str, Any] | None:
    """Return a function's response if API Gateway can use it."""
    value = result.value
    if not isinstance(value, dict) or not value.keys() <= _RESPONSE_KEYS:
        return None
    status, body = value.get("statusCode"), value.get("body")
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        return None
    return value if body is None or isinstance(body, str) else None
