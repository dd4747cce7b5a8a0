"""What the developer sees: aligned, escaped, and never at the cost of the signaling."""

import io
import os
import re
import threading
import time
from pathlib import Path

import pytest

import poker_signal.emulator.trace.console as module
from poker_signal.emulator.aws.events import Facts, Label
from poker_signal.emulator.aws.results import Raised, Report, Returned
from poker_signal.emulator.terminal import escape
from poker_signal.emulator.trace.console import (
    MAX_ENTRIES,
    MAX_LINES_PER_S,
    MAX_WAITING,
    STOP_S,
    Console,
    banner,
    format_line,
)
from poker_signal.emulator.trace.entries import Finished, Forwarded, Kept, Posted, Received
from poker_signal.emulator.trace.summary import Record

JOIN = Record(1_707_503_008_112, "message", "delivered", "GAME01", "Alice", "HOST", "join", 48)
FACTS = Facts("OhDyxN6BIAMCJaA=", 1_707_503_007_396, "prod", "x", "pokerlocal",
              {"sourceIp": "192.0.2.1"}, label=Label("Alice", "GAME01"))  # fmt: skip
DELIVERED = Returned({"statusCode": 200}, Report("delivered"))
RECEIVED = Received(1_707_503_008_112, FACTS, "$default", '{"type":"join"}', "r", "m")
JOINED = Finished(1_707_503_008_113, RECEIVED, DELIVERED)


def test_a_line_says_who_said_what_to_whom_and_what_became_of_it() -> None:
    """Time, arrow, game, who → whom, type, bytes, outcome."""
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.112  →  GAME01 +Alice → HOST +join +48 B  delivered", format_line(JOIN)
    )


def test_lines_are_aligned() -> None:
    """Also where a name is Chinese, an emoji, or decomposed."""
    names = ["Al", "莊家", "Zoë", "Zoe\N{COMBINING DIAERESIS}"]
    columns = {_column_of("join", format_line(JOIN._replace(who=name))) for name in names}
    assert len(columns) == 1


def _column_of(text: str, line: str) -> int:
    from poker_signal.emulator.trace.console import _cells

    return sum(_cells(char) for char in line[: line.index(text)])


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\r", r"a\nb\r"),
        ("\u202eevil", r"\u202eevil"),
        ("\x9b1A", r"\x9b1A"),
        ("Zoë 🂡", "Zoë 🂡"),
    ],
    ids=["escape", "newline", "bidi", "c1", "harmless"],
)
def test_what_peers_send_cannot_move_the_cursor(sent: str, shown: str) -> None:
    """A terminal is shown text, not commands."""
    assert escape(sent) == shown
    assert shown in format_line(JOIN._replace(who=sent))


def test_colour_is_for_terminals() -> None:
    """A log file gets the bare text."""
    for colour, marked in ((True, True), (False, False)):
        stream = io.StringIO()
        console = Console(stream, colour=colour)
        console.observe(JOINED)
        console.close(timeout_s=10)
        assert ("\x1b[32m" in stream.getvalue()) is marked
        assert stream.getvalue().endswith("\n")


def test_a_terminal_without_unicode_gets_ascii_arrows() -> None:
    """Rather than question marks, or an exception."""
    raw = io.BytesIO()
    console = Console(io.TextIOWrapper(raw, "ascii", "backslashreplace"), colour=False)
    zoe = RECEIVED._replace(facts=FACTS._replace(label=Label("Zoë")))
    console.observe(JOINED._replace(cause=zoe))
    console.close(timeout_s=10)
    assert rb"Zo\xeb > HOST" in raw.getvalue()


def test_a_pipe_that_nobody_reads_stops_nothing() -> None:
    """The lines wait, the oldest are dropped, and closing does not hang."""
    read_end, write_end = os.pipe()
    with open(write_end, "w", encoding="utf-8") as stream, open(read_end, "rb") as reader:
        console = Console(stream, colour=False)
        for second in range(MAX_WAITING * 2):
            console.observe(JOINED._replace(at_ms=second * 1000))
        start = time.monotonic()
        console.close(timeout_s=0.01)
        assert time.monotonic() - start < STOP_S / 2
        assert len(console._waiting) <= MAX_WAITING
        while b"dropped" not in reader.readline():
            pass
        console.close(timeout_s=10)


class Refilled(Console):
    """As many entries come as are written, of a kind that is never only counted."""

    is_refilled = True

    def _line_of(self, entry: Kept) -> str:
        if self.is_refilled:
            self.observe(entry)
        return super()._line_of(entry)


class Batches(io.StringIO):
    """Keeps what each call has written."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[str] = []
        self.are_ten = threading.Event()

    def write(self, text: str) -> int:
        """Keep it."""
        self.batches.append(text)
        if len(self.batches) == 10:
            self.are_ten.set()
        return len(text)


def test_what_comes_while_lines_are_made_does_not_hold_them_up() -> None:
    """It may come as fast: nothing would be written, nothing dropped, and closing had no end."""
    stream = Batches()
    console = Refilled(stream, colour=False)
    console.observe(JOINED._replace(result=Raised("boom")))
    assert stream.are_ten.wait(10)
    console.close(timeout_s=10)
    has_ended = not console._thread.is_alive()
    # Else a thread that goes on would take the processor from all that follows.
    console.is_refilled = False
    assert has_ended
    assert {batch.count("join") for batch in stream.batches} == {1}


class Starved(Console):
    """Its thread does not get to run before somebody has lost patience twice."""

    def __init__(self, stream: io.StringIO) -> None:
        self.runs = threading.Event()
        self.timeouts = 0
        super().__init__(stream, colour=False)
        self.join = self._thread.join
        self._thread.join = self._not_yet  # type: ignore[method-assign]

    def _line_of(self, entry: Kept) -> str:
        assert self.runs.wait(10)
        return super()._line_of(entry)

    def _not_yet(self, timeout: float | None = None) -> None:
        self.timeouts += 1
        if self.timeouts > 2:
            self.runs.set()
            self.join(10)


def test_a_busy_machine_loses_no_line() -> None:
    """It may let the thread wait for longer than anybody waits for a reader."""
    stream = io.StringIO()
    console = Starved(stream)
    console.observe(JOINED)
    console.close()
    assert (console.timeouts, stream.getvalue().count("join")) == (3, 1)


class Slow(io.StringIO):
    """Takes a piece whenever somebody has waited for it."""

    def __init__(self) -> None:
        super().__init__()
        self.has_waited = threading.Semaphore(0)
        self.asked = threading.Semaphore(0)

    def write(self, text: str) -> int:
        """Say that there is another one, and wait."""
        self.asked.release()
        assert self.has_waited.acquire(timeout=10)
        return super().write(text)


def test_a_slow_reader_is_waited_for_as_long_as_it_takes_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of it takes longer than anybody waits for one piece."""
    monkeypatch.setattr(module, "MAX_PIECE", 100)
    stream = Slow()
    console = Console(stream, colour=False)
    join, waited = console._thread.join, []

    def wait_for_a_piece(timeout: float | None = None) -> None:
        waited.append(timeout)
        stream.has_waited.release()
        if len(waited) < 5:
            assert stream.asked.acquire(timeout=10)
        else:
            join(10)

    console.tell("x" * 499 + "\n")
    assert stream.asked.acquire(timeout=10)
    monkeypatch.setattr(console._thread, "join", wait_for_a_piece)
    console.close(timeout_s=0.25)
    assert waited == [0.25] * 5
    assert stream.getvalue() == "x" * 499 + "\n"


def test_what_waits_for_a_reader_is_lines_not_messages() -> None:
    """Those are a thousand times as large, and nobody may ever read."""
    read_end, write_end = os.pipe()
    with open(write_end, "w", encoding="utf-8") as stream, open(read_end, "rb") as reader:
        console = Console(stream, colour=False)
        for second in range(3_000):
            at_ms = second * 1000
            console.observe(JOINED._replace(at_ms=at_ms, cause=RECEIVED._replace(at_ms=at_ms)))
        assert sum(not isinstance(text, str) for text in [*console._waiting]) <= MAX_ENTRIES
        shown = [reader.readline()[3:8].decode() for _ in range(3_000)]
        console.close(timeout_s=10)
    # Minutes and seconds: in the order in which it happened.
    assert shown == [f"{second // 60:02}:{second % 60:02}" for second in range(3_000)]


def counted(stream: io.StringIO) -> int:
    """Return how many are told to be not shown; in several lines where it took a while."""
    return sum(map(int, re.findall("… ([0-9]+) more messages delivered", stream.getvalue())))


def test_more_than_anybody_can_read_is_counted() -> None:
    """Of what goes wrong, every line is shown."""
    stream = io.StringIO()
    console = Console(stream, colour=False)
    failed = JOINED._replace(result=Raised("boom"))
    for _ in range(MAX_LINES_PER_S + 5):
        console.observe(JOINED)
        console.observe(Posted(0, FACTS, FACTS.connection_id, "{}"))
    console.observe(failed)
    console.close(timeout_s=10)
    lines = stream.getvalue().splitlines()
    assert sum("  delivered" in line for line in lines) == MAX_LINES_PER_S
    assert next(line for line in lines if "delivered" not in line).endswith("see the traceback")
    assert counted(stream) == 5


def test_what_others_say_is_one_line_among_the_others() -> None:
    """In its place and whole, not in the middle of another."""
    stream = io.StringIO()
    console = Console(stream, colour=False)
    console.observe(JOINED)
    console.tell("code swapped: messages.py\n")
    console.observe(JOINED)
    console.close(10)
    lines = stream.getvalue().splitlines()
    assert ["join" in line for line in lines] == [True, False, True]
    assert lines[1] == "code swapped: messages.py"


def test_a_reader_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    """As with ``poker-signal emulate 2>&1 | head``."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    stream = open(write_end, "w", encoding="utf-8")  # noqa: SIM115 - closing it fails, see below
    console = Console(stream, colour=False)
    console.observe(JOINED)
    console.close(timeout_s=10)
    assert not console._thread.is_alive()
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_the_banner_says_what_to_paste() -> None:
    """The URL is hard-coded in the client: this is the line."""
    inspector_url = "http://localhost:3001/_inspect/"
    text = banner(
        "ws://localhost:3001/prod", inspector_url, "http://localhost:3001/prod", "1.2.3", None
    )
    assert f"{inspector_url}\n" in text
    assert f"{inspector_url}play\n" in text
    assert 'const SIGNALING_URL = "ws://localhost:3001/prod";' in text
    assert "http://localhost:3001/prod" in text
    assert "trust" not in text


def test_the_banner_says_how_to_trust_the_certificate() -> None:
    """A browser would only say that the WebSocket failed."""
    text = banner("wss://x/prod", "https://x/", "https://x/prod", "1.2.3", Path("authority.pem"))
    assert "NODE_EXTRA_CA_CERTS=authority.pem" in text


FORWARDED = Forwarded(RECEIVED.at_ms, RECEIVED, FACTS, "{}", DELIVERED)


def test_a_message_that_was_passed_on_has_its_line() -> None:
    """The same as if its entries came one by one."""
    shown = []
    for at_once in (True, False):
        stream = io.StringIO()
        console = Console(stream, colour=False)
        if at_once:
            console.observe(FORWARDED)
        else:
            for entry in FORWARDED.entries():
                console.observe(entry)
        console.close(timeout_s=10)
        shown.append(stream.getvalue())
    assert shown[0] == shown[1]
    assert shown[0].count("join") == 1


def test_more_of_them_than_anybody_can_read_are_counted() -> None:
    """As with those that come one by one."""
    stream = io.StringIO()
    console = Console(stream, colour=False)
    for _ in range(MAX_LINES_PER_S + 7):
        console.observe(FORWARDED)
    console.close(timeout_s=10)
    assert stream.getvalue().count("join") == MAX_LINES_PER_S
    assert counted(stream) == 7


def test_after_a_clock_was_set_back_there_are_lines_again() -> None:
    """Not only once it shows the former time."""
    stream = io.StringIO()
    console = Console(stream, colour=False)
    for _ in range(MAX_LINES_PER_S + 7):
        console.observe(FORWARDED)
    console.observe(FORWARDED._replace(at_ms=FORWARDED.at_ms - 3_600_000))
    console.close(timeout_s=10)
    assert stream.getvalue().count("join") == MAX_LINES_PER_S + 1
