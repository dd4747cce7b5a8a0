"""The machine's clock, and the one that tests advance."""

import asyncio
import time

from poker_signal.emulator.clock import LoopClock, VirtualClock


async def test_the_loops_clock_tells_the_time_of_day_and_calls() -> None:
    """The time is in epoch milliseconds, and timers are the event loop's."""
    clock = LoopClock()
    before = time.time_ns() // 1_000_000
    called = asyncio.Event()
    clock.call_later(0, called.set)
    async with asyncio.timeout(10):
        await called.wait()
    assert before <= clock.now_ms() <= time.time_ns() // 1_000_000


def test_virtual_time_passes_only_when_it_is_advanced() -> None:
    """Due timers run in order, each at its own time, also those that another timer started."""
    clock = VirtualClock(0)
    seen: list[tuple[str, int]] = []

    def again() -> None:
        seen.append(("again", clock.now_ms()))
        clock.call_later(2, lambda: seen.append(("later", clock.now_ms())))

    clock.call_later(3, lambda: seen.append(("third", clock.now_ms())))
    clock.call_later(1, again)
    clock.call_later(1, lambda: seen.append(("cancelled", clock.now_ms()))).cancel()
    clock.call_later(1, lambda: seen.append(("same", clock.now_ms())))
    clock.advance(0.999)
    assert seen == []
    clock.advance(10)
    assert seen == [("again", 1000), ("same", 1000), ("third", 3000), ("later", 3000)]
    assert clock.now_ms() == 10_999
