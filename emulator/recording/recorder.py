"""Writer of a recording while the emulator runs, in a background thread.

A slow or full disk does not stop the emulator: entries that cannot be written are counted, and the
recording has a gap in their place.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.recording import format as recording
from poker_signal.emulator.recording.pace import Pace
from poker_signal.emulator.recording.redaction import Redaction
from poker_signal.emulator.trace.as_json import as_json
from poker_signal.emulator.trace.background_writer import BackgroundWriter
from poker_signal.emulator.trace.entries import Entry, Kept
from poker_signal.emulator.trace.trace import entries_of
from poker_signal.emulator.trace.weight import weight_of

MAX_WAITING = 50_000
"""Most entries queued for the disk; beyond, new ones are dropped."""
MAX_WAITING_BYTES = 32 * 1024 * 1024
"""Most memory of the queued entries."""
BATCH_S = 0.05
"""Seconds that an entry waits for others, so that they are written together."""
MAX_BATCH = 256
STOP_S = 10
"""Most seconds that a slow disk may delay the emulator's exit."""

_TOO_SLOW = "the disk did not keep up"


class CannotRecord(PokerSignalError):
    """The file cannot be written; the text says why."""


class _Gap:
    def __init__(self, number: int, at_ms: int, dropped: int = 0) -> None:
        self.number, self.at_ms, self.dropped = number, at_ms, dropped


class Recorder:
    """Observer of a trace that writes every entry to a file.

    The file keeps its contents until ``start``. When entries are lost, ``tell`` is called with a
    sentence, in the writer thread or by ``close``.

    Raises:
        CannotRecord: the file cannot be opened, or another emulator writes it.
    """

    def __init__(
        self,
        path: Path,
        header: dict[str, Any],
        redaction: Redaction,
        tell: Callable[[str], None],
    ) -> None:
        self._path = path
        self._redaction = redaction
        self._tell = tell
        self._header = recording.line(header)
        self._file = _open(path)
        # The event loop writes `_next` and `_gap`. The writer thread writes `_whole`, `_why` and
        # `_lost`; `start` sets `_whole` before it, and `close` reads them when it has ended.
        self._whole = 0
        """Bytes of complete lines in the file; 0: not started."""
        self._next = 0
        self._gap: _Gap | None = None
        """Entries dropped since the queue became full; queued once it has room again."""
        self._why = ""
        """The disk's first error message."""
        self._lost: _Gap | None = None
        """Entries that the disk refused since the last successful write."""
        self._pace = Pace()
        redaction.pause = self._pause
        self._writer = BackgroundWriter[tuple[int, Entry] | _Gap](
            "recorder",
            self._write,
            max_weight=MAX_WAITING_BYTES,
            batch_s=BATCH_S,
        )

    def start(self) -> None:
        """Empty the file, write the header, and start the writer thread.

        Raises:
            CannotRecord: the header cannot be written.
        """
        try:
            # Readable by the user only, also if the file existed: it contains names and messages.
            # Not permitted for another user's file, or on a file system without users.
            with contextlib.suppress(PermissionError):
                os.fchmod(self._file.fileno(), 0o600)
            self._file.truncate(0)
            _write(self._file, self._header)
        except OSError as error:
            raise CannotRecord(f"{self._path}: {error.strerror}") from error
        self._whole = len(self._header)
        self._writer.start()

    def observe(self, entry: Kept) -> None:
        """Queue an entry for writing."""
        for each in entries_of(entry):
            self._observe(each)

    def _observe(self, entry: Entry) -> None:
        number = self._next
        self._next = number + 1
        item, weight = (number, entry), weight_of(entry)
        if self._gap is None:
            if self._writer.put(item, weight, MAX_WAITING):
                return
            self._gap = _Gap(number, entry.at_ms)
        elif self._writer.put(self._gap, weight, MAX_WAITING - 1):
            # The gap was put with the entry's weight and leaves a place for it: this succeeds.
            self._gap = None
            self._writer.put(item, 0, MAX_WAITING)
            return
        self._gap.dropped += 1

    def close(self) -> None:
        """Write the queue, for STOP_S at most; report entries that were not written."""
        if not self._whole:
            # `start` was not called.
            self._file.close()
            return
        if self._gap is not None:
            self._writer.put(self._gap, 0, MAX_WAITING + 1)
        if not self._writer.close(STOP_S):
            self._tell(f"recording {self._path} is not complete: {_TOO_SLOW}")
            return
        if self._lost is not None:
            self._tell(f"recording {self._path} lacks its last {self._lost.dropped} entries")
        self._file.close()

    def _write(self, items: Iterator[tuple[int, Entry] | _Gap]) -> None:
        while batch := list(islice(items, MAX_BATCH)):
            self._write_batch(batch)

    def _write_batch(self, taken: list[tuple[int, Entry] | _Gap]) -> None:
        lines = [] if self._lost is None else [_line_of_gap(self._lost, self._why)]
        for each in taken:
            lines.append(self._line(each))
            self._pause()
        data = b"".join(lines)
        try:
            _write(self._file, data)
        except OSError as error:
            self._refused(error, taken)
            return
        self._whole += len(data)
        self._lost = None

    def _pause(self) -> None:
        """Let the event loop run, unless it waits for the end of the recording."""
        if not self._writer.is_stopping:
            self._pace()

    def _line(self, each: tuple[int, Entry] | _Gap) -> bytes:
        if isinstance(each, _Gap):
            return _line_of_gap(each, _TOO_SLOW)
        return recording.line(self._redaction.entry(as_json(*each)))

    def _refused(self, error: OSError, taken: list[tuple[int, Entry] | _Gap]) -> None:
        if not self._why:
            self._why = error.strerror or str(error)
            self._tell(f"recording {self._path}: {self._why}; the emulator goes on")
        gaps = [
            each if isinstance(each, _Gap) else _Gap(each[0], each[1].at_ms, 1) for each in taken
        ]
        if self._lost is None:
            self._lost = _Gap(gaps[0].number, gaps[0].at_ms)
        self._lost.dropped += sum(each.dropped for each in gaps)
        # The next line must not follow a partial line.
        with contextlib.suppress(OSError):
            self._file.truncate(self._whole)
            self._file.seek(self._whole)


def _open(path: Path) -> BinaryIO:
    try:
        # Non-blocking: opening a pipe without a reader would keep the emulator from starting.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o600)
    except OSError as error:
        why = "not a regular file" if error.errno == errno.ENXIO else error.strerror
        raise CannotRecord(f"{path}: {why}") from error
    file = os.fdopen(descriptor, "wb", buffering=0)
    try:
        _claim(file, path)
    except CannotRecord:
        file.close()
        raise
    return file


def _claim(file: BinaryIO, path: Path) -> None:
    """Check that the file is regular and not our own output, and lock it while it is open."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise CannotRecord(f"{path}: not a regular file")
    if any(_is_open_as(standard, status) for standard in (1, 2)):
        raise CannotRecord(f"{path}: the emulator's own output goes there")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CannotRecord(f"{path}: another emulator is recording to it") from error
    except OSError:
        # The file system has no locks: another emulator cannot be detected.
        pass


def _is_open_as(descriptor: int, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), status)
    except OSError:
        return False


def _write(file: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _line_of_gap(gap: _Gap, why: str) -> bytes:
    return recording.line(recording.gap(gap.number, gap.at_ms, gap.dropped, why))
