"""Long polling."""

import asyncio
import json
from typing import Any

import pytest

from poker_signal.emulator.aws.events import Facts
from poker_signal.emulator.aws.results import Returned
from poker_signal.emulator.inspector import feed as feed_module
from poker_signal.emulator.inspector.feed import Feed, TooManyWait
from poker_signal.emulator.inspector.turns import Turns
from poker_signal.emulator.trace.entries import Finished, Received, RequestRefused
from poker_signal.emulator.trace.trace import Trace


@pytest.fixture
def trace() -> Trace:
    """An empty trace."""
    return Trace()


@pytest.fixture
def feed(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> Feed:
    """Feed of the trace, with a time limit per piece of work that is never reached."""
    monkeypatch.setattr(feed_module, "PIECE_S", 60)
    return Feed(trace, Turns(), "run", lambda: 7)


def happen(trace: Trace, reason: str = "") -> None:
    """Add an entry to the trace."""
    trace.add(RequestRefused(1, None, "GET", "/", 403, reason))


async def ask(feed: Feed, since: int, wait_s: float = 10) -> Any:
    """Send a request; wait for the answer."""
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    feed.ask(since, wait_s, answer.set_result)
    return json.loads(await asyncio.wait_for(answer, 10), parse_constant=pytest.fail)


async def test_what_is_there_is_told_at_once(feed: Feed, trace: Trace) -> None:
    """The answer is valid JSON, even if a function's result was not."""
    facts = Facts("OhDyxN6BIAMCJaA=", 1, "prod", "x", "a", {"sourceIp": "192.0.2.1"})
    received = Received(1, facts, "$default", "", "r", "m")
    trace.add(Finished(2, received, Returned({"statusCode": 200, "body": float("nan")})))
    told = await ask(feed, 0)
    assert (told["run"], told["now"], told["next"], told["end"]) == ("run", 7, 1, 1)
    assert [each["n"] for each in told["entries"]] == [0]
    assert told["entries"][0]["result"] == {"statusCode": 200, "body": None}


async def test_who_waits_is_told_when_it_happens(feed: Feed, trace: Trace) -> None:
    """Entries of the same moment come in one answer."""
    waiting = asyncio.ensure_future(ask(feed, 0))
    await asyncio.sleep(0)
    happen(trace)
    happen(trace)
    assert [each["n"] for each in (await waiting)["entries"]] == [0, 1]


async def test_who_has_waited_in_vain_is_told_once(feed: Feed, trace: Trace) -> None:
    """The request is answered after its own time-out."""
    answers: list[bytes] = []
    feed.ask(0, 0.001, answers.append)
    assert (await ask(feed, 0, 0.05))["entries"] == []
    assert (await ask(feed, 0, 0))["next"] == 0
    happen(trace)
    assert (await ask(feed, 0))["next"] == 1
    assert len(answers) == 1


async def test_a_chunk_is_a_piece_of_work(
    feed: Feed, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow entry, which uses up the time of one piece of work, is alone in its chunk."""
    monkeypatch.setattr(feed_module, "PIECE_S", 0)
    for _ in range(3):
        happen(trace)
    assert [feed.chunk(since).next for since in range(3)] == [1, 2, 3]


async def test_chunks_are_bounded_and_meet(feed: Feed, trace: Trace) -> None:
    """Chunks and answers are limited in number and size, without overlaps or gaps.

    A chunk is made once for all readers, and again when there are more entries. An entry that is
    larger than a chunk is a chunk by itself.
    """
    happen(trace, "x" * 500_000)
    before = feed.chunk(0)
    assert feed.chunk(0) is before
    happen(trace)
    assert (before.next, feed.chunk(0).next, feed.chunk(1).next) == (1, 1, 2)
    happen(trace)
    assert feed.chunk(1).next == 3
    for _ in range(20):
        happen(trace, "x" * 100_000)
    told = await ask(feed, 3)
    assert len(json.dumps(told["entries"])) <= feed_module.MAX_ANSWER_BYTES
    assert (told["next"], told["end"]) == (7, 23)
    for _ in range(1000):
        happen(trace)
    since, seen = 3, []
    while since < 1023:
        chunk = feed.chunk(since)
        assert len(chunk.text) <= feed_module.MAX_BYTES
        seen += [each["n"] for each in json.loads(b"[" + chunk.text + b"]")]
        since = chunk.next
    assert seen == list(range(3, 1023))


async def test_who_is_behind_is_told_how_far(feed: Feed, trace: Trace) -> None:
    """The answer has several chunks, the next number and the last one."""
    at_once = feed_module.MAX_CHUNKS * feed_module.MAX_ENTRIES
    for _ in range(at_once + 5):
        happen(trace)
    told = await ask(feed, 0)
    assert (told["next"], told["end"]) == (at_once, at_once + 5)
    assert [each["n"] for each in told["entries"]] == list(range(at_once))


async def test_more_than_can_wait_are_turned_away(feed: Feed, monkeypatch: Any) -> None:
    """Requests that wait take memory, so their number is limited."""
    monkeypatch.setattr(feed_module, "MAX_WAITING", 1)
    feed.ask(0, 0.01, lambda body: None)
    with pytest.raises(TooManyWait):
        feed.ask(0, 0.01, lambda body: None)
