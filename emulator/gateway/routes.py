"""A WebSocket API as the gateway serves it: routes, authorizer, stage variables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from poker_signal.emulator.aws.events import Label
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.aws.results import Integration

RESERVED = frozenset({"$connect", "$disconnect"})
"""Routes that only the gateway itself selects; no message can."""


Labeler = Callable[[Request], Label]
"""Function that returns the names of a handshake's client for displays."""


class Route(NamedTuple):
    """The integration of a route key."""

    integration: Integration
    two_way: bool = False
    """True: the body of the function's response is sent to the client."""
    timeout_s: float | None = None
    """Integration timeout in seconds; None: that of the stage."""


class Authorizer(NamedTuple):
    """A REQUEST authorizer, which is invoked before ``$connect``."""

    integration: Integration
    identity_sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Api:
    """A WebSocket API: its routes, authorizer and stage variables."""

    routes: Mapping[str, Route]
    select: Callable[[str], str] | None = None
    """Function from the text of a message to its route key; None: always ``$default``."""
    authorizer: Authorizer | None = None
    stage_variables: Mapping[str, str] = field(default_factory=dict)
