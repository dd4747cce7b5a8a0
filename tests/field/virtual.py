"""Both hosts in virtual time: hours of a table take a second, and two runs are the same.

- ``core``: the emulator's own rules.
- ``lambda``: the Lambda function behind the emulator, in as many containers as run at once. Each
  call to AWS takes some virtual milliseconds, in which other invocations go on (greenlets, no
  threads). DynamoDB and SQS are doubles: moto's queue brings nothing back by itself.
"""

import json
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

from greenlet import getcurrent, greenlet

from poker_signal.emulator import wiring
from poker_signal.emulator.aws.connections import Connections
from poker_signal.emulator.aws.results import Raised, Result, Returned, Running
from poker_signal.emulator.aws.throttling import LimitExceeded
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.gateway.routes import Api, Route
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.trace import Trace
from poker_signal.lambda_app.environment import FunctionSettings
from poker_signal.lambda_app.handler import SignalingHandler
from poker_signal.lambda_app.later_queue import SOURCE, LaterQueue
from poker_signal.lambda_app.management_api import ManagementApi
from poker_signal.lambda_app.table import DynamoTable
from tests.support.dynamodb import TABLE, DynamoDB, client_error
from tests.support.virtual_time import LoopTime

CALL_S = (0.002, 0.006)
"""Half of a call to AWS: until it takes effect, or from then to its answer."""

POLL_S = (0.0, 1.1)
"""From the end of a note's delay to the invocation; up to 1.1 s were seen."""

VISIBILITY_S = 30
"""Until a note that failed comes once more."""


class Sqs:
    """A queue with delays, and the poller that invokes the function with its messages."""

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self.is_down = False
        self.brings: Callable[[dict[str, Any]], list[float]] = lambda body: [0.0]
        """Returns for a message the seconds after its time at which it comes, each a delivery."""
        self.sent: list[dict[str, Any]] = []
        self.invoke: Callable[[Mapping[str, Any]], Running]
        self._clock = clock
        self._chance = chance

    def send_message(self, *, QueueUrl: str, DelaySeconds: int, MessageBody: str) -> None:
        """Take a message."""
        if self.is_down:
            raise client_error("ServiceUnavailable", 503)
        body = json.loads(MessageBody)
        self.sent.append(body)
        message = {
            "messageId": f"n{len(self.sent)}",
            "eventSource": SOURCE,
            "body": MessageBody,
        }
        for more_s in self.brings(body):
            self._bring(message, DelaySeconds + more_s)

    def _bring(self, message: dict[str, str], after_s: float) -> None:
        def come() -> None:
            self.invoke({"Records": [message]}).then(returned)

        def returned(result: Result) -> None:
            if not isinstance(result, Returned) or result.value != {"batchItemFailures": []}:
                self._bring(message, VISIBILITY_S)

        self._clock.call_later(after_s + self._chance.uniform(*POLL_S), come)


class _Queue(LaterQueue):
    """The function's queue with a double as its client."""

    def __init__(self, sqs: Sqs) -> None:
        super().__init__("https://sqs.example/later")
        self._client = sqs


class _Management:
    """``@connections`` with the methods of botocore's client."""

    def __init__(self, connections: Connections, clock: Clock, pause: Callable[[], None]) -> None:
        self._connections = connections
        self._clock = clock
        self._pause = pause

    def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:
        """Send a frame."""
        self._call(lambda: self._connections.post(ConnectionId, Data.decode()))

    def get_connection(self, *, ConnectionId: str) -> None:
        """Check that a connection is open."""
        self._call(lambda: self._connections.get(ConnectionId) is not None)

    def delete_connection(self, *, ConnectionId: str) -> None:
        """Close a connection; its ``$disconnect`` is no part of this invocation."""
        self._call(lambda: self._connections.get(ConnectionId) is not None)
        self._clock.call_later(0, lambda: self._delete(ConnectionId))

    def close(self) -> None:
        """Do nothing, as there are no TCP connections."""

    def _delete(self, connection_id: str) -> None:
        self._connections.delete(connection_id)

    def _call(self, call: Callable[[], bool]) -> None:
        self._pause()
        try:
            is_found = call()
        except LimitExceeded as error:
            raise client_error("LimitExceededException", 429) from error
        finally:
            self._pause()
        if not is_found:
            raise client_error("GoneException", 410)


class LambdaFunction:
    """Integration that runs the Lambda function's handler in greenlets, by the clock of a loop."""

    def __init__(
        self, connections: Connections, settings: Settings, clock: Clock, queue: Sqs | None
    ) -> None:
        self._clock = clock
        self._chance = random.Random(0)
        self._hub = getcurrent()
        self._settings = FunctionSettings(TABLE, settings.rules(), "https://api.example/prod")
        self.dynamodb = DynamoDB(lambda what: self._pause())
        self._table = DynamoTable(self.dynamodb, TABLE)
        management = _Management(connections, clock, self._pause)
        self._management = ManagementApi(management, self._now_s)
        self._queue = queue
        if queue is not None:
            queue.invoke = self.invoke
        self._idle: list[SignalingHandler] = []

    def invoke(self, event: Mapping[str, Any], may_forward: bool = False) -> Running:
        """Run the handler until its first call to AWS."""
        running, text = Running(), json.dumps(event)
        greenlet(lambda: self._run(json.loads(text), running), self._hub).switch()
        return running

    def _run(self, event: Any, running: Running) -> None:
        container = self._idle.pop() if self._idle else self._new_container()
        try:
            result: Result = Returned(container(event, None))
        except Exception as error:
            result = Raised(str(error))
        self._idle.append(container)
        # On the loop, as another invocation may follow.
        self._clock.call_later(0, lambda: running.finish(result))

    def _new_container(self) -> SignalingHandler:
        return SignalingHandler(
            self._settings,
            self._table,
            lambda _: self._management,
            self._sleep,
            self._now_s,
            queue=None if self._queue is None else _Queue(self._queue),
        )

    def _pause(self) -> None:
        self._sleep(self._chance.uniform(*CALL_S))

    def _sleep(self, seconds: float) -> None:
        if getcurrent() is not self._hub:
            self._clock.call_later(seconds, getcurrent().switch)
            self._hub.switch()

    def _now_s(self) -> float:
        return self._clock.now_ms() / 1000


class Stage(NamedTuple):
    """An emulator in virtual time."""

    url: str
    faults: Faults
    trace: Trace
    emulator: Emulator
    log: list[dict[str, Any]]
    """Lines of the Lambda function's log."""
    queue: Sqs | None
    """The queue of the Lambda function. None: the emulator's clock does its work."""


@asynccontextmanager
async def serving(
    handler: str,
    *specs: str,
    seed: int = 0,
    later: bool = True,
    auto_join: bool = False,
    **settings: Any,
) -> AsyncGenerator[Stage, None]:
    """Serve ``core`` or ``lambda`` with faults; call it on a loop in virtual time."""
    clock, faults = LoopTime(), Faults(specs, seed)
    of_stage = Settings(port=0, later=later, auto_join=auto_join, **settings)
    emulator = Emulator(of_stage, clock=clock, faults=faults)
    log: list[dict[str, Any]] = []
    queue = None
    with ExitStack() as patches:
        if handler == "lambda":
            queue = Sqs(clock, random.Random(seed)) if later else None

            def api(settings: Settings, connections: Connections, faults: Faults) -> Api:
                route = Route(LambdaFunction(connections, settings, clock, queue))
                return Api(dict.fromkeys(("$connect", "$disconnect", "$default"), route))

            time = SimpleNamespace(
                time_ns=lambda: clock.now_ms() * 1_000_000,
                perf_counter=lambda: clock.now_ms() / 1000,
            )
            for target, double in (
                ("poker_signal.lambda_app.handler.time", time),
                ("poker_signal.lambda_app.log.write", log.append),
            ):
                patches.enter_context(mock.patch(target, double))
            patches.enter_context(mock.patch.object(wiring, "signaling_api", api))
        async with emulator:
            yield Stage(emulator.url, faults, emulator.trace, emulator, log, queue)
