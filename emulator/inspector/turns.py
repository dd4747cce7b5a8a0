"""Limits inspector work to 15 % of the event loop's time.

The gateway has priority: all pages and scripts together share this part of the time, however many
they are. Work is done in pieces of about 1 ms; what exceeds the share is delayed.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

SHARE = 0.15
"""Largest part of the event loop's time."""
PIECE_S = 0.001
"""Seconds that one piece of work should take."""
OVERHEAD_S = 0.0005
"""Seconds that a request costs besides its work, for reading it and writing the answer."""


class Turns:
    """A queue of pieces of work; each runs in a turn of its own."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], None], float]] = deque()
        self._free_at = 0.0
        self._is_due = False

    def soon(self, work: Callable[[], None]) -> None:
        """Queue the first piece of work of a request."""
        self._wait(work, OVERHEAD_S)

    def go_on(self, work: Callable[[], None]) -> None:
        """Queue another piece of work of the same request, without ``OVERHEAD_S``."""
        self._wait(work, 0.0)

    def _wait(self, work: Callable[[], None], overhead_s: float) -> None:
        self._waiting.append((work, overhead_s))
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_at(self._free_at, self._next)

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        # CPU time: a piece that waited for a busy machine must not delay the next one more.
        start = time.thread_time()
        work, overhead_s = self._waiting.popleft()
        try:
            work()
        finally:
            cost_s = time.thread_time() - start + overhead_s
            self._free_at = loop.time() + cost_s * (1 / SHARE - 1)
            self._is_due = bool(self._waiting)
            if self._waiting:
                loop.call_at(self._free_at, self._next)
