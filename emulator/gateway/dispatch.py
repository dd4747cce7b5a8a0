"""Invocations: results that come late, the integration timeout, and serial dispatch."""

from collections import deque
from collections.abc import Callable, Hashable

from poker_signal.emulator.aws.results import Result, Running, TimedOut
from poker_signal.emulator.clock import Clock

Job = Callable[[], None]


class Dispatcher:
    """Counts the functions that are running, and ends the wait for those that take too long."""

    def __init__(self, clock: Clock, when_done: Callable[[], None]) -> None:
        self.running = 0
        """Functions that have neither returned nor used up their time."""
        self._clock = clock
        self._when_done = when_done

    def follow(
        self, result: Result | Running, timeout_s: float, then: Callable[[Result], None]
    ) -> None:
        """Call ``then`` with a result, now or once it is there; after ``timeout_s``: TimedOut."""
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


class _Queue:
    __slots__ = ("is_busy", "is_draining", "jobs")

    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self.is_busy = False
        self.is_draining = False


class SerialQueues:
    """One queue of jobs for each connection, of which one job runs at a time.

    A job runs until ``finished`` is called, which may happen within the job or later, from a
    timer or a thread's callback. ``is_busy`` is set from a job's start to that call. Jobs run in
    the loop of ``_drain``, never from within each other: a thousand jobs that end at once need
    no deeper stack than one. ``is_draining`` is set while that loop runs, so that a ``finished``
    within a job leaves the next job to it.
    """

    def __init__(self) -> None:
        self._queues: dict[Hashable, _Queue] = {}

    def submit(self, connection: Hashable, job: Job) -> None:
        """Run a job once all earlier jobs of the connection are finished."""
        queue = self._queues.get(connection)
        if queue is None:
            queue = self._queues[connection] = _Queue()
        queue.jobs.append(job)
        self._drain(connection, queue)

    def finished(self, connection: Hashable) -> None:
        """End the job that is running, and run the next."""
        queue = self._queues[connection]
        queue.is_busy = False
        self._drain(connection, queue)

    def _drain(self, connection: Hashable, queue: _Queue) -> None:
        if queue.is_draining:
            return
        queue.is_draining = True
        failures: list[Exception] = []
        try:
            while queue.jobs and not queue.is_busy:
                queue.is_busy = True
                try:
                    queue.jobs.popleft()()
                except Exception as error:
                    # A job that failed is over. `$disconnect` may be among the jobs behind it.
                    queue.is_busy = False
                    failures.append(error)
        finally:
            queue.is_draining = False
        if not queue.jobs and not queue.is_busy:
            del self._queues[connection]
        if failures:
            raise failures[0] if len(failures) == 1 else ExceptionGroup("jobs failed", failures)
