"""How long this process was not let run: the seconds of the client's patience pass meanwhile."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

TICK_S = 0.05

Now = Callable[[], tuple[float, float]]
"""Tells the time, and how much of the processor this process has had."""


class Standstills:
    """When the machine did something else, or had the process stopped.

    A thread that does nothing but sleep tells: it wakes in time while an event loop is held up by
    what is done there. What holds every thread up, as a regular expression does, needs the
    processor: that time is the process's own, and no loss.
    """

    def __init__(self, now: Now = lambda: (time.monotonic(), time.process_time())) -> None:
        self._losses: list[tuple[float, float]] = []
        self._now = now
        self._last = now()
        self._lock = threading.Lock()

    def lost_s(self, since: float) -> float:
        """Return for how many seconds since a moment (of ``time.monotonic``) nothing ran."""
        # The thread that watches may not have had its turn yet.
        self.tick()
        return sum(min(lost_s, at - since) for at, lost_s in self._losses if at > since)

    def tick(self) -> None:
        """Note the standstill since the last tick, if there was one."""
        with self._lock:
            was_at, was_used = self._last
            at, used = self._last = self._now()
            lost_s = at - was_at - (used - was_used) - TICK_S
            if lost_s >= TICK_S:
                self._losses.append((at, lost_s))


@contextmanager
def standstills() -> Generator[Standstills, None, None]:
    """Watch for as long as this is open."""
    found, is_over = Standstills(), threading.Event()

    def watch() -> None:
        while not is_over.wait(TICK_S):
            found.tick()

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield found
    finally:
        is_over.set()
        watching.join()
