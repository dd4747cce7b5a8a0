"""An event loop whose clock jumps to the next timer as soon as no socket has news.

Clients and server share it, in one process over loopback: hours take a second, and every timer
runs at its own time. Only for tests without threads: the loop does not know what they wait for.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from poker_signal.emulator.clock import Timer

GRACE_S = 0.001
"""Real seconds in which a frame arrives that is on its way over loopback."""

BEGIN_MS = 1_700_000_000_000


_T = TypeVar("_T")


class _Selector(selectors.DefaultSelector):
    """Selector that does not sleep until the next timer, but advances the clock to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(GRACE_S)
        if not ready:
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Event loop in virtual time, which begins at 0."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._virtual.now_s


class LoopTime:
    """Clock for an emulator: the timers of the running event loop, and its time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now_ms(self) -> int:
        """Return the virtual time of day in epoch milliseconds."""
        return BEGIN_MS + round(self._loop.time() * 1000)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` once, after ``delay_s`` seconds."""
        return self._loop.call_later(delay_s, callback)


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end on a loop of its own, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
