"""Where the gateway's events go: a Lambda function, or our core in its place."""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, Protocol

from poker_signal.core.gateway import LambdaEvent


class Failure(Enum):
    """Why there is no return value."""

    RAISED = "raised"
    """The function raised, or crashed."""
    TIMED_OUT = "timed out"
    """The function took longer than the integration timeout; it goes on running."""


class Returned(NamedTuple):
    """What the function returned, whatever it is."""

    value: object


Result = Returned | Failure


class Integration(Protocol):
    """A Lambda function, as the gateway sees it."""

    def invoke(self, event: LambdaEvent, done: Callable[[Result], None]) -> None:
        """Call the function; call ``done`` with the result, at once or later, on the loop."""
