"""Settings of the rules: the topology, and the limits.

The defaults are such that no client that does its job ever meets them, and no load test: messages
are not counted unless a rate is set, as the deployment does, at 100 a second. That is enough: the
app gathers at most 60 candidates per peer; a player who joins costs the tablet an offer, 60
candidates and 23 times ``player-connected``: 84 messages. All 24 at once are 2016, less than the
burst, and the rate lets one player join every second for ever.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from poker_signal.core.base_error import PokerSignalError

MAX_FRAME_BYTES = 131_072
"""The largest post of API Gateway (apigatewaymanagementapi service model, member Data)."""

SEATS = 24
MESSAGE_RATE = 0
MESSAGE_BURST = 2500
MAX_PAYLOAD_BYTES = 65_536
LARGEST_PAYLOAD_BYTES = MAX_FRAME_BYTES
"""The largest payload that a rule can allow: a whole post of API Gateway."""

# As browsers serialise it (RFC 6454, section 6.2).
_ORIGIN = r"null|[a-z][a-z0-9+.-]*://[a-z0-9._\[\]:-]+"


class BadOrigin(PokerSignalError, ValueError):
    """Not an origin as browsers send it; the text says what one looks like."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} is no origin: write scheme://host or scheme://host:port in lower case, "
            "without a path or a wildcard, such as https://poker.example.com"
        )


class Topology(StrEnum):
    """Who may address whom within a game."""

    MESH = "mesh"
    """Everybody may address everybody else."""

    STAR = "star"
    """Players may address only ``HOST``, and only ``HOST`` sends offers."""


class Rules(NamedTuple):
    """Topology and limits."""

    topology: Topology = Topology.MESH
    seats: int = SEATS
    """Players of a game, by name, besides ``HOST``; 0: any number."""
    message_rate: float = MESSAGE_RATE
    """Messages per second of one connection; 0: any number."""
    message_burst: int = MESSAGE_BURST
    """Messages of one connection at once, under ``message_rate``."""
    max_payload_bytes: int = MAX_PAYLOAD_BYTES
    """Of a payload's JSON text in UTF-8, as the client wrote it."""
    origins: frozenset[str] = frozenset()
    """Pages that may connect; empty: all."""


def whole_number(text: str, least: int = 0, most: int | None = None) -> int | None:
    """Return the number that a text is, in ASCII digits only; None: no such number in the range.

    int() would take "1_000" and other scripts' digits, and fail at four thousand of them.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        return None
    number = int(text)
    return number if least <= number and (most is None or number <= most) else None


def parse_origins(text: str) -> frozenset[str]:
    """Read origins that are separated by commas; white space does not count.

    Raises:
        BadOrigin: one of them is none.
    """
    origins = [part.strip() for part in text.split(",")]
    return _checked(origin for origin in origins if origin)


def _checked(origins: Iterable[str]) -> frozenset[str]:
    found = frozenset(origins)
    for origin in sorted(found):
        if not re.fullmatch(_ORIGIN, origin):
            raise BadOrigin(origin)
    return found
