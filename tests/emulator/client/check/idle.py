"""An event loop on which waiting takes no time, and a busy machine is no reason to give up."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

IDLE_S = 0.05
"""After so long without anything to read, nothing is under way between sockets of one loop."""


class _IdleSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(IDLE_S)
        if not ready:
            self.skipped_s += timeout
        return ready


class IdleLoop(asyncio.SelectorEventLoop):
    """Its clock stands still while something happens, and jumps to the next timer after that.

    Only for what has all its ends on this loop: a thread or another process is not waited for.
    """

    def __init__(self) -> None:
        self._idle = _IdleSelector()
        super().__init__(self._idle)

    def time(self) -> float:
        """Return what has been skipped so far."""
        return self._idle.skipped_s


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on a loop of its own."""
    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        return runner.run(coroutine)
