"""A WebSocket API as the gateway serves it: routes, authorizer, stage variables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from poker_signal.emulator.aws.events import Label
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.aws.results import Integration

RESERVED = frozenset({"$connect", "$disconnect"})
"""Routes that only the gateway itself selects."""


Labeler = Callable[[Request], Label]
"""Names the client of a handshake, for displays."""


class Route(NamedTuple):
    """The integration of a route key."""

    integration: Integration
    two_way: bool = False
    """The function's body is sent to the client."""
    timeout_s: float | None = None
    """Less than the stage's integration timeout, if anything."""


class Authorizer(NamedTuple):
    """A function that is asked before ``$connect``."""

    integration: Integration
    identity_sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Api:
    """A WebSocket API: its routes, and who may connect to it."""

    routes: Mapping[str, Route]
    select: Callable[[str], str] | None = None
    """From a message's text to the route key that it asks for; ``None``: always $default."""
    authorizer: Authorizer | None = None
    stage_variables: Mapping[str, str] = field(default_factory=dict)
