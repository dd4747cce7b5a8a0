"""Functions as on Lambda: execution environments, each a process behind the Runtime API."""

import asyncio
import contextlib
import json
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from poker_signal.emulator.aws.http import Answer
from poker_signal.emulator.aws.results import NotInvokable, Raised, Result, Running
from poker_signal.emulator.clock import Clock, Timer
from poker_signal.emulator.functions.lambda_function import Function, result_of
from poker_signal.emulator.functions.processes import Process, show
from poker_signal.emulator.functions.references import BadHandler, Program
from poker_signal.emulator.functions.runtime_api import Outcome, Reply, RuntimeApi

INIT_S = 10
"""Seconds of the init phase; then Lambda starts it anew, within the function's timeout."""

RETURN_S = 0.5
"""Seconds in which an environment with a result is expected to ask for its next event."""

MAX_WAITING = 1000
"""Most events that wait for an environment."""

STOP_S = 1
"""Seconds that the output of killed processes may take."""

Setup = Callable[[str], Mapping[str, str]]
"""Function from ``AWS_LAMBDA_RUNTIME_API`` to the variables of a process."""


class WaitingEvent(NamedTuple):
    """An event for a function, and the callback for its end."""

    request_id: str
    payload: bytes
    then: Callable[[Outcome], None]


# An environment and its pool
#
# An environment is starting until its runtime asks for the first event. Then it is idle (_asking
# holds the reply to the runtime's request) or busy (_invocation is what it runs). It is gone once
# its process has ended; `killed` ends it before, and each end of an environment passes `_gone`.
# The pool assigns waiting events to idle environments, the one used last first. It starts another
# if more events wait than environments start or are about to ask again (is_returning). One that
# fails to start takes the event that has waited longest with it, so that a function that never
# starts cannot be started for ever.
# `--reload`: `renew` starts an environment with the new code. Once that is idle, all older ones are
# retired: the idle ones are killed at once, the busy ones after their event. If it fails to start,
# the older ones go on.
# Everything here runs on the event loop; only Process has threads.
class ProcessFunction:
    """Integration that runs a program, with one event at a time in each of its environments."""

    def __init__(
        self,
        function: Function,
        program: Program,
        setup: Setup,
        facts: Mapping[str, object],
        api: RuntimeApi,
        clock: Clock,
    ) -> None:
        """``facts`` are the argument of our bootstraps."""
        self.function, self.program, self.api, self.clock = function, program, api, clock
        self.setup, self.facts = setup, facts
        self._environments: set[Environment] = set()
        self._idle: list[Environment] = []
        self._waiting: deque[WaitingEvent] = deque()
        self._starts: dict[Environment, asyncio.Future[Raised | None]] = {}
        """The environments that are started ahead of an event."""
        self._stopped = False

    def invoke(self, event: Mapping[str, Any], may_forward: bool = False) -> Result | Running:
        """Run the program with an event."""
        if not self.function.may_be_invoked:
            return NotInvokable()
        running = Running()

        def ended(outcome: Outcome) -> None:
            running.finish(result_of(outcome) if isinstance(outcome, bytes) else outcome)

        return self.call(json.dumps(event).encode(), ended) or running

    def call(self, payload: bytes, then: Callable[[Outcome], None]) -> NotInvokable | None:
        """Start an invocation; return why it cannot start, or None."""
        if len(self._waiting) >= MAX_WAITING:
            return NotInvokable(f"throttled, {MAX_WAITING} events are waiting")
        self._waiting.append(WaitingEvent(str(uuid.uuid4()), payload, then))
        self._assign()
        return None

    async def start(self) -> Raised | None:
        """Start an environment ahead of the first event; return its error, or None.

        Also None after INIT_S: Lambda starts a slow function with the next event once more.
        """
        started = self.renew()
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(started), INIT_S)
        return None

    def renew(self) -> "asyncio.Future[Raised | None]":
        """Start an environment that replaces all others; the future holds its error, or None."""
        environment = self._start()
        future = self._starts[environment] = asyncio.get_running_loop().create_future()
        return future

    def stop(self) -> None:
        """Kill all environments, and wait for their last output."""
        self._stopped = True
        processes = [each.process for each in self._environments if each.process is not None]
        for environment in list(self._environments):
            environment.kill()
        ends = time.monotonic() + STOP_S
        for process in processes:
            process.join(max(ends - time.monotonic(), 0))

    def say(self, words: str) -> None:
        """Write a line about the function to stderr."""
        show(f"{self.function.name}: {words}\n".encode())

    def _assign(self) -> None:
        while self._waiting and self._idle:
            self._idle.pop().run(self._waiting.popleft())
        current = [each for each in self._environments if not each.is_retired]
        starting = sum(each.is_starting for each in current if each not in self._starts)
        returning = [each for each in current if each.is_returning]
        free = self.function.concurrency - len(current)
        for _ in range(min(len(self._waiting) - starting - len(returning), free)):
            if not self._stopped:
                self._start()
        if self._waiting and returning:
            asyncio.get_running_loop().call_later(RETURN_S, self._wait_no_longer, returning)

    def _wait_no_longer(self, returning: "list[Environment]") -> None:
        for each in returning:
            each.is_returning = False
        self._assign()

    def _start(self) -> "Environment":
        environment = Environment(self)
        self._environments.add(environment)
        asyncio.get_running_loop().call_soon(environment.start)
        return environment

    # Called by environments.

    def replaces(self, environment: "Environment") -> bool:
        """Tell whether an environment has new code, and others run with the old one."""
        return environment in self._starts and not all(
            each.is_starting for each in self._environments
        )

    def became_idle(self, environment: "Environment", cold_s: float | None) -> None:
        """Give an environment its next event; ``cold_s`` are the seconds of a cold start."""
        if cold_s is not None:
            self.say(f"cold start, {cold_s:.2f} s")
        if (started := self._starts.pop(environment, None)) is not None:
            for other in self._environments - {environment}:
                other.is_retired = True
            for other in self._idle:
                other.kill()
            self._idle.clear()
            if not started.done():
                started.set_result(None)
        if environment.is_retired:
            environment.kill()
            return
        self._idle.append(environment)
        self._assign()

    def gone(self, environment: "Environment", error: Raised | None) -> None:
        """Remove an environment; ``error``: it has failed to start."""
        self._environments.discard(environment)
        with contextlib.suppress(ValueError):
            self._idle.remove(environment)
        started = self._starts.pop(environment, None)
        if started is not None:
            if not started.done():
                started.set_result(error)
        elif error is not None and self._waiting:
            self._waiting.popleft().then(error)
        self._assign()


class Environment:
    """One process of a function, as the client of the Runtime API."""

    def __init__(self, pool: ProcessFunction) -> None:
        self.process: Process | None = None
        self.is_starting = True
        self.is_retired = False
        self.is_returning = False
        """True from a result until the runtime asks for the next event, for RETURN_S at most."""
        self._pool = pool
        self._path = ""
        self._asking: Reply | None = None
        self._invocation: WaitingEvent | None = None
        self._timer: Timer | None = None
        self._init_error: Raised | None = None
        self._attempts = 0
        self._is_gone = False
        self._begun_s = 0.0

    def start(self) -> None:
        """Start the process; again if its init phase was too long."""
        pool, loop = self._pool, asyncio.get_running_loop()
        if self._is_gone:
            return
        self._attempts += 1
        attempt, self._begun_s = self._attempts, time.monotonic()
        if self._path:
            pool.api.remove(self._path)
        self._path, address = pool.api.add(self)

        def ended(code: int) -> None:
            # RuntimeError: the emulator has stopped meanwhile, and its event loop is closed.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._exited, attempt, code)

        command = pool.program.with_argument(pool.facts)
        try:
            self.process = Process(command, pool.setup(address), pool.program.root, ended)
        except OSError as error:
            words = f"{error.filename or command[0]}: {error.strerror}"
            self._gone(Raised(f"{words}; it cannot be started", "Runtime.InvalidEntrypoint"))
            return
        if attempt == 1:
            self._timer = loop.call_later(INIT_S, self._init_is_long)
        else:
            timeout_s = pool.function.timeout_s
            self._timer = pool.clock.call_later(timeout_s, self._timed_out)

    def kill(self) -> None:
        """End the environment; what it runs fails."""
        if self.process is not None:
            self.process.kill()
        self._gone(None)

    def run(self, invocation: WaitingEvent) -> None:
        """Give the waiting runtime an event."""
        reply, self._asking, self._invocation = self._asking, None, invocation
        assert reply is not None, "it is idle"
        function = self._pool.function
        self._timer = self._pool.clock.call_later(function.timeout_s, self._timed_out)
        deadline_ms = time.time_ns() // 1_000_000 + round(function.timeout_s * 1000)
        trace = uuid.uuid4().hex
        headers = [
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", function.arn),
            ("Lambda-Runtime-Trace-Id", f"Root=1-{trace[:8]}-{trace[8:]};Sampled=0"),
        ]
        reply(Answer(200, invocation.payload, headers))

    # Called by the Runtime API.

    def next_event(self, reply: Reply) -> None:
        """Answer with the next event, now or later."""
        if self._invocation is not None:
            words = "the runtime asked for the next event before it has answered this one"
            self._fail(Raised(words, "Runtime.InvalidState"))
            return
        self._cancel_timer()
        self.is_returning = False
        was_asking, self._asking = self._asking is not None, reply
        if not was_asking:
            cold_s = time.monotonic() - self._begun_s if self.is_starting else None
            self.is_starting = False
            self._pool.became_idle(self, cold_s)

    def ended(self, request_id: str, outcome: Outcome) -> bool:
        """Take the end of an invocation; False: this is not the one that runs."""
        if self._invocation is None or self._invocation.request_id != request_id:
            return False
        self.is_returning = True
        self._finish(outcome)
        return True

    def init_failed(self, error: Raised) -> None:
        """Keep the error until the process ends."""
        self._init_error = error

    # Ends.

    def _finish(self, outcome: Outcome) -> None:
        self._cancel_timer()
        invocation, self._invocation = self._invocation, None
        assert invocation is not None, "an event runs"
        invocation.then(outcome)

    def _fail(self, error: Raised) -> None:
        """End the environment together with what it runs."""
        self._pool.say(f"{error.type}: {error.message}")
        self._gone(error)

    def _init_is_long(self) -> None:
        if self._pool.replaces(self):
            words = f"init took more than {INIT_S} s"
            self._fail(Raised(words, "Runtime.InitTimeout"))
            return
        self._pool.say(f"init took more than {INIT_S} s; it starts once more")
        assert self.process is not None, "it has started"
        self.process.kill()
        self.start()

    def _timed_out(self) -> None:
        words = f"Task timed out after {self._pool.function.timeout_s:.2f} seconds"
        self._fail(Raised(words, "Sandbox.Timedout"))

    def _exited(self, attempt: int, code: int) -> None:
        if attempt != self._attempts or self._is_gone:
            return
        if self._init_error is not None:
            self._gone(self._init_error)
            return
        status = f"signal {-code}" if code < 0 else f"exit status {code}"
        words = f"Runtime exited with error: {status}"
        if code == 0:
            words = "Runtime exited without providing a reason"
        error = Raised(words, "Runtime.ExitError")
        if self.is_starting or self._invocation is not None:
            self._fail(error)
        else:
            self._gone(None)

    def _gone(self, error: Raised | None) -> None:
        if self._is_gone:
            return
        self._is_gone = True
        self._cancel_timer()
        self._pool.api.remove(self._path)
        if self.process is not None:
            self.process.kill()
        if self._invocation is not None:
            self._finish(error or Raised("the environment was stopped", "Runtime.ExitError"))
            error = None
        self._pool.gone(self, error)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def unstarted(reference: str, error: Raised, root: Path) -> BadHandler:
    """Return the exception for a handler whose first environment has failed."""
    where = f"{error.place[0]}:{error.place[1]}: " if error.place else ""
    hint = ""
    if re.search(rf"No module named '{re.escape(root.name)}\b|relative import", error.message):
        inner = f"{root.name}.{Path(reference.rpartition(':')[0]).stem}"
        hint = f"; imports begin in {root}: for {root.parent}, the handler is {inner}:FUNCTION"
    return BadHandler(f"{reference}: {where}{error.message}{hint}")
