"""The gateway comes first."""

import asyncio
from types import SimpleNamespace

import pytest

from poker_signal.emulator.inspector import turns as turns_module
from poker_signal.emulator.inspector.turns import OVERHEAD_S, SHARE, Turns
from tests.emulator.client.check import idle


def test_work_takes_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of two milliseconds leave the loop to others most of the time."""
    busy_s = 0.0

    def work() -> None:
        nonlocal busy_s
        busy_s += 0.002

    async def scene() -> float:
        turns, finished, loop = Turns(), asyncio.Event(), asyncio.get_running_loop()
        start = loop.time()
        for _ in range(5):
            turns.soon(work)
        turns.soon(finished.set)
        await finished.wait()
        return loop.time() - start

    monkeypatch.setattr(turns_module, "time", SimpleNamespace(perf_counter=lambda: busy_s))
    # The clock of this loop stands still while something is done.
    cost_s = 5 * (0.002 + OVERHEAD_S)
    assert idle.run(scene()) == pytest.approx(cost_s * (1 / SHARE - 1))


async def test_who_goes_on_does_not_overtake() -> None:
    """Work is done in its order; a long answer takes turns with those that wait already.

    The loop is told of work that fails, and what comes after is done all the same.
    """
    turns, finished, loop = Turns(), asyncio.Event(), asyncio.get_running_loop()
    done: list[str] = []
    failures: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def first() -> None:
        done.append("first")
        turns.go_on(second)

    def second() -> None:
        done.append("second")
        finished.set()

    def fail() -> None:
        raise LookupError

    turns.soon(first)
    turns.soon(fail)
    turns.soon(lambda: done.append("other"))
    await asyncio.wait_for(finished.wait(), 10)
    assert done == ["first", "other", "second"]
    assert [type(each) for each in failures] == [LookupError]
