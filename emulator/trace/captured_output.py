"""Where stdout and stderr go while the emulator runs: among the console's lines.

Whoever started the emulator may not read its stderr. A handler that prints, or a logger, must not
wait until somebody does.
"""

import io
import threading
from typing import TextIO

from poker_signal.emulator.trace.console import Console

MAX_BEGUN = 64 * 1024
"""Characters of a line that has no end yet; beyond, it is shown without one."""


class _Begun:
    """A line that has no end yet. If its thread ends, so does the line: Python drops it then."""

    def __init__(self, console: Console) -> None:
        self.text = ""
        self._console = console

    def __del__(self) -> None:
        if self.text:
            self._console.tell(f"{self.text}\n")


class _OfThread(threading.local):
    """What each thread has begun."""

    def __init__(self, console: Console) -> None:
        self.begun = _Begun(console)


class Printed(io.TextIOBase):
    """A text stream: what is printed waits with the console's lines, and nobody waits for it.

    Lines stay whole, whoever prints at the same time: each thread has its own until it ends.
    ``flush`` shows what there is of a line, a prompt for example.
    """

    def __init__(self, console: Console, stream: TextIO) -> None:
        self._console = console
        self._stream = stream
        self._of_thread = _OfThread(console)
        self.buffer = _Bytes(self)
        """As the streams have it that Python starts with."""

    @property
    def encoding(self) -> str:  # type: ignore[override] # typeshed has an attribute
        """That of the stream on which it is seen."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override] # typeshed has an attribute
        """What becomes of characters that the stream does not have."""
        return self._stream.errors

    def isatty(self) -> bool:
        """Tell whether it is seen on a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream on which it is seen."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Tell that it can be written."""
        return True

    def write(self, text: str) -> int:
        """Take text; show the lines that are complete."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        begun = self._of_thread.begun
        lines, newline, begun.text = (begun.text + text).rpartition("\n")
        if newline:
            self._console.tell(lines + newline)
        if len(begun.text) > MAX_BEGUN:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Show the line that this thread has begun, as far as it is there."""
        begun = self._of_thread.begun
        text, begun.text = begun.text, ""
        if text:
            self._console.tell(text)


class _Bytes(io.RawIOBase):
    def __init__(self, text: Printed) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override] # or whatever has bytes
        self._text.write(bytes(data).decode(self._text.encoding, "backslashreplace"))
        return len(data)
