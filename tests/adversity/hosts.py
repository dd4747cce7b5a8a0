"""The hosts under test, each controlled by a schedule.

- ``LambdaFunction``: the real function in as many containers as run at once. Every AWS call and
  every sleep switches to the scheduler's greenlet, which decides which invocation continues.
- ``InProcess``: the core as the emulator runs it, where events overlap only while one waits.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from greenlet import greenlet

from poker_signal.core.aws_event import Identity
from poker_signal.core.model import ConnectionId, Later, Note, Row
from poker_signal.emulator.aws.connections import ConnectionInfo
from poker_signal.emulator.aws.results import Forward, Raised, Returned, Running
from poker_signal.emulator.clock import Timer
from poker_signal.emulator.functions.signaling import SignalingFunction
from poker_signal.lambda_app.environment import FunctionSettings
from poker_signal.lambda_app.handler import SignalingHandler
from poker_signal.lambda_app.later_queue import SOURCE, LaterQueue
from poker_signal.lambda_app.management_api import ManagementApi
from poker_signal.lambda_app.table import DynamoTable
from tests.adversity.world import Gateway
from tests.support.dynamodb import TABLE, DynamoDB

if TYPE_CHECKING:
    from tests.adversity.schedule import Schedule, Task

IDENTITY: Identity = {"sourceIp": "192.0.2.1"}


class Killed(BaseException):
    """Raised in an invocation whose container Lambda ends, for example at its timeout."""


class Queue(LaterQueue):
    """The queue of what is due later; the schedule decides when a note comes back."""

    def __init__(self, schedule: "Schedule", pause: Callable[[str], None]) -> None:
        super().__init__("https://sqs.example/later")
        self._schedule = schedule
        self._pause = pause
        self._client = self

    def send(self, effect: Later, endpoint: str) -> None:
        """Send a note, as text."""
        self._sent = effect
        super().send(effect, endpoint)

    def send_message(self, *, QueueUrl: str, DelaySeconds: int, MessageBody: str) -> None:
        """Take a message, with the name and the arguments of botocore's client."""
        effect = self._sent
        self._pause("SendMessage")
        batch = {"Records": [{"messageId": "n", "eventSource": SOURCE, "body": MessageBody}]}
        self._schedule.plan(effect.note, DelaySeconds, batch)
        self._pause("SendMessage → 200")


class LambdaFunction:
    """The function, its containers, its DynamoDB and its ``@connections``."""

    def __init__(self, schedule: "Schedule", lagging: bool) -> None:
        self._schedule = schedule
        self.dynamodb = DynamoDB(self._pause, lagging)
        self.dynamodb.on_query = schedule.on_query
        self.gateway = Gateway(self._pause)
        self._table = DynamoTable(self.dynamodb, TABLE)
        self._connections = ManagementApi(self.gateway, self._now_s)
        self._idle: list[SignalingHandler] = []
        self._running: dict[Task, greenlet] = {}
        self._hub = greenlet.getcurrent()

    def start(self, task: "Task") -> None:
        """Start an invocation in an idle container, or in a new one."""
        self._running[task] = greenlet(self._run, self._hub)
        self.resume(task)

    def resume(self, task: "Task", error: BaseException | None = None) -> None:
        """Run an invocation until its next wait; raise `error` in it first if there is one."""
        running = self._running[task]
        task.wake_ms = None
        self._schedule.current = task
        if error is not None:
            running.throw(error)
        else:
            running.switch(task)
        self._schedule.current = None
        if running.dead:
            del self._running[task]

    def stored(self) -> set[str]:
        """Return the connection ids of the rows in the table, without reservations."""
        return {key for key, item in self.dynamodb.items.items() if "leftAt" not in item}

    def indexed(self) -> set[str]:
        """Return the connection ids of the rows in the index, without reservations."""
        return {key for key, item in self.dynamodb.index.items() if "leftAt" not in item}

    def reserved(self, in_index: bool = False) -> dict[str, int]:
        """Return the connection ids of the reservations, and the time at which each expires."""
        items = self.dynamodb.index if in_index else self.dynamodb.items
        return {key: int(item["ttl"]["N"]) for key, item in items.items() if "leftAt" in item}

    def rows(self) -> list[Row]:
        """Return the rows of the table."""
        found = [self._table.row(ConnectionId(key)) for key in sorted(self.dynamodb.items)]
        return [row for row in found if row is not None]

    def _run(self, task: "Task") -> None:
        try:
            self._pause("starts")
            self._schedule.reorder(self._idle)
            container = self._idle.pop() if self._idle else self._new_container()
            task.container = container
            response = container(task.event, None)
        except Killed:
            self._schedule.killed(task)
            return
        except ClientError as error:
            self._schedule.ended(task, error)
        else:
            self._idle.append(container)
            self._schedule.ended(task, response)

    def _new_container(self) -> SignalingHandler:
        return SignalingHandler(
            FunctionSettings(TABLE, self._schedule.rules, "https://management.example"),
            self._table,
            lambda _: self._connections,
            self._sleep,
            self._now_s,
            queue=Queue(self._schedule, self._pause) if self._schedule.rules.later else None,
        )

    def _pause(self, what: str) -> None:
        if self._schedule.current is not None:
            if "→" in what or "sleep" in what:  # log a call once, after it has taken effect
                self._schedule.tell(what)
            self._schedule.current.waits_for = what
            self._hub.switch()

    def _now_s(self) -> float:
        return self._schedule.now_ms / 1000

    def _sleep(self, seconds: float) -> None:
        task = self._schedule.current
        assert task is not None
        self._schedule.sleeps(task, seconds)
        self._pause(f"sleep {seconds} s")


class CoreConnections:
    """``@connections`` as the emulator's function calls it, on the schedule's gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._management = ManagementApi(gateway)

    def post(self, connection_id: str, data: str) -> bool:
        """Send a text frame; False: the connection is gone."""
        return self._management.post(ConnectionId(connection_id), data)

    def get(self, connection_id: str) -> ConnectionInfo | None:
        """Return facts about an open connection; None: it is gone."""
        is_open = self._management.is_open(ConnectionId(connection_id))
        return ConnectionInfo(0, 0, IDENTITY) if is_open else None

    def delete(self, connection_id: str) -> bool:
        """Close a connection; False: it was gone."""
        return self._management.close(ConnectionId(connection_id))


class Timers:
    """The clock of the emulator's function: a timer resumes the invocation that set it."""

    def __init__(self, schedule: "Schedule") -> None:
        self._schedule = schedule
        self.pending: dict[Task, Callable[[], None]] = {}
        self.planning: Note | None = None
        """The note whose timer is being set."""

    def now_ms(self) -> int:
        """Return the schedule's time in epoch milliseconds."""
        return self._schedule.now_ms

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Let the current invocation sleep until the callback, or plan what is due later."""
        if self.planning is not None:
            self._schedule.plan(self.planning, delay_s, callback)
            return _NoTimer()
        task = self._schedule.current
        assert task is not None
        self._schedule.sleeps(task, delay_s)
        self.pending[task] = callback
        return _NoTimer()


class _NoTimer:
    def cancel(self) -> None:
        raise AssertionError("a wait is never cancelled")


class _Function(SignalingFunction):
    """The emulator's function, which says for which note it sets a timer."""

    def __init__(self, connections: CoreConnections, schedule: "Schedule", timers: Timers) -> None:
        super().__init__(connections, schedule.rules, timers)
        self._timers = timers

    def plan(self, note: Note, due_ms: int) -> None:
        """Set the timer."""
        self._timers.planning = note
        super().plan(note, due_ms)
        self._timers.planning = None


class InProcess:
    """The emulator's host: each invocation ends before the next event comes, unless it waits."""

    def __init__(self, schedule: "Schedule", lagging: bool) -> None:
        self._schedule = schedule
        self.gateway = Gateway(schedule.tell)
        self._connections = CoreConnections(self.gateway)
        self._timers = Timers(schedule)
        self._host = _Function(self._connections, schedule, self._timers)

    def start(self, task: "Task") -> None:
        """Run an invocation until its end, or its first wait."""
        task.container = self
        self._schedule.current = task
        if task.kind == "due":
            task.event()
            self._ended(task, Returned({"batchItemFailures": []}))
            return
        result = self._host.invoke(task.event, may_forward=True)
        if isinstance(result, Forward):
            # As the gateway does.
            is_open = self._connections.post(result.connection_id, result.frame)
            result = result.result if is_open else self._host.invoke(task.event)
        self._schedule.current = None
        if isinstance(result, Running):
            result.then(partial(self._ended, task))
        else:
            self._ended(task, result)

    def resume(self, task: "Task", error: BaseException | None = None) -> None:
        """Let a waiting invocation go on; with an error, the emulator has stopped it."""
        task.wake_ms = None
        go_on = self._timers.pending.pop(task)
        if error is not None:
            self._schedule.killed(task)
            return
        self._schedule.current = task
        go_on()
        self._schedule.current = None

    def _ended(self, task: "Task", result: object) -> None:
        self._schedule.current = None
        if isinstance(result, Returned):
            self._schedule.ended(task, result.value)
        else:
            assert isinstance(result, Raised)
            self._schedule.ended(task, RuntimeError(str(result)))

    def stored(self) -> set[str]:
        """Return the connection ids of the rows in the table, without reservations."""
        return {row.connection_id for row in self.rows() if row.left_at is None}

    indexed = stored

    def reserved(self, in_index: bool = False) -> dict[str, int]:
        """Return the connection ids of the reservations, and the time at which each expires."""
        return {row.connection_id: row.ttl for row in self.rows() if row.left_at is not None}

    def rows(self) -> list[Row]:
        """Return the rows of the table."""
        found = [self._host.table.row(ConnectionId(key)) for key in self.gateway.connections]
        return [row for row in found if row is not None]


Host = LambdaFunction | InProcess
"""A host: one of the programs that run the rules."""

MakeHost = Callable[["Schedule", bool], Host]

HOSTS: dict[str, MakeHost] = {"lambda": LambdaFunction, "core": InProcess}
