"""The last entries are kept, numbered, and told of."""

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
    Received,
    Unrouted,
)
from poker_signal.emulator.trace.trace import BLOCK, Trace

FACTS = Facts("OhDyxN6BIAMCJaA=", 0, "prod", "x", "pokerlocal", {"sourceIp": "192.0.2.1"})


def opened(at_ms: int) -> Opened:
    """Return an entry that can be told from others."""
    return Opened(at_ms, FACTS)


def handshake(headers: dict[str, str], query: dict[str, str] | None = None) -> Any:
    """Return as much of a ``$connect`` event as there is text in it."""
    return {"headers": headers, "queryStringParameters": query}


BOB = FACTS._replace(connection_id="OhDyxN6BIAMCJbB=", label=Label("Bob"))
PASSED_ON = Returned({"statusCode": 200}, Report("delivered"))
ASKED = Asked(0, FACTS, "connect", handshake({}))


@pytest.mark.parametrize(
    "result",
    [
        Returned({"statusCode": 200}),
        Returned("x" * 40),
        Returned({"body": 40}),
        Returned({"body": "x" * 40}, Report("delivered")),
        TimedOut(),
    ],
    ids=str,
)
def test_results_without_long_texts_displace_nothing(
    result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What our own rules return is never long, and counts by its number only."""
    monkeypatch.setattr(trace_module, "MAX_TEXT", 0)
    trace = Trace()
    for _ in range(BLOCK):
        trace.add(Finished(0, ASKED, result))
    assert len(trace.since(0)) == BLOCK


def test_entries_are_numbered_in_their_order() -> None:
    """And are found by their numbers."""
    trace = Trace()
    for at_ms in range(5):
        trace.add(opened(at_ms))
    assert trace.next_number == 5
    assert trace.since(3) == [(3, opened(3)), (4, opened(4))]
    assert trace.since(1, limit=2) == [(1, opened(1)), (2, opened(2))]
    assert trace.since(5) == []


def test_the_newest_displace_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers stay what they were."""
    monkeypatch.setattr(trace_module, "MAX_ENTRIES", 2 * BLOCK)
    trace = Trace()
    for at_ms in range(10 * BLOCK + 3):
        trace.add(opened(at_ms))
    numbers = [number for number, _ in trace.since(0)]
    assert numbers == list(range(8 * BLOCK, 10 * BLOCK + 3))
    for start in (9 * BLOCK - 1, 9 * BLOCK, 10 * BLOCK, 10 * BLOCK + 2):
        assert trace.since(start, limit=1) == [(start, opened(start))]
    assert trace.since(9 * BLOCK - 1, limit=3)[-1] == (9 * BLOCK + 1, opened(9 * BLOCK + 1))
    assert trace.next_number == 10 * BLOCK + 3


@pytest.mark.parametrize(
    "entry",
    [
        Posted(0, FACTS, "a", "x" * 40),
        Received(0, FACTS, "$default", "x" * 40, "r", "m"),
        Unrouted(0, FACTS, "x" * 40, "throttled"),
        Asked(0, FACTS, "connect", handshake({"Cookie": "x" * 34})),
        Asked(0, FACTS, "connect", handshake({}, {"ticket": "x" * 34})),
        Finished(0, ASKED, Returned({"statusCode": 200, "body": "x" * 40})),
        Finished(0, ASKED, Raised("x" * 40)),
    ],
    ids=lambda entry: type(entry).__name__,
)
def test_large_messages_do_not_fill_the_memory(
    entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text counts, not only the number of entries."""
    monkeypatch.setattr(trace_module, "MAX_TEXT", 100 * BLOCK)
    trace = Trace()
    for _ in range(10 * BLOCK):
        trace.add(entry)
    assert 0 < len(trace.since(0)) <= 2 * BLOCK
    assert trace.next_number == 10 * BLOCK


def test_whoever_waits_is_called_once() -> None:
    """With the next entry, unless it has called that off."""
    trace, called = Trace(), list[str]()
    trace.when_something_happens(lambda: called.append("first"))
    call_off = trace.when_something_happens(lambda: called.append("second"))
    call_off()
    call_off()
    trace.add(opened(0))
    trace.add(opened(1))
    assert called == ["first"]


def test_an_observer_is_told_of_every_entry() -> None:
    """At once, and in order."""

    class Remembers(list[Entry]):
        observe = list.append

    observer = Remembers()
    trace = Trace(observer)
    trace.add(opened(0))
    trace.add(opened(1))
    assert observer == [opened(0), opened(1)]


def received(number: int) -> Received:
    """Return a message that can be told from others."""
    return Received(number, FACTS, "$default", f"say {number}", "r", "m")


def forwarded(number: int) -> Forwarded:
    """Return its post and its end, as one."""
    return Forwarded(number, received(number), BOB, "hear", PASSED_ON)


def entries_of(number: int) -> list[Entry]:
    """Return the two."""
    posted = Posted(number, BOB, BOB.connection_id, "hear")
    return [posted, Finished(number, received(number), PASSED_ON)]


def test_a_message_that_was_forwarded_is_two_entries_more() -> None:
    """Each with a number of its own, wherever one begins to read."""
    trace = Trace()
    trace.add(opened(0))
    trace.add(forwarded(1))
    trace.add(forwarded(2))
    trace.add(opened(3))
    everything = list(enumerate([opened(0), *entries_of(1), *entries_of(2), opened(3)]))
    assert trace.next_number == len(everything)
    for start in range(len(everything) + 1):
        assert trace.since(start) == everything[start:]
        assert trace.since(start, limit=2) == everything[start : start + 2]


def test_two_in_one_displace_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers stay what they were, whatever is in a block."""
    monkeypatch.setattr(trace_module, "MAX_ENTRIES", 5 * BLOCK)
    trace = Trace()
    everything: list[Entry] = []
    for number in range(4 * BLOCK + 5):
        if number % 3:
            trace.add(forwarded(number))
            everything += entries_of(number)
        else:
            trace.add(opened(number))
            everything.append(opened(number))
    kept = trace.since(0)
    assert trace.next_number == len(everything)
    assert kept == list(enumerate(everything))[-len(kept) :]
    assert 4 * BLOCK < len(kept) <= 5 * BLOCK + 2 * BLOCK
    for start in range(kept[0][0], len(everything), 7):
        assert trace.since(start, limit=4) == list(enumerate(everything))[start : start + 4]


def test_the_text_of_a_message_that_was_forwarded_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it came with the message, and as it went."""
    monkeypatch.setattr(trace_module, "MAX_TEXT", 5 * BLOCK)
    trace = Trace()
    for number in range(10, 10 + 3 * BLOCK // 2):
        trace.add(received(number))
        trace.add(forwarded(number))
    # Both together have eleven characters: one full block is too many.
    assert len(trace.since(0)) < BLOCK


def test_an_observer_is_told_of_the_two_as_one() -> None:
    """It can have both of it."""

    class Remembers(list[Kept]):
        observe = list.append

    observer = Remembers()
    Trace(observer).add(forwarded(1))
    assert observer == [forwarded(1)]
    assert list(forwarded(1).entries()) == entries_of(1)
