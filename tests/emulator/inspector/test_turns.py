"""The inspector's share of the event loop: the gateway has priority."""

import asyncio
from types import SimpleNamespace

import pytest

from poker_signal.emulator.inspector import turns as turns_module
from poker_signal.emulator.inspector.turns import OVERHEAD_S, SHARE, Turns
from tests.emulator.client.check import idle


def test_work_takes_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of two milliseconds leave most of the loop's time to the gateway."""
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

    monkeypatch.setattr(turns_module, "time", SimpleNamespace(thread_time=lambda: busy_s))
    # The clock of this loop stands still while it is busy.
    cost_s = 5 * (0.002 + OVERHEAD_S)
    assert idle.run(scene()) == pytest.approx(cost_s * (1 / SHARE - 1))


async def test_who_goes_on_does_not_overtake() -> None:
    """Work runs in its order; a long job takes turns with jobs that wait already.

    An exception is passed to the loop's handler, and the jobs after it run all the same.
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
