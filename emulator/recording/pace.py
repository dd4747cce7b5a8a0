"""Breaks of a background thread, in which the event loop gets the interpreter's lock."""

import time

WORK_S = 0.0003
"""Seconds of work between two breaks."""
BREAK_S = 0.0001
"""Shortest break. ``sleep(0)`` would take the lock again before another thread has woken up."""


class Pace:
    """Takes a break whenever it is called, if the last one is long enough ago.

    ``share``: largest part of the time that is spent at work. Between two calls may lie WORK_S, so
    that a client's message waits for no longer than that.
    """

    def __init__(self, share: float = 1) -> None:
        self._break_per_s = 1 / share - 1
        self._since = time.perf_counter()

    def __call__(self) -> None:
        """Take a break if it is due."""
        worked_s = time.perf_counter() - self._since
        if worked_s >= WORK_S:
            time.sleep(max(worked_s * self._break_per_s, BREAK_S))
            self._since = time.perf_counter()
