"""Where frames begin and end on the wire (RFC 6455, section 5.2).

What frames mean is for websockets' protocol to decide; this tells which of them are whole
text messages, which need not go through its parser, and makes those that are sent.
"""

import sys

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover - wheels for every platform have it
    from websockets.utils import apply_mask

from websockets.frames import EXTERNAL_CLOSE_CODES

__all__ = [
    "MAX_PLAIN_BYTES",
    "MAX_REASON_BYTES",
    "apply_mask",
    "length_at",
    "may_close_with",
    "text_at",
    "whole_text",
]

MAX_REASON_BYTES = 123
"""Space for a reason in a close frame, beside the code (RFC 6455, section 5.5)."""

MAX_PLAIN_BYTES = 0xFFFF
"""What a length of two bytes can tell."""

_FIN_TEXT = 0x81
_MASKED = 0x80
_SHORT_HEADS = [bytes((_FIN_TEXT, size)) for size in range(126)]
_LONG_HEAD = bytes((_FIN_TEXT, 126))
# The last four have RSV1 set: the first frame of a compressed message.
_VALID_FIRST_BYTES = frozenset(
    [0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A, 0x41, 0x42, 0xC1, 0xC2]
)


_NEVER_ENDS = sys.maxsize
"""Nothing that could follow makes a frame of it."""


def text_at(data: bytes, start: int, max_bytes: int) -> tuple[int, int] | None:
    """Return where the payload lies of the whole text message that begins at ``start``.

    From its first byte to behind its last, still masked by the four bytes before it. None: it
    is something else, longer than ``max_bytes``, or not all there.
    """
    there = len(data) - start
    if there < 6 or data[start] != _FIN_TEXT or data[start + 1] < _MASKED:
        return None
    length, payload = data[start + 1] - _MASKED, start + 6
    if length >= 126:
        if length == 127 or there < 8:
            return None
        length, payload = data[start + 2] << 8 | data[start + 3], start + 8
    end = payload + length
    return (payload, end) if length <= max_bytes and end <= len(data) else None


def length_at(data: bytes, start: int) -> int | None:
    """Return how many bytes the frame has that begins at ``start``; None: too little is there."""
    there = len(data) - start
    if there < 2:
        return None
    first, second = data[start], data[start + 1]
    if second < _MASKED or first not in _VALID_FIRST_BYTES:
        return _NEVER_ENDS
    length = second - _MASKED
    header = 6 if length < 126 else 8 if length == 126 else 14
    if there < header:
        return None
    if length >= 126:
        length = int.from_bytes(data[start + 2 : start + header - 4], "big")
    return header + length


def whole_text(data: bytes) -> bytes:
    """Return the frame of a text message of at most ``MAX_PLAIN_BYTES``, as a server sends it."""
    size = len(data)
    if size < 126:
        return _SHORT_HEADS[size] + data
    return _LONG_HEAD + size.to_bytes(2, "big") + data


def may_close_with(code: int) -> bool:
    """Tell whether a close frame can have this code, as websockets decides it."""
    return code in EXTERNAL_CLOSE_CODES or 3000 <= code <= 4999
