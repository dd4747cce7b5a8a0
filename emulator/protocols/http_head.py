"""The head of a handshake as nearly every client sends it, and the head of its 101.

h11 takes a third of the time that a connect costs, because it is right about everything: each
line is matched by itself, and so are those of the answer. Here is read only what leaves nothing
to decide; whatever is odd, or no handshake, is h11's.
"""

import re
from typing import NamedTuple

from poker_signal.emulator.aws.http import Headers

# Stricter than RFC 9112: one space after the colon, and a value of visible ASCII, with spaces
# only between.
_REQUEST_LINE = re.compile(r"GET ([!-~]+) HTTP/1\.1\r\n")
_HEADER = re.compile(r"([-!#$%&'*+.^_`|~0-9A-Za-z]+): ([!-~](?:[ -~]*[!-~])?)\r\n")

_MORE_THAN_A_HEAD = {"content-length", "transfer-encoding", "expect"}
"""What says that a body follows, or waits for a word."""


class Head(NamedTuple):
    """A handshake's head."""

    target: str
    headers: Headers
    size: int
    """How many bytes it is."""


def read_handshake(data: bytes) -> Head | None:
    """Return the head that the data begins with; None if h11 has to look at it."""
    size = data.find(b"\r\n\r\n") + 4
    if size < 4:
        return None
    # Latin-1 never fails: what is not ASCII matches no line.
    text = data[: size - 2].decode("latin-1")
    line = _REQUEST_LINE.match(text)
    if line is None:
        return None
    headers: Headers = []
    end = line.end()
    while end < len(text):
        # One after the other, up to the first that is odd: the time grows with the length.
        header = _HEADER.match(text, end)
        if header is None:
            return None
        headers.append((header[1], header[2]))
        end = header.end()
    names = [name.lower() for name, _ in headers]
    if (
        "upgrade" not in names
        or names.count("host") != 1
        or not _MORE_THAN_A_HEAD.isdisjoint(names)
    ):
        return None
    return Head(line[1], headers, size)


def switching_protocols(headers: Headers) -> bytes:
    """Return the head of a 101, byte for byte as h11 writes it."""
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    return f"HTTP/1.1 101 \r\n{''.join(lines)}\r\n".encode("latin-1")
