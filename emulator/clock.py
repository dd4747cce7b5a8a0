"""One clock for everything that API Gateway does by time."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> None:
        """Let it not happen."""


class Clock(Protocol):
    """What tells the time, and calls when it has come."""

    def now_ms(self) -> int:
        """Return the time of day in epoch milliseconds."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call once, in ``delay_s`` seconds."""


class LoopClock:
    """The machine's clock, and the timers of the running event loop."""

    def __init__(self) -> None:
        self.call_later = asyncio.get_running_loop().call_later

    def now_ms(self) -> int:
        """Return the time of day in epoch milliseconds."""
        return time.time_ns() // 1_000_000
