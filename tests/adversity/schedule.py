"""One schedule: clients, API Gateway and a host, step by step, with a log (the story)."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from poker_signal.core.configuration import Rules
from poker_signal.core.model import ConnectionId, Note
from poker_signal.emulator.aws.events import Facts, connect_event, disconnect_event, message_event
from poker_signal.emulator.aws.http import Request
from tests.adversity import due, properties
from tests.adversity.hosts import Killed, MakeHost
from tests.adversity.world import LIFETIME_MS, Connection, Said
from tests.support.dynamodb import Item, client_error

BEGIN_MS = 1_707_503_000_000
LAMBDA_TIMEOUT_MS = 28_000

Kind = Literal["$connect", "$default", "$disconnect", "due"]

BARE = Rules()


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
    """Connections of its game in the table and in the index when it began."""
    reserved: list[Connection] = field(default_factory=list)
    """The same for reservations."""
    had_row: bool = False
    """True if its own connection was in the table when it began."""
    was_known: bool = False
    """True if its own connection was in the table or in the index when it began."""
    was_listed: bool = False
    """True if its own connection was in the index when it began, or in a read of it."""
    seen: list[Connection] = field(default_factory=list)
    """Connections whose rows it read from the index, which may lag; at first those stored."""
    has_read: bool = False
    saw_lag: bool = False
    """True if a read of the index did not have its own connection."""
    lost: list[Connection] = field(default_factory=list)
    """Open connections that answered 410 once."""
    container: object = None
    """The container that runs it, or the emulator."""
    slept_ms: int = 0
    is_overdue: bool = False
    """True if it sent a candidate whose offer had not arrived."""
    answers: list[str] = field(default_factory=list)
    """Error codes, else types, of the frames that it posted other than relayed messages."""
    waits_for: str = ""
    wake_ms: int | None = None
    is_over: bool = False
    had_fault: bool = False
    had_note_fault: bool = False
    """True if only its own bookkeeping failed, which must not harm the message."""
    note: Note | None = None
    """The note that is due."""
    described: set[tuple[Connection, Connection]] = field(default_factory=set)
    """Pairs of sender and target of which an offer or answer was noted when it began."""
    delivers_again: bool = False


class Planned(NamedTuple):
    """A note that a host has asked to get back."""

    note: Note
    due_ms: int
    event: Any
    """A batch of the queue, or the callback of the emulator's timer."""


class Vain(NamedTuple):
    """A message that has waited for its target as long as it may, in vain."""

    task: Task
    at_ms: int
    is_certain: bool
    """True if its container gave up because of that, and not because it was slow."""

    def covers(self, said: Said, at_ms: int) -> bool:
        """Return whether a message is for the same name, so that it need not wait."""
        first = self.task.said
        assert first is not None
        is_same = (first.sender, first.target) == (said.sender, said.target)
        return is_same and at_ms // 1000 < self.task.started_ms // 1000 + properties.VAIN_FOR_S

    def is_known_to(self, task: Task) -> bool:
        """Return whether an invocation's container remembers it for certain."""
        is_same = self.task.container is task.container
        return self.is_certain and is_same and self.at_ms < task.started_ms


class Schedule:
    """The state of one schedule; every event is a method call and adds to the story."""

    def __init__(self, make_host: MakeHost, lagging: bool = False, rules: Rules = BARE) -> None:
        self.rules = rules
        self.is_lagging = lagging
        self.now_ms = BEGIN_MS
        self.story: list[str] = []
        self.tasks: list[Task] = []
        self.current: Task | None = None
        self.connections: list[Connection] = []
        self.said: list[Said] = []
        self.offered: set[tuple[Connection, Connection]] = set()
        """Pairs of sender and target: the target got an offer, an answer, or a late candidate."""
        self.described: dict[tuple[Connection, Connection], bool] = {}
        """Pairs of sender and target: an offer or answer arrived. True: that is noted."""
        self.planned: list[Planned] = []
        self.noted_ms: dict[tuple[Connection, Connection], int] = {}
        """Time at which the first of these invocations ended, by pair."""
        self.vain: list[Vain] = []
        self.unheard_of: list[Connection] = []
        """Closed connections whose ``$disconnect`` has not come yet."""
        self.violation: properties.Violation | None = None
        self.reorder: Callable[[list[Any]], None] = lambda items: None
        self._numbers = 0
        self.host = make_host(self, lagging)
        self.gateway = self.host.gateway
        self.gateway.on_frame = self._on_frame
        self.gateway.on_close = lambda connection: self._closed(connection, "by the host")
        self.gateway.on_loss = self._on_loss

    # Actions of clients.

    def connect(self, key: str, game: str, player: str, session: str | None) -> Connection:
        """Open a client's connection."""
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
        """Send a client's message."""
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
        """Close a connection; `disconnects` is the number of its ``$disconnect`` events."""
        self._closed(connection, f"by its client, {disconnects} × $disconnect", disconnects)

    def lose_next(self, connection: Connection) -> None:
        """Let the next post or probe of an open connection be answered 410."""
        self.tell(f"{connection.key} will seem gone once")
        connection.loses_next = True

    def die_unnoticed(self, connection: Connection) -> None:
        """Let a client die; API Gateway does not notice it during the schedule."""
        self.tell(f"{connection.key} dies, and API Gateway does not notice")
        connection.is_stuck = True

    # Actions of AWS.

    def disconnect(self, connection: Connection) -> None:
        """Invoke ``$disconnect`` for a closed connection."""
        self.unheard_of.remove(connection)
        event = disconnect_event(_facts(connection), 1001, "", "r", self.now_ms)
        self._invoke("$disconnect", connection, event)

    def bring(self, planned: Planned, again: bool = False) -> None:
        """Bring a note back, not before its time; with ``again``, it will come once more."""
        if not again:
            self.planned.remove(planned)
        if planned.due_ms > self.now_ms:
            self.pass_time(planned.due_ms - self.now_ms)
        (connection,) = self.by_key([planned.note.connection_id])
        self.tell(f"{planned.note} comes{', and not for the last time' if again else ''}")
        self._invoke("due", connection, planned.event, note=planned.note)

    def lose(self, planned: Planned) -> None:
        """Never bring a note back."""
        self.tell(f"{planned.note} is lost")
        self.planned.remove(planned)

    def go_on(self, task: Task) -> None:
        """Run an invocation until its next wait."""
        self.host.resume(task)

    def fail(self, task: Task) -> None:
        """Fail the call that an invocation waits for, with a 500."""
        is_reach = task.kind == "$default" and f"UpdateItem {task.connection.key}" in task.waits_for
        is_note = is_reach or task.waits_for.startswith("SendMessage")
        task.had_fault |= not is_note
        task.had_note_fault |= is_note
        self.tell(f"#{task.number} {task.waits_for}: fails")
        self.host.resume(task, client_error("InternalServerError", 500))

    def kill(self, task: Task) -> None:
        """Kill an invocation at its current wait."""
        self.host.resume(task, Killed())

    def pass_time(self, ms: int) -> None:
        """Advance the clock; end invocations at their timeout and connections after two hours."""
        self.now_ms += ms
        for task in self.running():
            if self.now_ms - task.started_ms > LAMBDA_TIMEOUT_MS:
                self.kill(task)
        for connection in self.connections:
            too_old = self.now_ms - connection.connected_ms >= LIFETIME_MS
            if too_old and connection.state == "open" and not connection.is_stuck:
                self._closed(connection, "after two hours")

    # Queries.

    def running(self) -> list[Task]:
        """Return the invocations that are not over."""
        return [task for task in self.tasks if not task.is_over]

    def runnable(self) -> list[Task]:
        """Return the invocations that can continue now."""
        return [
            task for task in self.running() if task.wake_ms is None or task.wake_ms <= self.now_ms
        ]

    def open(self) -> list[Connection]:
        """Return the open connections whose client is alive."""
        return [one for one in self.connections if one.state == "open" and not one.is_stuck]

    def by_key(self, keys: Iterable[str]) -> list[Connection]:
        """Return connections by their ids."""
        wanted = {*keys}
        return [one for one in self.connections if one.key in wanted]

    def tell(self, what: str) -> None:
        """Add an entry to the story."""
        who = f"#{self.current.number} " if self.current else ""
        self.story.append(f"{(self.now_ms - BEGIN_MS) / 1000:9.3f}  {who}{what}")

    # Reports of hosts.

    def on_query(self, items: list[Item]) -> list[Item]:
        """Reorder and return the rows that an invocation reads, and store their connections."""
        assert self.current is not None
        self.reorder(items)
        task = self.current
        found = self.by_key(item["connectionId"]["S"] for item in items)
        task.seen = found + task.seen if task.has_read else found
        task.has_read = True
        task.was_listed |= task.connection in found
        task.saw_lag |= task.connection not in found
        if task.kind == "$connect":
            # Before its row is stored, which others may take over in turn.
            properties.inherit_seat(task)
        return items

    def plan(self, note: Note, seconds: float, event: Any) -> None:
        """Record that a note is due later."""
        self.tell(f"{note} is due in {seconds} s")
        self.planned.append(Planned(note, self.now_ms + round(seconds * 1000), event))

    def sleeps(self, task: Task, seconds: float) -> None:
        """Record that an invocation sleeps."""
        ms = round(seconds * 1000)
        task.slept_ms += ms
        task.wake_ms = self.now_ms + ms

    def note_vain(self, task: Task, is_certain: bool) -> None:
        """Record that an invocation has waited in vain."""
        self.vain.append(Vain(task, self.now_ms, is_certain))

    def killed(self, task: Task) -> None:
        """Record that an invocation was killed."""
        self.tell(f"{task.kind} is killed")
        task.is_over = True
        if task.kind == "$connect":
            task.connection.state = "refused"
            # Its row may be stored; a takeover of that row inherits its seat.
            properties.inherit_seat(task)

    def ended(self, task: Task, result: object) -> None:
        """Apply the result of an invocation, as API Gateway does, and check it."""
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
            why = "raised" if not task.waits_for.startswith("UpdateItem") else "gave up after"
            raise properties.Violation(f"#{task.number} {why} {result!r}")
        self._note_rows()
        if task.said is not None and not task.had_note_fault and not task.had_fault:
            for target in task.said.delivered_to:
                if task.said.type in properties.DESCRIPTIONS:
                    self.described[task.said.sender, target] = True
        if task.kind != "due":
            properties.check_end(self, task, result)
        elif result == {"batchItemFailures": []}:
            due.check_end(self, task)
        elif not task.had_fault:
            raise properties.Violation(f"#{task.number} failed: {result}")

    def check(self) -> None:
        """Check the properties that hold after every step."""
        if self.violation is not None:
            raise self.violation
        self._note_rows()
        properties.check_rows(self)

    def _note_rows(self) -> None:
        for connection in self.by_key(self.host.stored()):
            connection.was_saved = True
        reserved = self.host.reserved()
        for connection in self.by_key(reserved):
            connection.reserved_until_s = reserved[connection.key]

    def _invoke(
        self,
        kind: Kind,
        connection: Connection,
        event: Any,
        said: Said | None = None,
        note: Note | None = None,
    ) -> None:
        self._numbers += 1
        task = Task(self._numbers, kind, connection, event, self.now_ms, said, note=note)
        task.described = {pair for pair, is_noted in self.described.items() if is_noted}
        stored, indexed = self.host.stored(), self.host.indexed()
        reserved = {*self.host.reserved()}
        task.had_row = connection.key in stored
        task.was_listed = connection.key in indexed
        task.was_known = task.had_row or task.was_listed
        task.firm = self._of_game(connection.game, stored & indexed)
        in_index = self.host.reserved(in_index=True)
        task.reserved = self._of_game(connection.game, reserved & in_index.keys())
        task.seen = self.by_key(stored | reserved)
        self.tasks.append(task)
        self.tell(f"#{task.number} {kind} of {connection.key}")
        self.host.start(task)

    def _of_game(self, game: str, keys: Iterable[str]) -> list[Connection]:
        return [one for one in self.by_key(keys) if one.game == game]

    def _closed(self, connection: Connection, how: str, disconnects: int = 1) -> None:
        self.tell(f"{connection.key} is closed {how}")
        connection.state = "closed"
        connection.closed_ms = self.now_ms
        self.unheard_of += [connection] * disconnects

    def _on_loss(self, connection: Connection) -> None:
        assert self.current is not None
        self.current.lost.append(connection)

    def _on_frame(self, connection: Connection, text: str) -> None:
        frame = json.loads(text)
        self.tell(f"{connection.key} ({connection.player}) hears {text}")
        assert self.current is not None
        if "senderId" in frame:
            try:
                check = due.check_frame if self.current.note else properties.check_delivery
                check(self, self.current, connection, frame)
            except properties.Violation as violation:
                # A host under test might catch an exception that is raised here.
                self.violation = self.violation or violation
        else:
            payload = frame.get("payload", {})
            self.current.answers.append(payload.get("code", frame["type"]))


def _facts(connection: Connection) -> Facts:
    identity: Any = {"sourceIp": "192.0.2.1"}
    return Facts(connection.key, connection.connected_ms, "prod", "x", "pokerlocal", identity)
