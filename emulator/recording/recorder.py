"""Writes a recording while the emulator runs, in a thread of its own.

A disk that is slow or full stops nothing: what there is no room for is counted, and said in the
recording.
"""

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.recording import format as recording
from poker_signal.emulator.recording.redaction import Redaction
from poker_signal.emulator.trace.as_json import as_json
from poker_signal.emulator.trace.background_writer import BackgroundWriter
from poker_signal.emulator.trace.entries import Entry, Kept, Posted, Received, Unrouted
from poker_signal.emulator.trace.trace import entries_of

MAX_WAITING = 50_000
"""Entries that wait for the disk; beyond, they are dropped."""
MAX_WAITING_TEXT = 64 * 1024 * 1024
"""Characters of messages and frames that wait."""
BATCH_S = 0.05
"""How long entries may wait for others, to be written with them."""
MAX_BATCH = 256
STOP_S = 10
"""How long a slow disk may keep the emulator from ending."""

_TOO_SLOW = "the disk did not keep up"


class CannotRecord(PokerSignalError):
    """The file cannot be written; the text says why."""


class _Gap:
    def __init__(self, number: int, at_ms: int, dropped: int = 0) -> None:
        self.number, self.at_ms, self.dropped = number, at_ms, dropped


class Recorder:
    """An observer of a trace that keeps everything in a file.

    Until ``start`` is called, the file is as it was. ``tell`` is called with a sentence, in the
    recorder's thread, when something is lost.

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
        self._whole = 0
        """Bytes of the file that are whole lines."""
        self._next = 0
        self._gap: _Gap | None = None
        """What is being dropped at the moment; it waits as soon as there is room again."""
        self._why = ""
        """What the disk said, the first time."""
        self._lost: _Gap | None = None
        """What the disk refused, until it takes something again."""
        self._writer = BackgroundWriter[tuple[int, Entry] | _Gap](
            "recorder",
            self._write,
            max_weight=MAX_WAITING_TEXT,
            batch_s=BATCH_S,
        )

    def start(self) -> None:
        """Replace what was in the file by a recording that begins.

        Raises:
            CannotRecord: there is no room for it.
        """
        try:
            # For the user only, also where the file was there: names are in it, and what is said.
            # Whose file it is not, or a file system that knows no users, cannot be told that.
            with contextlib.suppress(PermissionError):
                os.fchmod(self._file.fileno(), 0o600)
            self._file.truncate(0)
            _write(self._file, self._header)
        except OSError as error:
            raise CannotRecord(f"{self._path}: {error.strerror}") from error
        self._whole = len(self._header)
        self._writer.start()

    def observe(self, entry: Kept) -> None:
        """Take an entry, to be written soon."""
        for each in entries_of(entry):
            self._observe(each)

    def _observe(self, entry: Entry) -> None:
        number = self._next
        self._next = number + 1
        item, weight = (number, entry), _weight(entry)
        if self._gap is None:
            if self._writer.put(item, weight, MAX_WAITING):
                return
            self._gap = _Gap(number, entry.at_ms)
        elif self._writer.put(self._gap, weight, MAX_WAITING - 1):
            # It has taken the room of the entry, too.
            self._gap = None
            self._writer.put(item, 0, MAX_WAITING)
            return
        self._gap.dropped += 1

    def close(self) -> None:
        """Write what is left; say so if that takes too long."""
        if not self._whole:
            # It has not started.
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
            if not self._writer.is_stopping:
                # Release the GIL, or the event loop waits a switch interval (5 ms) for it.
                time.sleep(0)
        data = b"".join(lines)
        try:
            _write(self._file, data)
        except OSError as error:
            self._refused(error, taken)
            return
        self._whole += len(data)
        self._lost = None

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
        # Half a line would spoil what comes after it.
        with contextlib.suppress(OSError):
            self._file.truncate(self._whole)
            self._file.seek(self._whole)


def _open(path: Path) -> BinaryIO:
    try:
        # Without waiting: a pipe that nobody reads would keep the emulator from starting.
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
    """Make sure that nobody else writes the file as long as it is open."""
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
        # A file system without locks: then nobody can be warned.
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


def _weight(entry: Entry) -> int:
    if isinstance(entry, Posted):
        return len(entry.frame)
    return len(entry.body) if isinstance(entry, Received | Unrouted) else 0


def _line_of_gap(gap: _Gap, why: str) -> bytes:
    return recording.line(recording.gap(gap.number, gap.at_ms, gap.dropped, why))
