"""How long this process was not let run: the seconds of the client's patience pass meanwhile."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

TICK_S = 0.05


class Standstills:
    """When the machine did something else, or had the process stopped.

    A thread that does nothing but sleep tells: it wakes in time while an event loop is held up by
    what is done there. What holds every thread up, as a regular expression does, needs the
    processor: that time is the process's own, and no loss.
    """

    def __init__(self) -> None:
        self._losses: list[tuple[float, float]] = []
        self._last = time.monotonic(), time.process_time()
        self._lock = threading.Lock()

    def lost_s(self, since: float) -> float:
        """Return for how many seconds since a moment (of ``time.monotonic``) nothing ran."""
        # The thread that watches may not have had its turn yet.
        self._tick()
        return sum(min(lost_s, at - since) for at, lost_s in self._losses if at > since)

    def watch(self, is_over: threading.Event) -> None:
        """Note standstills until it is over."""
        while not is_over.wait(TICK_S):
            self._tick()

    def _tick(self) -> None:
        with self._lock:
            at, used = time.monotonic(), time.process_time()
            was_at, was_used = self._last
            self._last = at, used
            lost_s = at - was_at - (used - was_used) - TICK_S
            if lost_s >= TICK_S:
                self._losses.append((at, lost_s))


@contextmanager
def standstills() -> Generator[Standstills, None, None]:
    """Watch for as long as this is open."""
    found, is_over = Standstills(), threading.Event()
    watching = threading.Thread(target=found.watch, args=(is_over,), daemon=True)
    watching.start()
    try:
        yield found
    finally:
        is_over.set()
        watching.join()
