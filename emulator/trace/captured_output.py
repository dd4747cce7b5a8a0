"""Replacement for stdout and stderr while the emulator runs: text joins the console's queue.

The process that started the emulator may not read its stderr. A handler that prints, or a logger,
must not block because of that.
"""

import io
import threading
from typing import TextIO

from poker_signal.emulator.trace.console import Console

MAX_BEGUN = 64 * 1024
"""Most characters kept of a line without a newline; a longer one is shown unfinished."""


class _Begun:
    """The unfinished line of a thread. It is shown when the thread ends: Python deletes it then."""

    def __init__(self, console: Console) -> None:
        self.text = ""
        self._console = console

    def __del__(self) -> None:
        if self.text:
            self._console.tell(f"{self.text}\n")


class _OfThread(threading.local):
    """The unfinished line of the current thread."""

    def __init__(self, console: Console) -> None:
        self.begun = _Begun(console)


class Printed(io.TextIOBase):
    """Text stream that queues printed text with the console's lines; writing never blocks.

    Lines stay whole when several threads print at once: each has its own unfinished line.
    ``flush`` shows the unfinished line, for example a prompt.
    """

    def __init__(self, console: Console, stream: TextIO) -> None:
        self._console = console
        self._stream = stream
        self._of_thread = _OfThread(console)
        self.buffer = _Bytes(self)
        """Byte stream, as ``sys.stdout`` and ``sys.stderr`` have one."""

    @property
    def encoding(self) -> str:  # type: ignore[override] # typeshed has an attribute
        """Encoding of the stream on which the text is shown."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override] # typeshed has an attribute
        """Name of that stream's error handler for characters outside its encoding."""
        return self._stream.errors

    def isatty(self) -> bool:
        """Return whether the text is shown on a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the file descriptor of the stream on which the text is shown."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Return True: the stream can be written."""
        return True

    def write(self, text: str) -> int:
        """Add text; show the lines that it completes."""
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
        """Show the unfinished line of this thread."""
        begun = self._of_thread.begun
        text, begun.text = begun.text, ""
        if text:
            self._console.tell(text)


class _Bytes(io.RawIOBase):
    def __init__(self, text: Printed) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override] # any bytes-like object
        self._text.write(bytes(data).decode(self._text.encoding, "backslashreplace"))
        return len(data)
