"""Ids that look like API Gateway's: 16 characters, the last of them ``=``.

Connection, request and message ids share one format, URL-safe base64 of 11 bytes: a counter
(4), noise (2), two fixed bytes, the kind of id, and two bytes that a connection's id has in
common with those of its messages. All recorded ids are of that shape.
"""

import base64
import random
import re
from string import ascii_letters, ascii_uppercase, digits

_FORMAT = re.compile("[A-Za-z0-9_-]{15}=")

# What the bytes 20 03 and the kind are in base64.
_CONNECTION_OR_MESSAGE = "IAMC"
_REQUEST = "IAMF"

_ALPHABET = ascii_uppercase + ascii_letters[:26] + digits + "-_"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
"""Twelve bits in base64. Every message takes two ids: they are put together, not encoded."""
_LAST = [f"{char}=" for char in _ALPHABET[::4]]
"""The last four bits, and the padding."""


class Identifiers:
    """Makes ids, each of them once."""

    def __init__(self, noise: random.Random | None = None) -> None:
        self._noise = noise or random.Random()
        self._counter = self._noise.getrandbits(32)
        self._high = -1
        self._prefix = ""

    def connection_id(self) -> str:
        """Return a new connection id."""
        head, tail = self._ends()
        return head + _CONNECTION_OR_MESSAGE + tail

    def request_id(self) -> str:
        """Return a new request id."""
        head, tail = self._ends()
        return head + _REQUEST + tail

    def of_message(self, connection_id: str) -> tuple[str, str]:
        """Return a new request id, and a new message id.

        The message's last four characters are those of its connection. Both share their
        counter: kind and noise tell them apart, and one is made in half the time of two.
        """
        head, tail = self._ends()
        return head + _REQUEST + tail, head + _CONNECTION_OR_MESSAGE + connection_id[12:]

    def trace_id(self, at_ms: int) -> str:
        """Return a new X-Ray trace id, as the header ``X-Amzn-Trace-Id`` carries it."""
        return f"Root=1-{at_ms // 1000:08x}-{self._noise.getrandbits(96):024x}"

    def _ends(self) -> tuple[str, str]:
        """Return the first eight characters, counter and noise, and the last four, noise."""
        self._counter = counter = (self._counter + 1) & 0xFFFF_FFFF
        if counter >> 8 != self._high:
            self._high = counter >> 8
            self._prefix = base64.urlsafe_b64encode(self._high.to_bytes(3, "big")).decode()
        noise = self._noise.getrandbits(32)
        low, last = (counter & 0xFF) << 16 | noise >> 16, noise & 0xFFFF
        head = self._prefix + _PAIRS[low >> 12] + _PAIRS[low & 0xFFF]
        return head, _PAIRS[last >> 4] + _LAST[last & 15]


def is_well_formed(connection_id: str) -> bool:
    """Tell whether API Gateway could have made this id."""
    return _FORMAT.fullmatch(connection_id) is not None
