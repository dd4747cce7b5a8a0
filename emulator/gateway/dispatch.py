"""Invocations: results that arrive later, the integration timeout, and serial dispatch."""

from collections import deque
from collections.abc import Callable, Hashable

from poker_signal.emulator.aws.results import Result, Running, TimedOut
from poker_signal.emulator.clock import Clock

Job = Callable[[], None]


class Dispatcher:
    """Counter of running functions, which also applies the integration timeout."""

    def __init__(self, clock: Clock, when_done: Callable[[], None]) -> None:
        self.running = 0
        """Functions that have neither returned nor timed out."""
        self._clock = clock
        self._when_done = when_done

    def follow(
        self, result: Result | Running, timeout_s: float, then: Callable[[Result], None]
    ) -> None:
        """Call ``then`` once: with the result, or with TimedOut after ``timeout_s``."""
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


# The serial queue of a connection
#
# A job handles one event: a message, or $disconnect. A job runs until the gateway calls finished,
# which happens within the job (the function returned) or later (a timer, a thread's callback).
# is_busy: a job has started and is not finished. _drain sets it, finished clears it. A job that
#   raises is finished too.
# is_draining: the loop in _drain is running. A call of finished from within a job only clears
#   is_busy, and the loop then runs the next job. So jobs never nest, and a thousand jobs that end
#   at once need no deeper stack than one. A queue without jobs is deleted.
# Bound: a queue has no limit of its own. The gateway counts each message as an invocation of its
#   connection from submit to finished, and the connection stops reading at max_in_flight.
# Throttle and flood limit: the gateway applies them when a message arrives, before submit.
# $disconnect is the last job: it is submitted when the TCP connection is gone, after which no
#   message can arrive. So it runs after all messages that the client sent.
class SerialQueues:
    """One queue of jobs per connection; each queue runs one job at a time."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, _Queue] = {}

    def submit(self, connection: Hashable, job: Job) -> None:
        """Run a job as soon as all earlier jobs of its connection are finished."""
        queue = self._queues.get(connection)
        if queue is None:
            queue = self._queues[connection] = _Queue()
        queue.jobs.append(job)
        self._drain(connection, queue)

    def finished(self, connection: Hashable) -> None:
        """End the running job of a connection, and run the next one."""
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
                    # A failed job is over. The jobs behind it, such as `$disconnect`, must run.
                    queue.is_busy = False
                    failures.append(error)
        finally:
            queue.is_draining = False
        if not queue.jobs and not queue.is_busy:
            del self._queues[connection]
        if failures:
            raise failures[0] if len(failures) == 1 else ExceptionGroup("jobs failed", failures)
