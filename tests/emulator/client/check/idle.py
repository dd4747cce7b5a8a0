"""An event loop whose clock jumps to the next timer, so that waiting takes no time."""

import asyncio
import os
import selectors
import socket
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

ROUNDS = 3
"""Round trips of a byte without an event, after which the loop counts as idle."""


class _IdleSelector(selectors.DefaultSelector):
    """Selector that detects idleness with a byte of its own, not by the time.

    On the loopback interface of one processor, bytes arrive in the order in which they were
    sent: after this byte, all that the sockets of the loop have sent has arrived.
    """

    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._ends = [socket.create_connection(server.getsockname()), server.accept()[0]]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        for _ in range(ROUNDS):
            for one, other in (self._ends, self._ends[::-1]):
                one.sendall(b"x")
                other.recv(1)
            if ready := super().select(0):
                return ready
        self.skipped_s += timeout
        return []

    def close(self) -> None:
        for end in self._ends:
            end.close()
        super().close()


class IdleLoop(asyncio.SelectorEventLoop):
    """Event loop whose clock stands still while it is busy, and then jumps to the next timer.

    All connections must have both ends on this loop: it does not wait for threads or processes.
    """

    def __init__(self) -> None:
        self._idle = _IdleSelector()
        super().__init__(self._idle)

    def time(self) -> float:
        """Return the seconds that were skipped so far."""
        return self._idle.skipped_s


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on a loop of its own and on one processor."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if allowed:
        os.sched_setaffinity(0, {sorted(allowed)[os.getpid() % len(allowed)]})
    try:
        with asyncio.Runner(loop_factory=IdleLoop) as runner:
            return runner.run(coroutine)
    finally:
        if allowed:
            os.sched_setaffinity(0, allowed)
