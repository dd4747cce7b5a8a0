"""Calls functions as API Gateway does: once, for so long, and in order where that is asked."""

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from poker_signal.emulator.clock import Clock, Timer
from poker_signal.emulator.integration import Integration, Result, TimedOut


class Invoker:
    """Everything that is being invoked."""

    def __init__(self, clock: Clock, serial: bool, when_done: Callable[[], None]) -> None:
        self.running = 0
        """Functions that have neither returned nor used up their time."""
        self._clock = clock
        self._serial = serial
        self._when_done = when_done
        self._queues: dict[Hashable, deque[Callable[[], None]]] = {}

    def invoke(
        self,
        integration: Integration,
        event: Mapping[str, Any],
        timeout_s: float,
        then: Callable[[Result], None],
    ) -> None:
        """Call an integration; ``then`` gets its result, or that it took too long, once."""
        settled = False
        timer: Timer | None = None
        self.running += 1

        def settle(result: Result) -> None:
            nonlocal settled
            if settled:
                return
            settled = True
            self.running -= 1
            if timer is not None:
                timer.cancel()
            then(result)
            self._when_done()

        integration.invoke(event, settle)
        if not settled:
            timer = self._clock.call_later(timeout_s, lambda: settle(TimedOut()))

    def submit(self, connection: Hashable, job: Callable[[], None]) -> None:
        """Do a job; in serial dispatch after the connection's earlier ones.

        Whoever does the job says ``finished`` when what it invoked is over.
        """
        if not self._serial:
            job()
            return
        queue = self._queues.get(connection)
        if queue is not None:
            queue.append(job)
            return
        self._queues[connection] = deque()
        job()

    def finished(self, connection: Hashable) -> None:
        """Do the connection's next job, if one is waiting."""
        queue = self._queues.get(connection)
        if queue:
            queue.popleft()()
        else:
            self._queues.pop(connection, None)
