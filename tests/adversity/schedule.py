"""One schedule: clients, API Gateway and a host, step by step, and the story of it."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from poker_signal.core.model import ConnectionId
from poker_signal.emulator.aws.events import Facts, connect_event, disconnect_event, message_event
from poker_signal.emulator.aws.http import Request
from tests.adversity import properties
from tests.adversity.hosts import Killed, MakeHost
from tests.adversity.world import LIFETIME_MS, Connection, Said
from tests.support.dynamodb import Item, client_error

BEGIN_MS = 1_707_503_000_000
LAMBDA_TIMEOUT_MS = 28_000

Kind = Literal["$connect", "$default", "$disconnect"]


@dataclass(eq=False)
class Task:
    """An invocation."""

    number: int
    kind: Kind
    connection: Connection
    event: Any
    started_ms: int
    said: Said | None = None
    firm: list[Connection] = field(default_factory=list)
    """Who was connected and in the index when it began."""
    had_row: bool = False
    """Whether its own connection was in the table when it began."""
    seen: list[Connection] = field(default_factory=list)
    """Whose rows it saw, late as the index may be."""
    answers: list[str] = field(default_factory=list)
    """Codes and types that its connection was told, or would have been."""
    waits_for: str = ""
    wake_ms: int | None = None
    is_over: bool = False
    had_fault: bool = False


class Schedule:
    """Whatever happens, happens through one of these methods; each tells of it."""

    def __init__(self, make_host: MakeHost, lagging: bool = False) -> None:
        self.now_ms = BEGIN_MS
        self.story: list[str] = []
        self.tasks: list[Task] = []
        self.current: Task | None = None
        self.connections: list[Connection] = []
        self.said: list[Said] = []
        self.offered: set[tuple[Connection, Connection]] = set()
        """Pairs of which the second got an offer or answer from the first."""
        self.unheard_of: list[Connection] = []
        """Closed connections whose ``$disconnect`` is still to come."""
        self.violation: properties.Violation | None = None
        self.reorder: Callable[[list[Item]], None] = lambda items: None
        self._numbers = 0
        self.host = make_host(self, lagging)
        self.gateway = self.host.gateway
        self.gateway.on_frame = self._on_frame
        self.gateway.on_close = lambda connection: self._closed(connection, "by the host")

    # What clients do.

    def connect(self, key: str, game: str, player: str, session: str | None) -> Connection:
        """Let a client open a connection."""
        connection = Connection(ConnectionId(key), game, player, session, self.now_ms)
        self.connections.append(connection)
        self.gateway.connections[key] = connection
        self.tell(f"{key} connects as {player} of {game}, session {session}")
        query = f"?playerId={player}&gameId={game}" + (f"&session={session}" if session else "")
        request = Request("GET", f"/prod{query}", [("Host", "x")], "192.0.2.1")
        event = connect_event(_facts(connection), request, "r", "t", self.now_ms)
        self._invoke("$connect", connection, event)
        return connection

    def say(
        self, sender: Connection, type_: str, target: str = "HOST", id_: str | None = None
    ) -> Said:
        """Let a client send a message."""
        number = len(self.said)
        target = "HOST" if type_ == "join" else target
        members: dict[str, object] = {"type": type_, "targetId": target, "payload": number}
        text = json.dumps(members | ({"id": id_} if id_ else {}))
        said = Said(number, sender, type_, target, text)
        self.said.append(said)
        self.tell(f"{sender.key} ({sender.player}) says {type_} {number} to {target}")
        event = message_event(_facts(sender), "$default", text, "r", "m", self.now_ms)
        self._invoke("$default", sender, event, said)
        return said

    def close(self, connection: Connection, disconnects: int = 1) -> None:
        """Let a connection end; ``$disconnect`` is to come so many times."""
        self._closed(connection, f"by its client, {disconnects} × $disconnect", disconnects)

    def die_unnoticed(self, connection: Connection) -> None:
        """Let a client die, and API Gateway not notice, for as long as the schedule lasts."""
        self.tell(f"{connection.key} dies, and API Gateway does not notice")
        connection.is_stuck = True

    # What AWS does.

    def disconnect(self, connection: Connection) -> None:
        """Let ``$disconnect`` come."""
        self.unheard_of.remove(connection)
        event = disconnect_event(_facts(connection), 1001, "", "r", self.now_ms)
        self._invoke("$disconnect", connection, event)

    def go_on(self, task: Task) -> None:
        """Let an invocation make its next step."""
        self.host.resume(task)

    def fail(self, task: Task) -> None:
        """Let what an invocation waits for fail: a throttle, a 500."""
        task.had_fault = True
        self.tell(f"#{task.number} {task.waits_for}: fails")
        self.host.resume(task, client_error("InternalServerError", 500))

    def kill(self, task: Task) -> None:
        """End an invocation where it is."""
        self.host.resume(task, Killed())

    def pass_time(self, ms: int) -> None:
        """Let time pass; what has run or lived too long is ended."""
        self.now_ms += ms
        for task in self.running():
            if self.now_ms - task.started_ms > LAMBDA_TIMEOUT_MS:
                self.kill(task)
        for connection in self.connections:
            too_old = self.now_ms - connection.connected_ms >= LIFETIME_MS
            if too_old and connection.state == "open" and not connection.is_stuck:
                self._closed(connection, "after two hours")

    # What can be asked.

    def running(self) -> list[Task]:
        """Return the invocations that are not over."""
        return [task for task in self.tasks if not task.is_over]

    def runnable(self) -> list[Task]:
        """Return the invocations that can go on now."""
        return [
            task for task in self.running() if task.wake_ms is None or task.wake_ms <= self.now_ms
        ]

    def open(self) -> list[Connection]:
        """Return who is connected, and alive."""
        return [one for one in self.connections if one.state == "open" and not one.is_stuck]

    def by_key(self, keys: Iterable[str]) -> list[Connection]:
        """Return connections by their ids."""
        wanted = {*keys}
        return [one for one in self.connections if one.key in wanted]

    def tell(self, what: str) -> None:
        """Add to the story."""
        who = f"#{self.current.number} " if self.current else ""
        self.story.append(f"{(self.now_ms - BEGIN_MS) / 1000:9.3f}  {who}{what}")

    # What hosts report.

    def on_query(self, items: list[Item]) -> list[Item]:
        """Remember whom an invocation saw, in whatever order."""
        assert self.current is not None
        self.reorder(items)
        self.current.seen = self.by_key(item["connectionId"]["S"] for item in items)
        return items

    def killed(self, task: Task) -> None:
        """End an invocation that came to no end."""
        self.tell(f"{task.kind} is killed")
        task.is_over = True
        if task.kind == "$connect":
            task.connection.state = "refused"
            # Its row may be stored, and whoever takes over from that has its seat.
            properties.inherit_seat(task)

    def ended(self, task: Task, result: object) -> None:
        """Take the result of an invocation, as API Gateway does."""
        failed = isinstance(result, Exception)
        self.tell(f"{task.kind} → {type(result).__name__ if failed else result}")
        task.is_over = True
        if task.kind == "$connect":
            admitted = isinstance(result, dict) and result["statusCode"] == 200
            task.connection.state = "open" if admitted else "refused"
            task.connection.was_open = admitted
            task.connection.opened_ms = self.now_ms if admitted else None
            properties.inherit_seat(task)
        if self.violation is not None:
            raise self.violation
        if failed and not task.had_fault:
            raise properties.Violation(f"#{task.number} raised {result!r}")
        properties.check_end(self, task, result)

    def check(self) -> None:
        """Hold what must be true at any time."""
        if self.violation is not None:
            raise self.violation
        stored = self.host.stored()
        for connection in self.by_key(stored):
            connection.was_saved = True
            if connection.saved_ms is None:
                connection.saved_ms = self.now_ms
        properties.check_rows(self, stored)

    def _invoke(
        self, kind: Kind, connection: Connection, event: Any, said: Said | None = None
    ) -> None:
        self._numbers += 1
        task = Task(self._numbers, kind, connection, event, self.now_ms, said)
        stored, indexed = self.host.stored(), self.host.indexed()
        task.had_row = connection.key in stored
        task.firm = [
            one
            for one in self.by_key(stored & indexed)
            if one.state == "open" and one.game == connection.game
        ]
        task.seen = self.by_key(stored)
        self.tasks.append(task)
        self.tell(f"#{task.number} {kind} of {connection.key}")
        self.host.start(task)

    def _closed(self, connection: Connection, how: str, disconnects: int = 1) -> None:
        self.tell(f"{connection.key} is closed {how}")
        connection.state = "closed"
        connection.closed_ms = self.now_ms
        self.unheard_of += [connection] * disconnects

    def _on_frame(self, connection: Connection, text: str) -> None:
        frame = json.loads(text)
        self.tell(f"{connection.key} ({connection.player}) hears {text}")
        assert self.current is not None
        if "senderId" in frame:
            try:
                properties.check_delivery(self, self.current, connection, frame)
            except properties.Violation as violation:
                # A host under test may catch what is raised here.
                self.violation = self.violation or violation
        else:
            payload = frame.get("payload", {})
            self.current.answers.append(payload.get("code", frame["type"]))


def _facts(connection: Connection) -> Facts:
    identity: Any = {"sourceIp": "192.0.2.1"}
    return Facts(connection.key, connection.connected_ms, "prod", "x", "pokerlocal", identity)
