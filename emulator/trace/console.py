"""What the developer sees on stderr: a banner, then one aligned line per event."""

import time
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from poker_signal.emulator.aws.results import Returned
from poker_signal.emulator.terminal import can_encode, escape
from poker_signal.emulator.trace.background_writer import BackgroundWriter
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

TELL_COUNTED_S = 1
"""How long messages that are only counted may wait to be told of."""

BATCH_S = 0.02
"""How long lines may wait for others, to be written with them."""

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

    The reader of stderr may be slow or gone: a full pipe must not stop the signaling.
    """

    def __init__(self, stream: TextIO, *, colour: bool, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose
        self._colour = colour
        self._arrows = _ARROWS if can_encode(stream, "".join(_ARROWS.values())) else _ASCII_ARROWS
        # Each has one thread that writes it; the difference is what is still to be told.
        self._not_shown = 0
        self._told_not_shown = 0
        self._second_ends_ms = 0
        self._taken_in_second = 0
        self._writer = BackgroundWriter[Kept | str](
            "console",
            self._write,
            max_weight=MAX_CHARACTERS,
            batch_s=BATCH_S,
            count=_count_lines,
        )
        self._writer.start()

    def observe(self, entry: Kept) -> None:
        """Take an entry, to be written soon; most messages are only counted when there are many."""
        kind = type(entry)
        if kind is Received or kind is Posted:
            # What became of the message is told by another entry.
            return
        if not self._is_one_too_many(entry.at_ms):
            self._append(entry)
        elif kind is Forwarded or _is_delivery(entry):
            self._not_shown += 1
        else:
            self._append(entry)

    def tell(self, text: str) -> None:
        """Take a text of any thread, to be written soon as it is.

        A batch reaches the stream in pieces: what another thread writes meanwhile would land in
        the middle of a line.
        """
        self._writer.put_newest(text, len(text), MAX_WAITING)

    def close(self, timeout_s: float = 0.5) -> None:
        """Write what is left, unless the reader takes no piece of it within ``timeout_s``."""
        self._writer.close(STOP_S, timeout_s)

    def _append(self, entry: Kept) -> None:
        if not self._writer.put(entry, 0, MAX_ENTRIES):
            # What an entry tells of may be a thousand times as large as its line.
            self.tell(self._line_of(entry))

    def _is_one_too_many(self, at_ms: int) -> bool:
        # A clock may be set back: then another second begins, too.
        if not 0 < self._second_ends_ms - at_ms <= 1000:
            self._second_ends_ms, self._taken_in_second = at_ms // 1000 * 1000 + 1000, 0
        self._taken_in_second += 1
        return self._taken_in_second > MAX_LINES_PER_S

    def _write(self, taken: Iterator[Kept | str]) -> float | None:
        text = "".join(self._lines(taken))
        try:
            for piece in self._writer.pieces(text, MAX_PIECE):
                self._stream.write(piece)
                self._stream.flush()
        except ValueError as error:
            raise BrokenPipeError("the stream is closed") from error
        return TELL_COUNTED_S if self._not_shown != self._told_not_shown else None

    def _lines(self, taken: Iterator[Kept | str]) -> Iterator[str]:
        for each in taken:
            yield each if isinstance(each, str) else self._line_of(each)
        if not_shown := self._not_shown - self._told_not_shown:
            yield f"… {not_shown} more messages delivered\n"
            self._told_not_shown += not_shown
        if dropped := self._writer.take_dropped():
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


def _count_lines(taken: Kept | str) -> int:
    return max(1, taken.count("\n")) if isinstance(taken, str) else 1


def _is_delivery(entry: Kept) -> bool:
    if not isinstance(entry, Finished) or not isinstance(entry.result, Returned):
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
