"""The hosts under test, each in the hands of a schedule.

- ``LambdaFunction``: the real function in as many containers as run at once. Every call of AWS
  and every sleep is a greenlet's switch to the scheduler, which decides who goes on.
- ``InProcess``: the core as the emulator runs it, one event after the other.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from greenlet import greenlet

from poker_signal.core.aws_event import Identity
from poker_signal.core.configuration import Rules
from poker_signal.core.model import ConnectionId, Row
from poker_signal.emulator.aws.connections import ConnectionInfo
from poker_signal.emulator.aws.results import Forward, Raised, Returned
from poker_signal.emulator.functions.signaling import SignalingFunction
from poker_signal.lambda_app.environment import FunctionSettings
from poker_signal.lambda_app.handler import SignalingHandler
from poker_signal.lambda_app.management_api import ManagementApi
from poker_signal.lambda_app.table import DynamoTable
from tests.adversity.world import Gateway
from tests.support.dynamodb import TABLE, DynamoDB

if TYPE_CHECKING:
    from tests.adversity.schedule import Schedule, Task

IDENTITY: Identity = {"sourceIp": "192.0.2.1"}


class Killed(BaseException):
    """Lambda ended the container: out of time, out of memory, or out of luck."""


class LambdaFunction:
    """The function, its containers, its DynamoDB and its ``@connections``."""

    def __init__(self, schedule: "Schedule", lagging: bool) -> None:
        self._schedule = schedule
        self.dynamodb = DynamoDB(self._pause, lagging)
        self.dynamodb.on_query = schedule.on_query
        self.gateway = Gateway(self._pause)
        self._table = DynamoTable(self.dynamodb, TABLE)
        self._connections = ManagementApi(self.gateway)
        self._idle: list[SignalingHandler] = []
        self._running: dict[Task, greenlet] = {}
        self._hub = greenlet.getcurrent()

    def start(self, task: "Task") -> None:
        """Begin an invocation in a container that is free, or in a new one."""
        self._running[task] = greenlet(self._run, self._hub)
        self.resume(task)

    def resume(self, task: "Task", error: BaseException | None = None) -> None:
        """Let an invocation go on until it waits again."""
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
        """Return whose rows the table has."""
        return {*self.dynamodb.items}

    def indexed(self) -> set[str]:
        """Return whose rows the index has."""
        return {*self.dynamodb.index}

    def rows(self) -> list[Row]:
        """Return the rows of the table."""
        found = [self._table.row(ConnectionId(key)) for key in sorted(self.dynamodb.items)]
        return [row for row in found if row is not None]

    def _run(self, task: "Task") -> None:
        try:
            self._pause("starts")
            container = self._idle.pop() if self._idle else self._new_container()
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
            FunctionSettings(TABLE, Rules(), "https://management.example"),
            self._table,
            lambda _: self._connections,
            self._sleep,
            self._now_s,
            self._now_s,
        )

    def _pause(self, what: str) -> None:
        if self._schedule.current is not None:
            if "→" in what or "sleep" in what:  # it has taken effect
                self._schedule.tell(what)
            self._schedule.current.waits_for = what
            self._hub.switch()

    def _now_s(self) -> float:
        return self._schedule.now_ms / 1000

    def _sleep(self, seconds: float) -> None:
        task = self._schedule.current
        assert task is not None
        task.wake_ms = self._schedule.now_ms + round(seconds * 1000)
        self._pause(f"sleep {seconds} s")


class CoreConnections:
    """``@connections`` as the emulator's function calls them, in the same world."""

    def __init__(self, gateway: Gateway) -> None:
        self._management = ManagementApi(gateway)

    def post(self, connection_id: str, data: str) -> bool:
        """Send a text frame; False: the connection is gone."""
        return self._management.post(ConnectionId(connection_id), data)

    def get(self, connection_id: str) -> ConnectionInfo | None:
        """Return that a connection is open; None: it is gone."""
        is_open = self._management.is_open(ConnectionId(connection_id))
        return ConnectionInfo(0, 0, IDENTITY) if is_open else None

    def delete(self, connection_id: str) -> bool:
        """Close a connection; False: it was gone."""
        return self._management.close(ConnectionId(connection_id))


class InProcess:
    """The emulator's host: an invocation is over before the next event comes."""

    def __init__(self, schedule: "Schedule", lagging: bool) -> None:
        self._schedule = schedule
        self.gateway = Gateway(schedule.tell)
        self._connections = CoreConnections(self.gateway)
        self._host = SignalingFunction(self._connections, Rules())

    def start(self, task: "Task") -> None:
        """Run an invocation to its end."""
        outer, self._schedule.current = self._schedule.current, task
        result = self._host.invoke(task.event, may_forward=True)
        if isinstance(result, Forward):
            # As the gateway does.
            is_open = self._connections.post(result.connection_id, result.frame)
            result = result.result if is_open else self._host.invoke(task.event)
        self._schedule.current = outer
        if isinstance(result, Returned):
            self._schedule.ended(task, result.value)
        else:
            assert isinstance(result, Raised)
            self._schedule.ended(task, RuntimeError(str(result)))

    def resume(self, task: "Task", error: BaseException | None = None) -> None:
        """Nothing waits here."""
        raise AssertionError(f"#{task.number} is over")

    def stored(self) -> set[str]:
        """Return whose rows the table has."""
        return {row.connection_id for row in self.rows()}

    indexed = stored

    def rows(self) -> list[Row]:
        """Return the rows of the table."""
        found = [self._host.table.row(ConnectionId(key)) for key in self.gateway.connections]
        return [row for row in found if row is not None]


Host = LambdaFunction | InProcess
"""What runs the rules."""

MakeHost = Callable[["Schedule", bool], Host]

HOSTS: dict[str, MakeHost] = {"lambda": LambdaFunction, "core": InProcess}
