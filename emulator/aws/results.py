"""Results of a function, as values, and the function itself as API Gateway sees it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol


class Report(NamedTuple):
    """What a function in this process tells of an event beside its response, for the trace."""

    outcome: str
    code: str | None = None
    """Of the refusal or error, if there was one."""


class Returned(NamedTuple):
    """The function returned this value, whatever it is."""

    value: object
    report: Report | None = None


class Raised(NamedTuple):
    """The function raised, or crashed."""

    message: str


class TimedOut(NamedTuple):
    """The function took longer than the integration timeout; it goes on running."""


class NotInvokable(NamedTuple):
    """Lambda refuses to call the function: no permission, or too many invocations are running."""

    why: str = "no permission to invoke"


Result = Returned | Raised | TimedOut | NotInvokable


class Forward(NamedTuple):
    """The only outcome of a message is one post, which the gateway performs.

    Only a function in this process can return it. If the connection is gone, or posts are
    throttled or subject to faults, the gateway invokes the function again, without ``may_forward``.
    """

    connection_id: str
    frame: str
    result: Returned
    """The function's result once the frame is posted."""


class Running:
    """A function that has not returned yet."""

    __slots__ = ("_result", "_then")

    def __init__(self) -> None:
        self._result: Result | None = None
        self._then: Callable[[Result], None] | None = None

    def then(self, callback: Callable[[Result], None]) -> None:
        """Call once, with the result; at once if it is there."""
        self._then = callback
        if self._result is not None:
            callback(self._result)

    def finish(self, result: Result) -> None:
        """Set the result; on the event loop."""
        self._result = result
        if self._then is not None:
            self._then(result)


class Integration(Protocol):
    """A Lambda function, as the gateway sees it."""

    def invoke(
        self, event: Mapping[str, Any], may_forward: bool = False
    ) -> Result | Running | Forward:
        """Call the function; Running: the result comes later.

        ``may_forward``: if all that follows is one post, return it as a Forward.
        """


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
