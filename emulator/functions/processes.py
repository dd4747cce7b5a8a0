"""Processes of functions: their output as lines on stderr, their end, and their killing."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

CHUNK_BYTES = 65_536
"""Bytes that are read at once; a longer line is shown in parts."""

MAX_BYTES_PER_S = 4 * 1024 * 1024
"""Output of a process that is shown in a second; more is counted."""


class Process:
    """A process with a group of its own, so that what it forks ends with it."""

    # Two threads per process: one reads its output, one waits for its end. The first may outlive
    # the process, if a child that has left its group keeps the pipe open.

    def __init__(
        self,
        command: list[str],
        variables: Mapping[str, str],
        folder: Path,
        ended: Callable[[int], None],
    ) -> None:
        """Start it; ``ended`` is called in another thread with the exit code, negative: a signal.

        Raises:
            OSError: it cannot be started.
        """
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._ended = ended
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._read, self._wait)
        ]
        for thread in self._threads:
            thread.start()

    def kill(self) -> None:
        """End the process and all of its group, at once."""
        if self._process.returncode is None:
            self._kill_group()

    def join(self, seconds: float) -> None:
        """Wait until the process is gone and its output is shown."""
        ends = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(ends - time.monotonic(), 0))

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def _wait(self) -> None:
        code = self._process.wait()
        self._kill_group()
        self._ended(code)

    def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        rest, shown, dropped, second = b"", 0, 0, 0
        with self._process.stdout as output:
            while chunk := os.read(output.fileno(), CHUNK_BYTES):
                if (now := int(time.monotonic())) != second:
                    dropped = _tell_dropped(dropped)
                    second, shown = now, 0
                shown += len(chunk)
                if shown > MAX_BYTES_PER_S:
                    dropped += len(chunk)
                    continue
                lines, newline, rest = (rest + chunk).rpartition(b"\n")
                show(lines + newline)
                if len(rest) >= CHUNK_BYTES:
                    show(rest + b"\n")
                    rest = b""
        if rest:
            show(rest + b"\n")
        _tell_dropped(dropped)


def _tell_dropped(size: int) -> int:
    if size:
        show(f"… {size} more bytes of output were dropped\n".encode())
    return 0


def show(text: bytes) -> None:
    """Write output to stderr; from any thread."""
    # ValueError: the stream is closed, because the program that runs the emulator ends.
    with contextlib.suppress(ValueError, OSError):
        sys.stderr.write(text.decode(errors="backslashreplace"))
