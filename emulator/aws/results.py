"""Results of a Lambda function as values, and the interface of a function."""

import re
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


class Malformed(NamedTuple):
    """The function returned a value that API Gateway does not accept."""

    why: str
    """The reason, such as ``body is a dict, not a string``."""
    value: object = None


class Raised(NamedTuple):
    """The function raised an exception, crashed, or exceeded its own timeout."""

    message: str
    type: str = ""
    """Lambda's ``errorType``, such as ``Runtime.ImportModuleError``; empty: not known."""
    place: tuple[str, int] | None = None
    """File and line of the innermost frame; None: not known."""


class TimedOut(NamedTuple):
    """The function took longer than the integration timeout; it continues to run."""


class NotInvokable(NamedTuple):
    """Lambda refuses the invocation: no permission, or too many invocations are running."""

    why: str = "no permission to invoke"


class Dropped(NamedTuple):
    """A fault dropped the event: no function was invoked, and the client is not told."""

    fault: str
    """The ``--fault`` specification."""


Result = Returned | Malformed | Raised | TimedOut | NotInvokable | Dropped


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


def judged(result: Result) -> Result:
    """Return the result of a route's function as API Gateway takes it.

    A Returned whose value is no response of a Lambda proxy integration becomes Malformed. In all
    others, ``value`` is a dict with an integer ``statusCode``, and ``body`` is text or None.
    """
    if not isinstance(result, Returned):
        return result
    value = result.value
    why = _fault_of(value)
    if why is not None:
        return Malformed(why, value)
    assert isinstance(value, dict), "_fault_of has checked"
    if isinstance(value["statusCode"], str):
        return result._replace(value={**value, "statusCode": int(value["statusCode"])})
    return result


def _fault_of(value: object) -> str | None:
    """Return what API Gateway does not accept in a response; None: it accepts it."""
    if not isinstance(value, dict):
        return f"the function returned {named(value)}, not a dict"
    status, body = value.get("statusCode"), value.get("body")
    if "statusCode" not in value:
        return "statusCode is missing"
    # REST APIs take digits as text (localstack's pull request 11199 tried it on AWS).
    number = int(status) if isinstance(status, str) and re.fullmatch("[0-9]{3}", status) else status
    if not isinstance(number, int) or isinstance(number, bool):
        return f"statusCode is {named(status)}, not an integer"
    if not 100 <= number <= 599:
        return f"statusCode is {number}, not in the range 100 to 599"
    if body is not None and not isinstance(body, str):
        return f"body is {named(body)}, not a string"
    if not value.keys() <= _RESPONSE_KEYS:
        unknown = ", ".join(sorted(map(str, value.keys() - _RESPONSE_KEYS)))
        return f"unknown members {unknown[:100]}; allowed are {', '.join(sorted(_RESPONSE_KEYS))}"
    for name in ("headers", "multiValueHeaders"):
        if not isinstance(value.get(name), dict | None):
            return f"{name} is {named(value[name])}, not a dict"
    return None


def named(value: object) -> str:
    """Return the type of a JSON value for a sentence: ``a dict``, ``None``."""
    if value is None:
        return "None"
    if isinstance(value, str) and len(value) <= 20:
        return f"the string {value!r}"
    kind = {"str": "string", "int": "integer"}.get(type(value).__name__, type(value).__name__)
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
