"""Escapes for text from peers, servers and files on a terminal, and a check of its encoding."""

import json
import re
from typing import TextIO

# Colours and their end, as loggers write them. Nothing else that begins with ESC is kept.
_KEPT = re.compile("(\x1b\\[[0-9;]{0,20}m|\t|\r?\n)")


def escape(text: str) -> str:
    """Return a text of one line from elsewhere, with all characters escaped that do not print.

    Control characters could move the cursor or change colours; bidirectional ones could reverse
    the line.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def escape_lines(text: str) -> str:
    """Return a text of several lines, escaped."""
    return "\n".join(map(escape, text.split("\n")))


def escape_output(text: str) -> str:
    """Return the output of a handler, escaped but for line breaks, tabs and colours."""
    if text.replace("\n", "").isprintable():
        return text
    parts = _KEPT.split(text)
    # Every second part is one that is kept.
    return "".join(part if i % 2 else escape(part) for i, part in enumerate(parts))


def escape_json(text: str) -> str:
    """Return JSON whose strings hold only characters that print; it means the same."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def can_encode(stream: TextIO, text: str) -> bool:
    """Return whether a stream's encoding has all of these characters."""
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
