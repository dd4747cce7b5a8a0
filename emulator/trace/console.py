"""Console output on stderr: a banner, then one line per event."""

import math
import time
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from poker_signal.emulator.aws.results import Returned
from poker_signal.emulator.terminal import can_encode, escape
from poker_signal.emulator.trace.background_writer import BackgroundWriter
from poker_signal.emulator.trace.entries import Finished, Forwarded, Kept, Posted, Received
from poker_signal.emulator.trace.json_lines import JsonLines
from poker_signal.emulator.trace.summary import Record, RecordKind, details_of, record_of

MAX_WAITING = 20_000
"""Most texts queued for a slow reader, usually one line each; beyond, the oldest are dropped."""

MAX_CHARACTERS = 8 * 1024 * 1024
"""Most characters in these texts; beyond, the oldest are dropped."""

MAX_ENTRIES = 300
"""Queue length up to which entries are queued with their messages; beyond, only as lines."""

MAX_LINES_PER_S = 300
"""More than a person can read; beyond, delivered messages are counted and not shown."""

TELL_COUNTED_S = 1
"""Seconds after which messages that were only counted are reported."""

BATCH_S = 0.02
"""Seconds that a line waits for others, so that they are written together."""

MAX_PIECE = 64 * 1024
"""Characters per write. A reader that takes one piece is not gone, it may only be slow."""

STOP_S = 5
"""Most seconds that a slow reader may delay the emulator's exit."""

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
    "probe": "◆",
}
_ASCII_ARROWS: dict[RecordKind, str] = {
    "connect": "+",
    "message": ">",
    "disconnect": "-",
    "refused": "x",
    "management": "<",
    "fault": "!",
    "error": "x",
    "probe": "*",
}

_GREEN, _YELLOW, _RED, _DIM = "32", "33", "31", "2"
_COLOURS = {
    "connected": _GREEN,
    "delivered": _GREEN,
    "undelivered": _YELLOW,
    "error": _RED,
    "refused": _RED,
    "failed": _RED,
}


class Console:
    """Observer of a trace that writes lines in a background thread.

    The reader of stderr may be slow or gone, and a full pipe must not stop the signaling.
    """

    def __init__(
        self, stream: TextIO, *, colour: bool, verbose: bool = False, as_json: bool = False
    ) -> None:
        self._stream = stream
        self._format: TextLines | JsonLines
        if as_json:
            self._format = JsonLines(verbose=verbose)
        else:
            self._format = TextLines(stream, colour=colour, verbose=verbose)
        # A program reads every line; the limit is for people.
        self._max_lines_per_s = math.inf if as_json else MAX_LINES_PER_S
        # The event loop writes the first, the writer thread the second. Their difference is the
        # number of messages that were counted and not yet reported.
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
        """Queue an entry; beyond MAX_LINES_PER_S, delivered messages are only counted."""
        kind = type(entry)
        if kind is Received or kind is Posted:
            # A Finished or Forwarded entry reports the outcome of the message.
            return
        if not self._is_one_too_many(entry.at_ms):
            self._append(entry)
        elif kind is Forwarded or _is_delivery(entry):
            self._not_shown += 1
        else:
            self._append(entry)

    def tell(self, text: str) -> None:
        """Queue a text, from any thread, to be written as it is.

        Other threads must not write to the stream directly: a batch is written in pieces, so
        their text could land in the middle of a line.
        """
        self._put(self._format.of_text(text))

    def note(self, kind: str, **facts: Any) -> None:
        """Take a fact for programs; in text, it is part of the banner."""
        self._put(self._format.of_note(kind, facts))

    def _put(self, text: str) -> None:
        self._writer.put_newest(text, len(text), MAX_WAITING)

    def close(self, timeout_s: float = 0.5) -> None:
        """Write the queue; give up if the reader takes no piece of it for ``timeout_s`` seconds."""
        self._writer.close(STOP_S, timeout_s)

    def _append(self, entry: Kept) -> None:
        if not self._writer.put(entry, 0, MAX_ENTRIES):
            # The message in an entry may be a thousand times as large as its line.
            self._put(self._format.of_entry(entry))

    def _is_one_too_many(self, at_ms: int) -> bool:
        # A new second begins as well if the clock was set back.
        if not 0 < self._second_ends_ms - at_ms <= 1000:
            self._second_ends_ms, self._taken_in_second = at_ms // 1000 * 1000 + 1000, 0
        self._taken_in_second += 1
        return self._taken_in_second > self._max_lines_per_s

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
            yield each if isinstance(each, str) else self._format.of_entry(each)
        if not_shown := self._not_shown - self._told_not_shown:
            yield self._format.of_counted(not_shown)
            self._told_not_shown += not_shown
        if dropped := self._writer.take_dropped():
            yield self._format.of_dropped(dropped)


class TextLines:
    """Formatter of entries as aligned lines for people."""

    def __init__(self, stream: TextIO, *, colour: bool, verbose: bool) -> None:
        self._verbose = verbose
        self._colour = colour
        self._arrows = _ARROWS if can_encode(stream, "".join(_ARROWS.values())) else _ASCII_ARROWS

    def of_text(self, text: str) -> str:
        """Return output of a handler, a logger or the reloader as it is."""
        return text

    def of_note(self, kind: str, facts: dict[str, Any]) -> str:
        """Return nothing: the banner holds these facts."""
        return ""

    def of_counted(self, messages: int) -> str:
        """Return the line for delivered messages without lines of their own."""
        return f"… {messages} more messages delivered\n"

    def of_dropped(self, lines: int) -> str:
        """Return the line for lines that the reader of stderr was too slow for."""
        return f"… {lines} lines dropped: stderr is not read fast enough\n"

    def of_entry(self, entry: Kept) -> str:
        """Return the line of an entry; empty: another entry reports it."""
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
    """Return the line of a record: time, arrow, game, sender → target, type, bytes, outcome."""
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
    url: str,
    inspector_url: str,
    management_url: str,
    version: str,
    authority: Path | None,
    settings_file: Path | None,
) -> str:
    """Return the text that is printed once the emulator accepts connections.

    ``authority`` is the certificate to trust for TLS, ``settings_file`` the file that options were
    read from; None: there is none.
    """
    lines = [
        f"poker-signal {version}: API Gateway on your machine",
        "",
        f'  paste into the client   const SIGNALING_URL = "{url}";',
        f"  it connects to          {url}?playerId=…&gameId=…",
        f"  watch handshakes at     {inspector_url}",
        f"  open test players at    {inspector_url}play",
        f"  endpoint_url for boto3  {management_url}",
        "  stop                    Ctrl-C",
        "",
    ]
    if settings_file is not None:
        lines.insert(-1, f"  options come from       {settings_file}")
    if authority is not None:
        lines[-2:-2] = [
            f"  trust this certificate  {authority}",
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
