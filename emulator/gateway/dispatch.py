"""Calls functions as API Gateway does: once, for so long, and in order where that is asked."""

from collections import deque
from collections.abc import Callable, Hashable

from poker_signal.emulator.aws.results import Result, Running, TimedOut
from poker_signal.emulator.clock import Clock


class Dispatcher:
    """Everything that is being invoked."""

    def __init__(self, clock: Clock, serial: bool, when_done: Callable[[], None]) -> None:
        self.running = 0
        """Functions that have neither returned nor used up their time."""
        self._clock = clock
        self._serial = serial
        self._when_done = when_done
        self._queues: dict[Hashable, deque[Callable[[], None]]] = {}

    def follow(
        self, result: Result | Running, timeout_s: float, then: Callable[[Result], None]
    ) -> None:
        """Hand on a result, now or once it is there; or that it took too long."""
        if not isinstance(result, Running):
            then(result)
            return
        settled = False
        self.running += 1

        def settle(result: Result) -> None:
            nonlocal settled
            if settled:
                return
            settled = True
            self.running -= 1
            timer.cancel()
            then(result)
            self._when_done()

        timer = self._clock.call_later(timeout_s, lambda: settle(TimedOut()))
        result.then(settle)

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
