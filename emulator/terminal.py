"""Text from peers made safe for terminals, and terminals' encodings."""

from typing import TextIO


def escape(text: str) -> str:
    """Return what a peer sent as a terminal may be shown it.

    Control characters could move the cursor or change colours, bidirectional ones could turn
    the line around.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def can_encode(stream: TextIO, text: str) -> bool:
    """Tell whether a stream has all of these characters."""
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
