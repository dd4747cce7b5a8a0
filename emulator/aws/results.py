"""Results of a Lambda function as values, and the interface of a function."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol


class Report(NamedTuple):
    """Outcome of an event, which a function in this process reports to the trace."""

    outcome: str
    code: str | None = None
    """The code of the refusal or error; None: there was none."""


class Returned(NamedTuple):
    """The function returned this value, of any type."""

    value: object
    report: Report | None = None


class Raised(NamedTuple):
    """The function raised an exception, or crashed."""

    message: str


class TimedOut(NamedTuple):
    """The function took longer than the integration timeout; it continues to run."""


class NotInvokable(NamedTuple):
    """Lambda refuses the invocation: no permission, or too many invocations are running."""

    why: str = "no permission to invoke"


class Dropped(NamedTuple):
    """A fault dropped the event: no function was invoked, and the client is not told."""

    fault: str
    """The ``--fault`` specification."""


Result = Returned | Raised | TimedOut | NotInvokable | Dropped


class Forward(NamedTuple):
    """A message's only effect: one post, which the gateway performs.

    Only a function in this process can return it, and only if ``may_forward`` was True. If the
    connection is gone, the gateway invokes the function again with ``may_forward=False``.
    """

    connection_id: str
    frame: str
    result: Returned
    """The function's result once the frame is posted."""


class Running:
    """The result of a function that has not returned yet."""

    __slots__ = ("_result", "_then")

    def __init__(self) -> None:
        self._result: Result | None = None
        self._then: Callable[[Result], None] | None = None

    def then(self, callback: Callable[[Result], None]) -> None:
        """Call ``callback`` once with the result, immediately if there is one already."""
        self._then = callback
        if self._result is not None:
            callback(self._result)

    def finish(self, result: Result) -> None:
        """Set the result and run the callback; call this on the event loop."""
        self._result = result
        if self._then is not None:
            self._then(result)


class Integration(Protocol):
    """A Lambda function, as the gateway sees it."""

    def invoke(
        self, event: Mapping[str, Any], may_forward: bool = False
    ) -> Result | Running | Forward:
        """Call the function; a Running delivers its result later.

        ``may_forward``: the function may return a Forward if its only effect is one post.
        """


_RESPONSE_KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}


def well_formed(result: Returned) -> Mapping[str, Any] | None:
    """Return a function's response; None if API Gateway does not accept it."""
    value = result.value
    if not isinstance(value, dict) or not value.keys() <= _RESPONSE_KEYS:
        return None
    status, body = value.get("statusCode"), value.get("body")
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        return None
    return value if body is None or isinstance(body, str) else None
