"""Console output on stderr: a banner, then one line per event."""

import math
import time
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from sys import getsizeof
from typing import Any, TextIO

from poker_signal.emulator.aws.results import Returned
from poker_signal.emulator.clock import duration
from poker_signal.emulator.terminal import can_encode, escape, escape_output
from poker_signal.emulator.trace.background_writer import BackgroundWriter
from poker_signal.emulator.trace.entries import (
    Asked,
    Fault,
    Finished,
    Forwarded,
    Kept,
    Posted,
    Received,
)
from poker_signal.emulator.trace.json_lines import JsonLines
from poker_signal.emulator.trace.summary import (
    Record,
    RecordKind,
    details_of,
    record_of,
)
from poker_signal.emulator.trace.weight import weight_of

MAX_WAITING = 20_000
"""Most texts queued for a slow reader, usually one line each; beyond, the oldest are dropped."""

MAX_BYTES = 8 * 1024 * 1024
"""Most memory of these texts; beyond, the oldest are dropped."""

MAX_ENTRY_BYTES = 16 * 1024
"""Most memory of an entry that is queued with its message; a larger one is queued as a line."""

MAX_ENTRIES = 300
"""Queue length up to which entries are queued with their messages; beyond, only as lines."""

MAX_LINES_PER_S = 300
"""More than a person can read; beyond, delivered messages are counted and not shown."""

TELL_COUNTED_S = 1
"""Seconds after which messages and strikes of faults that were only counted are reported."""

BATCH_S = 0.02
"""Seconds that a line waits for others, so that they are written together."""

MAX_PIECE = 64 * 1024
"""Characters per write. A reader that takes one piece is not gone, it may only be slow."""

STOP_S = 5
"""Most seconds that a slow reader may delay the emulator's exit."""

TIME_WIDTH = 14
"""Characters of the first column, with the space after it."""
_STARTS = (0, TIME_WIDTH, 17, 27, 50, 75, 85)
"""First cells of the columns: time, arrow, game, players, type, size, outcome."""
_GAPS = (0, 2, 1, 2, 2, 2, 2)
"""Least cells before them. One before the game, because ⚡ takes two cells."""
_TYPE_WIDTH = 23
"""Characters of a type; a longer one is cut, because a peer may send any."""
_SIZE_WIDTH = 8

_ARROWS: dict[RecordKind, str] = {
    "connect": "●",
    "message": "→",
    "disconnect": "○",
    "refused": "×",
    "management": "←",
    "fault": "⚡",
    "error": "×",
    "probe": "◆",
    "due": "◷",
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
    "due": "~",
}

_GREEN, _YELLOW, _RED, _DIM = "32", "33", "31", "2"
_COLOURS = {
    "connected": _GREEN,
    "delivered": _GREEN,
    "undelivered": _YELLOW,
    "dropped": _YELLOW,
    "fault": _YELLOW,
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
        # A program reads every line; limits and counts are for people.
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
            max_weight=MAX_BYTES,
            batch_s=BATCH_S,
            count=_count_lines,
        )
        self._writer.start()

    def observe(self, entry: Kept) -> None:
        """Queue an entry; beyond MAX_LINES_PER_S, delivered messages are only counted."""
        kind = type(entry)
        if kind is Received or kind is Posted or kind is Asked:
            # A Finished or Forwarded entry reports the outcome.
            return
        if not self._is_one_too_many(entry.at_ms):
            self._append(entry)
        elif kind is Forwarded or _is_delivery(entry):
            self._not_shown += 1
        else:
            self._append(entry)

    def tell(self, text: str) -> None:
        """Queue a text of one or more lines, from any thread.

        Other threads must not write to the stream directly: a batch is written in pieces, so
        their text could land in the middle of a line.
        """
        self._put(self._format.of_text(text))

    def note(self, kind: str, **facts: Any) -> None:
        """Take a fact for programs; in text, it is part of the banner."""
        self._put(self._format.of_note(kind, facts))

    def _put(self, text: str) -> None:
        self._writer.put_newest(text, getsizeof(text), MAX_WAITING)

    def close(self, timeout_s: float = 0.5) -> None:
        """Write the queue; give up if the reader takes no piece of it for ``timeout_s`` seconds."""
        self._writer.close(STOP_S, timeout_s)

    def _append(self, entry: Kept) -> None:
        if type(entry) is Fault:
            # Never as a line: the writer thread counts strikes.
            self._writer.put_newest(entry, weight_of(entry), MAX_WAITING)
        elif weight_of(entry) > MAX_ENTRY_BYTES or not self._writer.put(entry, 0, MAX_ENTRIES):
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
        if self._not_shown != self._told_not_shown:
            return TELL_COUNTED_S
        return self._format.rest_s(time.monotonic())

    def _lines(self, taken: Iterator[Kept | str]) -> Iterator[str]:
        # At the end, what was counted is told at once.
        now = math.inf if self._writer.is_stopping else time.monotonic()
        yield from self._format.of_all(taken, now)
        if not_shown := self._not_shown - self._told_not_shown:
            yield self._format.of_counted(not_shown)
            self._told_not_shown += not_shown
        if dropped := self._writer.take_dropped():
            yield self._format.of_dropped(dropped)


class _Strikes:
    """Repeated strikes of a fault: the line of the first, and a count of those after it."""

    __slots__ = ("count", "last", "told_s")

    def __init__(self, told_s: float, last: Record) -> None:
        self.told_s = told_s
        self.last = last
        self.count = 0


class TextLines:
    """Formatter of entries as aligned lines for people."""

    # Strikes of one fault at the same players, type and effect share a line. Those of one batch are
    # one line with their number (× 16). Later ones are counted, and their number is told once in
    # TELL_COUNTED_S. After so long without a strike, the next one has a line at once again.

    def __init__(self, stream: TextIO, *, colour: bool, verbose: bool) -> None:
        self._verbose = verbose
        self._colour = colour
        self._arrows = _ARROWS if can_encode(stream, "".join(_ARROWS.values())) else _ASCII_ARROWS
        self._strikes: dict[Record, _Strikes] = {}
        """By record without time and size."""

    def of_all(self, taken: Iterator[Kept | str], now_s: float) -> list[str]:
        """Return the lines of a batch, and of the strikes counted until ``now_s``."""
        lines: list[str] = []
        first: dict[Record, tuple[int, Record, int]] = {}
        for each in taken:
            if isinstance(each, str):
                lines.append(each)
            elif not isinstance(each, Fault):
                lines.append(self.of_entry(each))
            elif (record := record_of(each)) is not None:
                key = record._replace(at_ms=0, size=None)
                if key in first:
                    index, record, count = first[key]
                    first[key] = index, record, count + 1
                elif key in self._strikes:
                    self._strikes[key].count += 1
                    self._strikes[key].last = record
                else:
                    first[key] = len(lines), record, 1
                    lines.append("")
        for key, (index, record, count) in first.items():
            lines[index] = self._of_strikes(record, count)
            self._strikes[key] = _Strikes(now_s, record)
        return lines + self._of_counted_strikes(now_s)

    def _of_counted_strikes(self, now_s: float) -> list[str]:
        lines = []
        for key, strikes in list(self._strikes.items()):
            if now_s < strikes.told_s + TELL_COUNTED_S:
                continue
            if strikes.count:
                lines.append(self._of_strikes(strikes.last, strikes.count, " more"))
                strikes.told_s, strikes.count = now_s, 0
            else:
                del self._strikes[key]
        return lines

    def _of_strikes(self, record: Record, count: int, more: str = "") -> str:
        if count > 1 or more:
            outcome = f"{record.outcome} {self._arrows['refused']} {count}{more}"
            record = record._replace(outcome=outcome, size=None)
        return self._line(record)

    def rest_s(self, now_s: float) -> float | None:
        """Return the seconds until counted strikes are told; None: there are none."""
        due_s = [each.told_s for each in self._strikes.values() if each.count]
        return max(min(due_s) + TELL_COUNTED_S - now_s, 0) if due_s else None

    def of_text(self, text: str) -> str:
        """Return output of a handler, a logger or the reloader; it may quote a peer."""
        return escape_output(text)

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
        details = details_of(entry) if self._verbose else ""
        return self._line(record, f"  [{escape(details)}]" if details else "")

    def _line(self, record: Record, details: str = "") -> str:
        line = format_line(record, self._arrows) + details
        if not self._colour:
            return line + "\n"
        word = record.kind if record.kind == "fault" else record.outcome.partition(" ")[0]
        return f"\x1b[{_COLOURS.get(word, _DIM)}m{line}\x1b[0m\n"


def format_line(record: Record, arrows: dict[RecordKind, str] = _ARROWS) -> str:
    """Return the line of a record: time, arrow, game, sender → target, type, bytes, outcome."""
    seconds, ms = divmod(record.at_ms, 1000)
    players = escape(record.who)
    if record.whom:
        players = f"{players} {arrows['message']} {escape(record.whom)}"
    after = f" after {duration(record.after_ms / 1000)}" if record.after_ms else ""
    return in_columns(
        f"{_clock(seconds)}.{ms:03d}",
        arrows[record.kind],
        escape(record.game),
        players,
        escape(record.type or record.kind),
        "" if record.size is None else f"{record.size} B",
        escape(record.outcome) + after,
    )


def in_columns(*cells: str) -> str:
    """Return a line with each cell in its column; one after a longer cell begins later."""
    line, end = "", 0
    for column, (text, start) in enumerate(zip(cells, _STARTS, strict=True)):
        if column == 4 and len(text) > _TYPE_WIDTH:
            text = f"{text[: _TYPE_WIDTH - 1]}…"
        width = len(text) if text.isascii() else _width(text)
        if column == 5:
            start += _SIZE_WIDTH - width
        # A cell that is too long takes from the space of those after it, and moves them only then.
        gap = max(start - end, _GAPS[column])
        line += " " * gap + text
        end += gap + width
    return line


def banner(
    url: str,
    inspector_url: str,
    management_url: str,
    version: str,
    authority: Path | None,
    settings_file: Path | None,
    faults: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    *,
    is_ours: bool = True,
) -> str:
    """Return the text that is printed once the emulator accepts connections.

    ``authority`` is the certificate to trust for TLS, ``settings_file`` the file that options were
    read from; None: there is none. ``faults`` are the active faults with their effects, ``notes``
    sentences at the end. ``is_ours``: our rules are served, whose clients have players and games.
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
    if not is_ours:
        lines[2:4] = [f"  clients connect to      {url}"]
        lines = [line for line in lines if "test players" not in line]
    if settings_file is not None:
        lines.insert(-1, f"  options come from       {settings_file}")
    if authority is not None:
        lines[-2:-2] = [
            f"  trust this certificate  {authority}",
            f"    in Node               NODE_EXTRA_CA_CERTS={authority}",
            f"    in Python             SSL_CERT_FILE={authority}",
            "    in a browser          import it under authorities, or visit the URL as https://",
        ]
    width = max((len(fault) for fault, _ in faults), default=0)
    label = "faults"
    for fault, effect in faults:
        lines.insert(-1, f"  {label:22}  {escape(fault):{width}}  {escape(effect)}")
        label = ""
    lines += [*(f"  note: {escape(note)}" for note in notes), ""] if notes else []
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


# Names and arrows come again and again.
@lru_cache(maxsize=256)
def _width(text: str) -> int:
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
