"""Where frames begin and end on the wire (RFC 6455, section 5.2).

What frames mean is for websockets' protocol to decide; this tells which of them are whole
text messages, which need not go through its parser, and makes those that are sent.
"""

import sys

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover - wheels for every platform have it
    from websockets.utils import apply_mask

__all__ = ["MAX_PLAIN_BYTES", "apply_mask", "only_text", "shape_of", "whole_text"]

MAX_PLAIN_BYTES = 0xFFFF
"""What a length of two bytes can tell."""

_FIN_TEXT = 0x81
_MASKED = 0x80
# The last four have RSV1 set: the first frame of a compressed message.
_VALID_FIRST_BYTES = frozenset(
    [0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A, 0x41, 0x42, 0xC1, 0xC2]
)


_NO_FRAME = (0, sys.maxsize, False)
"""Nothing that could follow makes a frame of it."""


def shape_of(data: bytes, start: int) -> tuple[int, int, bool] | None:
    """Return the outline of the frame that begins at ``start``; None: its header is not there.

    The outline: bytes before the payload, mask included; bytes of the payload; and whether it
    is masked, unfragmented, uncompressed text, of which nothing else needs to be known.
    """
    there = len(data) - start
    if there < 2:
        return None
    first, second = data[start], data[start + 1]
    if second < _MASKED or first not in _VALID_FIRST_BYTES:
        return _NO_FRAME
    length = second - _MASKED
    header = 6 if length < 126 else 8 if length == 126 else 14
    if there < header:
        return None
    if length >= 126:
        length = int.from_bytes(data[start + 2 : start + header - 4], "big")
    return header, length, first == _FIN_TEXT


def only_text(data: bytes, max_bytes: int) -> bytes | None:
    """Return the payload if ``data`` is one whole text message and no more, else None.

    Most of what arrives is just that; ``shape_of`` tells of the rest.
    """
    size = len(data)
    if size < 6 or data[0] != _FIN_TEXT or data[1] < _MASKED:
        return None
    length, header = data[1] - _MASKED, 6
    if length == 126:
        length, header = data[2] << 8 | data[3], 8
    if header + length != size or length > max_bytes:
        return None
    return apply_mask(data[header:], data[header - 4 : header])


def whole_text(data: bytes) -> bytes:
    """Return the frame of a text message of at most ``MAX_PLAIN_BYTES``, as a server sends it."""
    size = len(data)
    if size < 126:
        return bytes((_FIN_TEXT, size)) + data
    return bytes((_FIN_TEXT, 126, size >> 8, size & 0xFF)) + data
