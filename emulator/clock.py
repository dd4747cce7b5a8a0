"""Clock and timers for all that depends on time in API Gateway."""

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol


def now_ms() -> int:
    """Return the machine's time of day in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def duration(seconds: float) -> str:
    """Return a duration in words: ``300 ms`` or ``1.8 s``."""
    if seconds < 1:
        return f"{round(seconds * 1000, 1):g} ms"
    return f"{round(seconds, 2):g} s"


class Timer(Protocol):
    """A pending callback."""

    def cancel(self) -> None:
        """Cancel the callback."""


class Clock(Protocol):
    """Source of the time of day and of timers."""

    def now_ms(self) -> int:
        """Return the time of day in epoch milliseconds."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` once, after ``delay_s`` seconds."""


class LoopClock:
    """The machine's clock, and the timers of the running event loop."""

    def __init__(self) -> None:
        self.call_later = asyncio.get_running_loop().call_later

    def now_ms(self) -> int:
        """Return the time of day in epoch milliseconds."""
        return now_ms()


class VirtualClock:
    """A clock that stands still until it is advanced, so that ten minutes take a microsecond."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms
        self._timers: list[tuple[int, int, _VirtualTimer]] = []
        """Heap of epoch ms, a number that orders timers of the same time, and the timer."""
        self._numbers = count()

    def now_ms(self) -> int:
        """Return the time of day in epoch milliseconds."""
        return self._now_ms

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` once, when the clock has been advanced by ``delay_s`` seconds."""
        timer = _VirtualTimer(callback)
        at_ms = self._now_ms + round(delay_s * 1000)
        heapq.heappush(self._timers, (at_ms, next(self._numbers), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Advance the clock; timers that are due run in order, each at its own time."""
        until_ms = self._now_ms + round(seconds * 1000)
        while self._timers and self._timers[0][0] <= until_ms:
            at_ms, _, timer = heapq.heappop(self._timers)
            self._now_ms = max(self._now_ms, at_ms)
            if timer.callback is not None:
                timer.callback()
        self._now_ms = until_ms


class _VirtualTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None
