"""The trace: its last entries, their numbers, and its observers."""

from typing import Any

import pytest

from poker_signal.emulator.aws.events import Facts, Label
from poker_signal.emulator.aws.results import Raised, Report, Result, Returned, TimedOut
from poker_signal.emulator.trace import trace as trace_module
from poker_signal.emulator.trace.entries import (
    Asked,
    Entry,
    Finished,
    Forwarded,
    Kept,
    Opened,
    Posted,
    Probed,
    Received,
    Unrouted,
)
from poker_signal.emulator.trace.trace import BLOCK, Trace

FACTS = Facts("OhDyxN6BIAMCJaA=", 0, "prod", "x", "pokerlocal", {"sourceIp": "192.0.2.1"})
BOB = FACTS._replace(connection_id="OhDyxN6BIAMCJbB=", label=Label("Bob"))
PASSED_ON = Returned({"statusCode": 200}, Report("delivered"))


def asked(headers: dict[str, str], query: dict[str, str] | None = None) -> Asked:
    """Return a handshake whose ``$connect`` event has only the members with text."""
    event: Any = {"headers": headers, "queryStringParameters": query}
    return Asked(0, FACTS, "connect", event)


def finished(result: Result) -> Finished:
    """Return the end of a handshake's invocation."""
    return Finished(0, asked({}), result)


SHORT: tuple[Result, ...] = (
    Returned({"statusCode": 200}),
    Returned("x" * 400),
    Returned({"body": 400}),
    TimedOut(),
)


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


@pytest.mark.parametrize(
    ("entry", "kept_blocks"),
    [
        *((finished(result), 10) for result in SHORT),
        (Posted(0, FACTS, "a", "x" * 40), 2),
        (Received(0, FACTS, "$default", "x" * 40, "r", "m"), 2),
        (Unrouted(0, FACTS, "x" * 40, "throttled"), 2),
        (Probed(0, FACTS, FACTS.label, {}, 40), 2),
        (asked({"Cookie": "x" * 34}), 2),
        (asked({}, {"ticket": "x" * 34}), 2),
        (finished(Returned({"statusCode": 200, "body": "x" * 40})), 2),
        (finished(Returned({"statusCode": 200, "body": "x" * 40}, Report("delivered"))), 2),
        (finished(Raised("x" * 40)), 2),
    ],
)
def test_large_messages_do_not_fill_the_memory(
    entry: Entry, kept_blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text is limited, not only the number of entries; a result of the core is never long."""
    monkeypatch.setattr(trace_module, "MAX_TEXT", 0 if kept_blocks == 10 else 100 * BLOCK)
    trace = Trace()
    for _ in range(10 * BLOCK):
        trace.add(entry)
    assert len(trace.since(0)) == kept_blocks * BLOCK
    assert trace.next_number == 10 * BLOCK


def test_the_text_of_a_message_that_was_forwarded_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Message and post both count: eleven characters for two entries."""
    monkeypatch.setattr(trace_module, "MAX_TEXT", 5 * BLOCK)
    trace = Trace()
    for number in range(10, 10 + 3 * BLOCK // 2):
        trace.add(received(number))
        trace.add(forwarded(number))
    assert len(trace.since(0)) < BLOCK


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
