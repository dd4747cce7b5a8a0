"""Settings of the rules: topology and limits.

Correct clients and load tests do not reach the default limits. Messages are counted only if a
rate is set; the deployment sets 100 per second. This is enough: the app gathers at most 60
candidates per peer. A player who joins costs the tablet one offer, 60 candidates and 23
``player-connected`` messages: 84 in all. 24 players who join at once cost 2016 messages, fewer
than the burst, and the rate then lets one more player join every second.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from poker_signal.core.base_error import PokerSignalError

MAX_FRAME_BYTES = 131_072
"""Largest post that API Gateway accepts (apigatewaymanagementapi service model, member Data)."""

SEATS = 24
MESSAGE_RATE = 0
MESSAGE_BURST = 2500
MAX_PAYLOAD_BYTES = 65_536
LARGEST_PAYLOAD_BYTES = MAX_FRAME_BYTES
"""Maximum of the setting ``max_payload_bytes``: a whole post of API Gateway."""

# An origin as browsers serialise it (RFC 6454, section 6.2).
_ORIGIN = r"null|[a-z][a-z0-9+.-]*://[a-z0-9._\[\]:-]+"


class BadOrigin(PokerSignalError, ValueError):
    """Text that is not an origin as browsers send it. The message shows a valid one."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} is no origin: write scheme://host or scheme://host:port in lower case, "
            "without a path or a wildcard, such as https://poker.example.com"
        )


class Topology(StrEnum):
    """Pairs of sender and target that are allowed within a game."""

    MESH = "mesh"
    """All players may address each other."""

    STAR = "star"
    """Players may address only ``HOST``, and only ``HOST`` sends offers."""


class Rules(NamedTuple):
    """Topology and limits."""

    topology: Topology = Topology.MESH
    seats: int = SEATS
    """Maximum number of names in a game, not counting ``HOST``. 0: no limit."""
    message_rate: float = MESSAGE_RATE
    """Maximum messages per second of one connection. 0: no limit."""
    message_burst: int = MESSAGE_BURST
    """Size of each connection's token bucket, if ``message_rate`` is set."""
    max_payload_bytes: int = MAX_PAYLOAD_BYTES
    """Maximum length of a payload: its JSON text in UTF-8, as the client wrote it."""
    origins: frozenset[str] = frozenset()
    """Origins of the pages that may connect. Empty: all."""
    later: bool = False
    """True: joins are watched until they end, and a host's connection is kept open."""
    auto_join: bool = False
    """True: a player who connects and does not join is joined. Needs ``later``."""
    ice: bool = False
    """True: clients get ICE servers in their ``welcome``, and on request."""


def whole_number(text: str, least: int = 0, most: int | None = None) -> int | None:
    """Return the number that up to 15 ASCII digits spell; None: other text, or out of range.

    int() accepts "1_000" and digits of other scripts, and raises beyond 4300 digits.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        return None
    number = int(text)
    return number if least <= number and (most is None or number <= most) else None


def parse_origins(text: str) -> frozenset[str]:
    """Parse a comma-separated list of origins. White space around them is ignored.

    Raises:
        BadOrigin: an entry is not an origin.
    """
    origins = [part.strip() for part in text.split(",")]
    return _checked(origin for origin in origins if origin)


def _checked(origins: Iterable[str]) -> frozenset[str]:
    found = frozenset(origins)
    for origin in sorted(found):
        if not re.fullmatch(_ORIGIN, origin):
            raise BadOrigin(origin)
    return found
