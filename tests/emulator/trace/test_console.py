"""The console's lines: aligned, escaped, and without a delay for the signaling."""

import io
import math
import os
import re
import threading
from pathlib import Path

import pytest

import poker_signal.emulator.trace.console as module
from poker_signal.emulator.aws.events import Facts, Label
from poker_signal.emulator.aws.results import Raised, Report, Returned
from poker_signal.emulator.terminal import escape
from poker_signal.emulator.trace.console import MAX_LINES_PER_S, Console, banner, format_line
from poker_signal.emulator.trace.entries import (
    Entry,
    Fault,
    Finished,
    Forwarded,
    Kept,
    Posted,
    Received,
)
from poker_signal.emulator.trace.summary import Record, record_of

JOIN = Record(1_707_503_008_112, "message", "delivered", "GAME01", "Alice", "HOST", "join", 48)
FACTS = Facts("OhDyxN6BIAMCJaA=", 1_707_503_007_396, "prod", "x", "pokerlocal",
              {"sourceIp": "192.0.2.1"}, label=Label("Alice", "GAME01"))  # fmt: skip
DELIVERED = Returned({"statusCode": 200}, Report("delivered"))
RECEIVED = Received(1_707_503_008_112, FACTS, "$default", '{"type":"join"}', "r", "m")
JOINED = Finished(1_707_503_008_113, RECEIVED, DELIVERED)
FORWARDED = Forwarded(RECEIVED.at_ms, RECEIVED, FACTS, "{}", DELIVERED)


def test_a_line_says_who_said_what_to_whom_and_what_became_of_it() -> None:
    """Columns are aligned, also for Chinese names, emoji and combining characters."""
    line = format_line(JOIN)
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.112  →  GAME01 +Alice → HOST +join +48 B  delivered", line
    )
    wider = {"Al": 0, "莊家": -2, "Zoë": 0, "Zoe\N{COMBINING DIAERESIS}": 1, "莊 🂡": -1}
    columns = {format_line(JOIN._replace(who=name)).index("join") - wider[name] for name in wider}
    assert columns == {line.index("join")}


@pytest.mark.parametrize(
    "record",
    [
        JOIN._replace(type="integration-error:offer"),
        JOIN._replace(type="x" * 300),
        JOIN._replace(type="\x00" * 300),
        JOIN._replace(game="check-5d1b6b46"),
        JOIN._replace(who="Alexandria the Great"),
        JOIN._replace(size=None),
        JOIN._replace(outcome="dropped (drop:ice-candidate#12=50%)"),
    ],
    ids=lambda record: f"{record.game} {record.type[:30]}",
)
def test_a_long_cell_does_not_move_the_columns_after_it(record: Record) -> None:
    """It takes their space first; a type, which a peer may send at any length, is cut."""
    assert format_line(record).index(f"  {record.outcome}") == format_line(JOIN).index(
        "  delivered"
    )


def test_the_time_until_the_outcome_is_told() -> None:
    """The line itself has the time at which the message came."""
    assert format_line(JOIN._replace(after_ms=6005)).endswith("  delivered after 6 s")


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
    """Control characters are escaped, so a terminal shows them as text."""
    assert escape(sent) == shown
    assert shown in format_line(JOIN._replace(who=sent))


def shown(*observed: Kept | str, colour: bool = False) -> str:
    """Return the console's output for entries and texts."""
    stream = io.StringIO()
    console = Console(stream, colour=colour)
    for each in observed:
        if isinstance(each, str):
            console.tell(each)
        else:
            console.observe(each)
    console.close(timeout_s=10)
    return stream.getvalue()


def test_colour_is_for_terminals() -> None:
    """A log file gets plain text; a forwarded message has the same line as its entries."""
    assert shown(FORWARDED) == shown(*FORWARDED.entries())
    assert shown(FORWARDED).count("join") == 1
    coloured = shown(JOINED, colour=True)
    assert coloured.startswith("\x1b[32m")
    assert coloured.endswith("\x1b[0m\n")
    assert coloured[5:-5] + "\n" == shown(JOINED)


def test_a_terminal_without_unicode_gets_ascii_arrows() -> None:
    """Arrows do not become question marks, and no exception is raised."""
    raw = io.BytesIO()
    console = Console(io.TextIOWrapper(raw, "ascii", "backslashreplace"), colour=False)
    console.observe(
        JOINED._replace(cause=RECEIVED._replace(facts=FACTS._replace(label=Label("Zoë"))))
    )
    console.close(timeout_s=10)
    assert rb"Zo\xeb > HOST" in raw.getvalue()


class Held(io.StringIO):
    """A stream that takes a piece when the test allows it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)

    def write(self, text: str) -> int:
        """Report that there is a piece, and wait."""
        self.asked.release()
        assert self.may_go_on.acquire(timeout=10)
        return super().write(text)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch time that makes all output wait until the end."""
    monkeypatch.setattr(module, "BATCH_S", 1000)


@pytest.mark.usefixtures("patient")
def test_the_oldest_lines_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts and entries are limited in number and in characters."""
    dropped = "… {} lines dropped: stderr is not read fast enough\n"
    monkeypatch.setattr(module, "MAX_WAITING", 4)
    told = shown("a prompt", JOINED, "two\nlines\n", "b\n", "c\n", "d\n", "e\n")
    assert told == "b\nc\nd\ne\n" + dropped.format(4)
    monkeypatch.setattr(module, "MAX_BYTES", 70)
    assert shown("aaaa\n" * 3, "bbbb\n") == "bbbb\n" + dropped.format(3)
    assert shown("aaaa\n" * 2) == "aaaa\n" * 2


@pytest.mark.usefixtures("patient")
def test_what_waits_for_a_reader_is_lines_not_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries are a thousand times as large, so above a limit they become lines, in order."""
    monkeypatch.setattr(module, "MAX_ENTRIES", 3)
    at_once = []

    def spy(entry: Entry) -> Record | None:
        if threading.current_thread() is threading.main_thread():
            at_once.append(entry.at_ms)
        return record_of(entry)

    monkeypatch.setattr(module, "record_of", spy)
    causes = [RECEIVED._replace(at_ms=second * 1000) for second in range(5)]
    told = shown(*[JOINED._replace(at_ms=cause.at_ms, cause=cause) for cause in causes])
    assert at_once == [3000, 4000]
    assert [line[7] for line in told.splitlines()] == [*"01234"]


def test_a_pipe_that_nobody_reads_does_not_keep_it_from_ending() -> None:
    """Closing does not wait for a pipe without a reader, which blocks after 64 KiB."""
    read_end, write_end = os.pipe()
    with open(write_end, "w", encoding="utf-8") as stream, open(read_end, "rb") as reader:
        console = Console(stream, colour=False)
        console.tell("x" * 199_999 + "\n")
        console.close(timeout_s=0.01)
        assert reader.readline() == b"x" * 199_999 + b"\n"
        console.close(timeout_s=10)


def test_a_long_text_is_written_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text is split: each piece taken shows that the reader is still there."""
    monkeypatch.setattr(module, "MAX_PIECE", 4)
    held = Held()
    console = Console(held, colour=False)
    console.tell("abcdefghi")
    for taken in ("", "abcd", "abcdefgh"):
        assert held.asked.acquire(timeout=10)
        assert held.getvalue() == taken
        held.may_go_on.release()
    console.close(timeout_s=10)
    assert held.getvalue() == "abcdefghi"


@pytest.mark.parametrize("closed", [False, True], ids=["gone", "closed"])
def test_a_reader_that_is_gone_stops_nothing(closed: bool) -> None:
    """The reader may end early, as in ``poker-signal emulate 2>&1 | head``."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    stream = open(write_end, "w", encoding="utf-8")  # noqa: SIM115 - closing it fails, see below
    if closed:
        stream.close()
    before = set(threading.enumerate())
    console = Console(stream, colour=False)
    console.observe(JOINED)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before
    console.close(timeout_s=10)
    if not closed:
        with pytest.raises(BrokenPipeError):
            stream.close()


GONE = Fault(RECEIVED.at_ms, FACTS, "gone:Alice", "@connections: 410", "@connections answers 410")
HELD = Fault(
    RECEIVED.at_ms, FACTS, "delay:join=6s", "join", "held for 6 s", "r", RECEIVED.body, 6005
)


def told_of_strikes(text: str) -> list[str]:
    """Return the type and the outcome of each line."""
    return [" ".join(line.split()[4:]) for line in text.splitlines()]


@pytest.mark.usefixtures("patient")
def test_strikes_of_a_batch_are_one_line_with_their_number() -> None:
    """A fault at another player, or with another effect, has a line of its own."""
    others = GONE._replace(facts=FACTS._replace(label=Label("Bob", "GAME01")))
    text = shown(*[GONE] * 2, JOINED, *[GONE] * 14, others, HELD, HELD._replace(until_ms=7))
    assert told_of_strikes(text) == [
        "fault @connections answers 410 (gone:Alice) x 16",
        "> HOST join 15 B delivered",
        "fault @connections answers 410 (gone:Alice)",
        "> HOST join held for 6 s (delay:join=6s) x 2",
    ]
    # The message's own line tells that it was dropped.
    dropped = HELD._replace(fault="drop:join", effect="dropped")
    assert shown(dropped, JOINED) == shown(JOINED)
    assert shown(HELD, colour=True).startswith("\x1b[33m")


def test_the_first_strike_is_told_at_once_and_the_others_are_counted() -> None:
    """Their number is told within a second, or at the end."""
    lines = module.TextLines(io.StringIO(), colour=False, verbose=False)
    words = "fault @connections answers 410 (gone:Alice)"

    def batch(now_s: float, *entries: Entry) -> list[str]:
        return told_of_strikes("".join(lines.of_all(iter(entries), now_s)))

    assert (batch(10, GONE), lines.rest_s(10)) == ([words], None)
    assert (batch(10.25, GONE, GONE), lines.rest_s(10.25)) == ([], 0.75)
    assert (batch(10.5, GONE), lines.rest_s(10.5)) == ([], 0.5)
    assert (batch(11), lines.rest_s(11)) == ([f"{words} x 3 more"], None)
    # After a second without a strike, the next one is told at once again.
    assert batch(12) == []
    assert batch(12.5, GONE) == [words]
    assert batch(12.6, GONE) == []
    assert batch(math.inf) == [f"{words} x 1 more"]


def test_counted_strikes_are_told_though_nothing_else_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The writer thread writes again by itself."""
    held = Held()
    monkeypatch.setattr(module, "BATCH_S", 0)
    monkeypatch.setattr(module, "TELL_COUNTED_S", 0.05)
    console = Console(held, colour=False)
    console.observe(GONE)
    assert held.asked.acquire(timeout=10)
    console.observe(GONE)
    held.may_go_on.release()
    assert held.asked.acquire(timeout=10)
    held.may_go_on.release()
    console.close(timeout_s=10)
    assert told_of_strikes(held.getvalue())[1].endswith(" x 1 more")


def test_strikes_do_not_become_lines_while_a_reader_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Above MAX_ENTRIES, other entries do."""
    monkeypatch.setattr(module, "BATCH_S", 1000)
    monkeypatch.setattr(module, "MAX_ENTRIES", 1)
    assert told_of_strikes(shown(JOINED, *[GONE] * 5))[1:] == [
        "fault @connections answers 410 (gone:Alice) x 5"
    ]


def counted(text: str) -> int:
    """Return the number of messages not shown, the sum of all lines that report some."""
    return sum(map(int, re.findall("… ([0-9]+) more messages delivered\n", text)))


def test_more_than_anybody_can_read_is_counted() -> None:
    """Delivered messages above the limit are counted; every error has its line."""
    joined: list[Entry] = [JOINED, Posted(0, FACTS, FACTS.connection_id, "{}")]
    failed = JOINED._replace(result=Raised("boom"))
    text = shown(*joined * (MAX_LINES_PER_S + 5), failed)
    lines = text.splitlines()
    assert sum("  delivered" in line for line in lines) == MAX_LINES_PER_S
    assert next(line for line in lines if "delivered" not in line).endswith("see the traceback")
    assert counted(text) == 5


def test_what_is_counted_is_told_though_nothing_else_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count appears after a second, if it grew while lines were written."""
    monkeypatch.setattr(module, "MAX_LINES_PER_S", 1)
    monkeypatch.setattr(module, "TELL_COUNTED_S", 0)
    held = Held()
    console = Console(held, colour=False)
    console.observe(FORWARDED)
    assert held.asked.acquire(timeout=10)
    console.observe(FORWARDED)
    held.may_go_on.release(9)
    assert held.asked.acquire(timeout=10)
    console.close(timeout_s=10)
    assert held.getvalue().splitlines()[1:] == ["… 1 more messages delivered"]


@pytest.mark.parametrize(
    ("later_ms", "lines"), [(0, 0), (887, 0), (888, 1), (-112, 0), (-113, 1), (-3_600_000, 1)]
)
def test_relayed_messages_are_counted_until_the_next_second(later_ms: int, lines: int) -> None:
    """A clock that was set back begins a new second as well."""
    text = shown(
        *[FORWARDED] * (MAX_LINES_PER_S + 7), FORWARDED._replace(at_ms=FORWARDED.at_ms + later_ms)
    )
    assert text.count("join") == MAX_LINES_PER_S + lines
    assert counted(text) == 8 - lines


def test_the_banner_says_what_to_paste_and_how_to_trust_the_certificate() -> None:
    """Clients hard-code the URL; a browser does not explain why it refuses a certificate."""
    urls = ("ws://localhost:3001/prod", "http://localhost:3001/_inspect/", "http://localhost/prod")
    text = banner(*urls, "1.2.3", None, None)
    assert f"{urls[1]}\n" in text
    assert f"{urls[1]}play\n" in text
    assert f'const SIGNALING_URL = "{urls[0]}";' in text
    assert urls[2] in text
    assert "trust" not in text
    assert "faults" not in text
    faults = [("drop:offer#1", "message no. 1 of type offer is dropped"), ("gone", "410")]
    assert banner(*urls, "1.2.3", None, None, faults).endswith(
        "Ctrl-C\n"
        "  faults                  drop:offer#1  message no. 1 of type offer is dropped\n"
        "                          gone          410\n\n"
    )
    text = banner(*urls, "1.2.3", Path("authority.pem"), Path("poker-signal.toml"))
    assert "NODE_EXTRA_CA_CERTS=authority.pem" in text
    assert "  options come from       poker-signal.toml\n" in text
