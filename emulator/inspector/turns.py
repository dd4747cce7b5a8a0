"""Does what inspectors ask for, a little at a time.

The gateway comes first: however many pages look, and however much they ask for, they share a
part of the event loop's time, in pieces that nobody notices. What is too much comes later.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

SHARE = 0.15
"""Of the loop's time, at most."""
PIECE_S = 0.001
"""How long one piece of work should take."""
OVERHEAD_S = 0.0005
"""What a request costs beside its piece of work: it is read, and its answer written."""


class Turns:
    """Pieces of work that wait for their turn."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], None], float]] = deque()
        self._free_at = 0.0
        self._is_due = False

    def soon(self, work: Callable[[], None]) -> None:
        """Do a request's piece of work after those that wait already."""
        self._wait(work, OVERHEAD_S)

    def go_on(self, work: Callable[[], None]) -> None:
        """Do another piece of work for a request, after those that wait already."""
        self._wait(work, 0.0)

    def _wait(self, work: Callable[[], None], overhead_s: float) -> None:
        self._waiting.append((work, overhead_s))
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_at(self._free_at, self._next)

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        start = time.perf_counter()
        work, overhead_s = self._waiting.popleft()
        try:
            work()
        finally:
            cost_s = time.perf_counter() - start + overhead_s
            self._free_at = loop.time() + cost_s * (1 / SHARE - 1)
            self._is_due = bool(self._waiting)
            if self._waiting:
                loop.call_at(self._free_at, self._next)
