"""The trace: its last entries, their numbers, and its observers."""

import pytest

from poker_signal.emulator.aws.events import Facts, Label
from poker_signal.emulator.aws.results import Report, Returned
from poker_signal.emulator.trace import trace as trace_module
from poker_signal.emulator.trace.entries import (
    Entry,
    Finished,
    Forwarded,
    Kept,
    Opened,
    Posted,
    Received,
)
from poker_signal.emulator.trace.trace import BLOCK, Trace
from poker_signal.emulator.trace.weight import weight_of

FACTS = Facts("OhDyxN6BIAMCJaA=", 0, "prod", "x", "pokerlocal", {"sourceIp": "192.0.2.1"})
BOB = FACTS._replace(connection_id="OhDyxN6BIAMCJbB=", label=Label("Bob"))
PASSED_ON = Returned({"statusCode": 200}, Report("delivered"))


def opened(at_ms: int) -> Opened:
    """Return an entry that differs from others by its time."""
    return Opened(at_ms, FACTS)


def received(number: int) -> Received:
    """Return a message that differs from others by its number."""
    return Received(number, FACTS, "$default", f"say {number}", "r", "m")


def forwarded(number: int) -> Forwarded:
    """Return the forwarded message: its post and its end, as one."""
    return Forwarded(number, received(number), BOB, "hear", PASSED_ON)


def entries_of(number: int) -> list[Entry]:
    """Return the two entries of the forwarded message."""
    posted = Posted(number, BOB, BOB.connection_id, "hear")
    return [posted, Finished(number, received(number), PASSED_ON)]


def test_entries_are_numbered_in_their_order() -> None:
    """A forwarded message is two entries, each with its number, wherever reading starts."""
    trace = Trace()
    for entry in (opened(0), forwarded(1), forwarded(2), opened(3)):
        trace.add(entry)
    everything = list(enumerate([opened(0), *entries_of(1), *entries_of(2), opened(3)]))
    assert trace.next_number == len(everything)
    for start in range(len(everything) + 1):
        assert trace.since(start) == everything[start:]
        assert trace.since(start, limit=2) == everything[start : start + 2]


@pytest.mark.parametrize(("every", "kept_entries"), [(10**9, 5 * BLOCK + 5), (3, 4 * BLOCK + 7)])
def test_the_newest_displace_the_oldest(
    monkeypatch: pytest.MonkeyPatch, every: int, kept_entries: int
) -> None:
    """Whole blocks are evicted; numbers stay, also where some entries count twice."""
    monkeypatch.setattr(trace_module, "MAX_ENTRIES", 5 * BLOCK)
    trace = Trace()
    everything: list[Entry] = []
    for number in range(1, 10 * BLOCK + 6):
        trace.add(forwarded(number) if number % every == 0 else opened(number))
        everything += entries_of(number) if number % every == 0 else [opened(number)]
    numbered = list(enumerate(everything))
    kept = trace.since(0)
    assert trace.next_number == len(everything)
    assert kept == numbered[-len(kept) :]
    assert len(kept) == kept_entries
    for start in range(kept[0][0], len(everything), 7):
        assert trace.since(start, limit=4) == numbered[start : start + 4]


def test_heavy_entries_displace_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is limited, not only the number of entries; numbers stay."""
    light, heavy = opened(0), Posted(0, FACTS, "a", "x" * 10_000)
    monkeypatch.setattr(trace_module, "MAX_BYTES", 3 * BLOCK * weight_of(heavy))
    for entry, kept_blocks in ((light, 10), (heavy, 3)):
        trace = Trace()
        for _ in range(10 * BLOCK):
            trace.add(entry)
        assert len(trace.since(0)) == kept_blocks * BLOCK
        assert trace.next_number == 10 * BLOCK


def test_a_reader_that_waits_is_called_once() -> None:
    """The next entry calls the reader, unless the reader has cancelled that."""
    trace, called = Trace(), list[str]()
    trace.when_something_happens(lambda: called.append("first"))
    call_off = trace.when_something_happens(lambda: called.append("second"))
    call_off()
    call_off()
    trace.add(opened(0))
    trace.add(opened(1))
    assert called == ["first"]


def test_an_observer_is_told_of_every_entry() -> None:
    """An observer is called at once and in order, with a forwarded message as one entry."""

    class Remembers(list[Kept]):
        observe = list.append

    observer = Remembers()
    trace = Trace(observer)
    for entry in (opened(0), forwarded(1)):
        trace.add(entry)
    assert observer == [opened(0), forwarded(1)]
    assert list(forwarded(1).entries()) == entries_of(1)
