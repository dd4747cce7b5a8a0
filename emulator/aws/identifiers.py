"""Ids in the format of API Gateway: 16 characters, the last one ``=``.

Connection, request and message ids share one format, URL-safe base64 of 11 bytes: a counter
(4), noise (2), two fixed bytes, the kind of id (1), and two bytes that are the same in the id of
a connection and in those of its messages. All recorded ids have this format.
"""

import random
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator

_FORMAT = re.compile("[A-Za-z0-9_-]{15}=")

# The fixed bytes, 20 03, and the kind in base64.
_CONNECTION_OR_MESSAGE = "IAMC"
_REQUEST = "IAMF"

_BLOCK = 256
"""Ids encoded per batch; encoding them one by one would take twice as long."""


class Identifiers:
    """Generator of unique ids."""

    def __init__(self, noise: random.Random | None = None, counter: int | None = None) -> None:
        self._noise = noise or random.Random()
        first = self._noise.getrandbits(32) if counter is None else counter
        self._ends = self._all_ends(first // _BLOCK)

    def of_handshake(self, at_ms: int) -> tuple[str, str, str]:
        """Return a new connection id, request id and trace id."""
        head, tail = next(self._ends)
        connection_id = head + _CONNECTION_OR_MESSAGE + tail
        head, tail = next(self._ends)
        return connection_id, head + _REQUEST + tail, self._trace_id(at_ms)

    def request_id(self) -> str:
        """Return a new request id."""
        head, tail = next(self._ends)
        return head + _REQUEST + tail

    def of_message(self, connection_id: str) -> tuple[str, str]:
        """Return a new request id, and a new message id.

        The last four characters of the message id are those of its connection's id. Both ids
        share their first eight characters, which halves the time; their kinds differ.
        """
        head, tail = next(self._ends)
        return head + _REQUEST + tail, head + _CONNECTION_OR_MESSAGE + connection_id[12:]

    def authorizer_ids(self, at_ms: int) -> tuple[str, str]:
        """Return a new request id and trace id."""
        return self.request_id(), self._trace_id(at_ms)

    def _trace_id(self, at_ms: int) -> str:
        """Return a new X-Ray trace id, as the header ``X-Amzn-Trace-Id`` carries it."""
        return f"Root=1-{at_ms // 1000:08x}-{self._noise.getrandbits(96):024x}"

    def _all_ends(self, block: int) -> Iterator[tuple[str, str]]:
        """Yield the first eight characters (counter, noise) and the last four (noise) of ids."""
        while True:
            high = (block & 0xFF_FFFF).to_bytes(3, "big")
            noise = self._noise.randbytes(4 * _BLOCK)
            heads, tails = bytearray(6 * _BLOCK), bytearray(3 * _BLOCK)
            columns = [*(high[i : i + 1] * _BLOCK for i in range(3)), bytes(range(_BLOCK))]
            columns += [noise[:_BLOCK], noise[_BLOCK : 2 * _BLOCK]]
            for place, column in enumerate(columns):
                heads[place::6] = column
            tails[0::3], tails[1::3] = noise[2 * _BLOCK : 3 * _BLOCK], noise[3 * _BLOCK :]
            head, tail = (urlsafe_b64encode(each).decode() for each in (heads, tails))
            for start in range(0, 4 * _BLOCK, 4):
                # A tail has two bytes and padding; the encoded third byte is dropped.
                yield head[2 * start : 2 * start + 8], tail[start : start + 3] + "="
            block += 1


def is_well_formed(connection_id: str) -> bool:
    """Tell whether an id has the format of API Gateway."""
    return _FORMAT.fullmatch(connection_id) is not None
