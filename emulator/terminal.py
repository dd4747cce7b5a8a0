"""Escapes for text from peers on a terminal, and a check of a terminal's encoding."""

from typing import TextIO


def escape(text: str) -> str:
    """Return a peer's text with all characters escaped that are not printable.

    Control characters could move the cursor or change colours; bidirectional ones could reverse
    the line.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def can_encode(stream: TextIO, text: str) -> bool:
    """Return whether a stream's encoding has all of these characters."""
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
