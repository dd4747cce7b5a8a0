"""Ids that look like API Gateway's: 16 characters, the last of them ``=``.

Connection, request and message ids share one format, URL-safe base64 of 11 bytes: a counter
(4), noise (2), two fixed bytes, the kind of id, and two bytes that a connection's id has in
common with those of its messages. All recorded ids are of that shape.
"""

import base64
import random
import re

_FORMAT = re.compile("[A-Za-z0-9_-]{15}=")
_CONNECTION_OR_MESSAGE = 0x02
_REQUEST = 0x05
_FIXED = b"\x20\x03"


class Identifiers:
    """Makes ids, each of them once."""

    def __init__(self, noise: random.Random | None = None) -> None:
        self._noise = noise or random.Random()
        self._counter = self._noise.getrandbits(32)

    def connection_id(self) -> str:
        """Return a new connection id."""
        return self._make(_CONNECTION_OR_MESSAGE, self._noise.getrandbits(16))

    def message_id(self, connection_id: str) -> str:
        """Return a new id for a message; its last four characters are those of its connection."""
        return self._make(_CONNECTION_OR_MESSAGE, 0)[:12] + connection_id[12:]

    def request_id(self) -> str:
        """Return a new request id."""
        return self._make(_REQUEST, self._noise.getrandbits(16))

    def trace_id(self, at_ms: int) -> str:
        """Return a new X-Ray trace id, as the header ``X-Amzn-Trace-Id`` carries it."""
        return f"Root=1-{at_ms // 1000:08x}-{self._noise.getrandbits(96):024x}"

    def _make(self, kind: int, tail: int) -> str:
        self._counter = (self._counter + 1) & 0xFFFF_FFFF
        noise = self._noise.getrandbits(16)
        raw = b"%b%b%b%c%b" % (
            self._counter.to_bytes(4, "big"),
            noise.to_bytes(2, "big"),
            _FIXED,
            kind,
            tail.to_bytes(2, "big"),
        )
        return base64.urlsafe_b64encode(raw).decode()


def is_well_formed(connection_id: str) -> bool:
    """Tell whether API Gateway could have made this id."""
    return _FORMAT.fullmatch(connection_id) is not None
