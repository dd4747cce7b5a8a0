"""What the developer sees on stderr: a banner, then one aligned line per event."""

import threading
import time
import unicodedata
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from poker_signal.emulator.aws.results import Returned
from poker_signal.emulator.terminal import can_encode, escape
from poker_signal.emulator.trace.entries import Finished, Forwarded, Kept, Posted, Received
from poker_signal.emulator.trace.summary import Record, RecordKind, details_of, record_of

MAX_WAITING = 20_000
"""Lines that wait for a terminal that does not keep up; beyond, the oldest are dropped."""

MAX_CHARACTERS = 8 * 1024 * 1024
"""Characters of lines that wait for it; beyond, the oldest are dropped."""

MAX_ENTRIES = 300
"""Entries that wait as they are, messages and all; beyond, it is their lines that wait."""

MAX_LINES_PER_S = 300
"""More than anybody can read; beyond, messages that arrived are counted and not shown."""

BATCH_S = 0.02
"""How long lines may wait for others: each awakening costs the event loop a switch of threads."""

MAX_PIECE = 64 * 1024
"""Characters that are written at once: a reader who takes one is there, and may only be slow."""

STOP_S = 5
"""How long a slow reader may keep the emulator from ending."""

_GAME_WIDTH = 8
_PLAYERS_WIDTH = 21
_TYPE_WIDTH = 16

_ARROWS: dict[RecordKind, str] = {
    "connect": "●",
    "message": "→",
    "disconnect": "○",
    "refused": "×",
    "management": "←",
    "fault": "⚡",
    "error": "×",
}
_ASCII_ARROWS: dict[RecordKind, str] = {
    "connect": "+",
    "message": ">",
    "disconnect": "-",
    "refused": "x",
    "management": "<",
    "fault": "!",
    "error": "x",
}

_GREEN, _YELLOW, _RED, _DIM = "32", "33", "31", "2"
_COLOURS = {
    "connected": _GREEN,
    "delivered": _GREEN,
    "undelivered": _YELLOW,
    "error": _RED,
    "refused": _RED,
}


class Console:
    """Writes lines in a thread of its own.

    Whoever started the emulator may not read its stderr: a full pipe must not stop the
    signaling.
    """

    def __init__(self, stream: TextIO, *, colour: bool, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose
        self._colour = colour
        self._arrows = _ARROWS if can_encode(stream, "".join(_ARROWS.values())) else _ASCII_ARROWS
        self._waiting: deque[Kept | str] = deque()
        self._dropped = 0
        self._characters = 0
        """Of lines that wait."""
        # Whoever is interrupted by a signal while it holds it may print.
        self._lock = threading.RLock()
        # Each has one thread that writes it; the difference is what is still to be told.
        self._not_shown = 0
        self._told_not_shown = 0
        self._second_ends_ms = 0
        self._taken_in_second = 0
        self._piece: object | None = None
        """The one that is being written."""
        self._something = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name="console", daemon=True)
        self._thread.start()

    def observe(self, entry: Kept) -> None:
        """Take an entry, to be written soon; most messages are only counted when there are many."""
        kind = type(entry)
        if kind is Received or kind is Posted:
            # What became of the message is told by another entry.
            return
        if self._is_one_too_many(entry.at_ms) and _is_delivery(entry):
            self._not_shown += 1
        else:
            self._append(entry)

    def tell(self, text: str) -> None:
        """Take what somebody else says, to be written soon as it is; from any thread.

        A batch reaches the stream in pieces: what another thread writes meanwhile would land in
        the middle of a line.
        """
        with self._lock:
            self._waiting.append(text)
            self._characters += len(text)
            while len(self._waiting) > MAX_WAITING or self._characters > MAX_CHARACTERS:
                self._drop_oldest()
        self._wake()

    def _append(self, entry: Kept) -> None:
        if len(self._waiting) < MAX_ENTRIES:
            self._waiting.append(entry)
            self._wake()
        else:
            # What an entry tells of may be a thousand times as large as its line.
            self.tell(self._line_of(entry))

    def _wake(self) -> None:
        if not self._something.is_set():
            self._something.set()

    def _drop_oldest(self) -> None:
        oldest = self._take()
        if isinstance(oldest, str):
            self._dropped += max(1, oldest.count("\n"))
        elif oldest is not None:
            self._dropped += 1

    def _take(self) -> Kept | str | None:
        """Return the oldest that waits; None: the other thread has just taken the last."""
        with self._lock:
            oldest = self._waiting.popleft() if self._waiting else None
            if isinstance(oldest, str):
                self._characters -= len(oldest)
        return oldest

    def close(self, timeout_s: float = 0.5) -> None:
        """Write what is left, unless nobody reads it: no piece of it within ``timeout_s``."""
        self._stopping.set()
        self._something.set()
        ends = time.monotonic() + STOP_S
        while self._thread.is_alive() and time.monotonic() < ends:
            piece = self._piece
            self._thread.join(timeout_s)
            # Where nothing is being written, it is the machine that is busy: that ends.
            if piece is not None and piece is self._piece:
                break

    def _is_one_too_many(self, at_ms: int) -> bool:
        # A clock may be set back: then another second begins, too.
        if not 0 < self._second_ends_ms - at_ms <= 1000:
            self._second_ends_ms, self._taken_in_second = at_ms // 1000 * 1000 + 1000, 0
        self._taken_in_second += 1
        return self._taken_in_second > MAX_LINES_PER_S

    def _write_all(self) -> None:
        is_last = False
        while not is_last:
            # Who has counted what is not shown says so within the second.
            self._something.wait(1 if self._not_shown != self._told_not_shown else None)
            # A little later there are more, and one awakening writes them all.
            self._stopping.wait(BATCH_S)
            self._something.clear()
            # What comes after that is too late: a handler's thread may print for ever.
            is_last = self._stopping.is_set()
            text = "".join(self._lines())
            try:
                for start in range(0, len(text), MAX_PIECE):
                    self._piece = object()
                    self._stream.write(text[start : start + MAX_PIECE])
                    self._stream.flush()
            except (OSError, ValueError):
                # The reader is gone, or the stream is closed: there is nobody left to tell.
                return
            finally:
                self._piece = None

    def _lines(self) -> Iterator[str]:
        # Not what comes meanwhile: of that there may be as much, and nothing would be written.
        for _ in range(len(self._waiting)):
            if (taken := self._take()) is None:
                break
            yield taken if isinstance(taken, str) else self._line_of(taken)
        if not_shown := self._not_shown - self._told_not_shown:
            yield f"… {not_shown} more messages delivered\n"
            self._told_not_shown += not_shown
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            yield f"… {dropped} lines dropped: nobody reads them fast enough\n"

    def _line_of(self, entry: Kept) -> str:
        """Return the line of an entry; empty, if others have told of it."""
        record = record_of(entry)
        if record is None:
            return ""
        line = format_line(record, self._arrows)
        if self._verbose and (details := details_of(entry)):
            line = f"{line}  [{escape(details)}]"
        if not self._colour:
            return line + "\n"
        colour = _COLOURS.get(record.outcome.partition(" ")[0], _DIM)
        return f"\x1b[{colour}m{line}\x1b[0m\n"


def format_line(record: Record, arrows: dict[RecordKind, str] = _ARROWS) -> str:
    """Return the line of a record: time, arrow, game, who → whom, type, bytes, outcome."""
    seconds, ms = divmod(record.at_ms, 1000)
    arrow = arrows[record.kind]
    players = escape(record.who)
    if record.whom:
        players = f"{players} {arrows['message']} {escape(record.whom)}"
    size = "" if record.size is None else f"{record.size} B"
    columns = (
        f"{_clock(seconds)}.{ms:03d}",
        arrow,
        _pad(escape(record.game), _GAME_WIDTH),
        _pad(players, _PLAYERS_WIDTH),
        _pad(escape(record.type or record.kind), _TYPE_WIDTH),
        f"{size:>8}",
        escape(record.outcome),
    )
    return "  ".join(columns)


def banner(
    url: str, inspector_url: str, management_url: str, version: str, authority: Path | None
) -> str:
    """Return what is shown once the emulator accepts connections.

    ``authority`` is the certificate that has to be trusted for TLS.
    """
    lines = [
        f"poker-signal {version}: API Gateway on your machine",
        "",
        f'  paste into the client   const SIGNALING_URL = "{url}";',
        f"  it connects to          {url}?playerId=…&gameId=…",
        f"  watch handshakes at     {inspector_url}",
        f"  make some at            {inspector_url}play",
        f"  endpoint_url for boto3  {management_url}",
        "  stop                    Ctrl-C",
        "",
    ]
    if authority is not None:
        lines[-2:-2] = [
            f"  trust this authority    {authority}",
            f"    in Node               NODE_EXTRA_CA_CERTS={authority}",
            f"    in Python             SSL_CERT_FILE={authority}",
            "    in a browser          import it under authorities, or visit the URL as https://",
        ]
    return "\n".join(lines) + "\n"


def _is_delivery(entry: Kept) -> bool:
    if not isinstance(entry, Finished | Forwarded) or not isinstance(entry.result, Returned):
        return False
    report = entry.result.report
    return report is not None and report.outcome == "delivered"


@lru_cache(maxsize=4)
def _clock(epoch_s: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(epoch_s))


def _pad(text: str, width: int) -> str:
    if text.isascii():
        return text.ljust(width)
    return text + " " * (width - sum(_cells(char) for char in text))


def _cells(char: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
