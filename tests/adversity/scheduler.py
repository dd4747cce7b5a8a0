"""Exploration of interleavings; the number of a schedule seeds every choice in it."""

import random
from collections.abc import Callable, Iterable
from functools import partial
from types import SimpleNamespace
from unittest import mock

from poker_signal.core.configuration import Rules
from poker_signal.core.model import Lobby
from tests.adversity import properties
from tests.adversity.hosts import HOSTS, LambdaFunction
from tests.adversity.schedule import BARE, Planned, Schedule, Task
from tests.adversity.world import LIFETIME_MS, Connection

MAX_CLIENT_ACTIONS = 14
NAMES = ("HOST", "HOST", "Alice", "Alice", "Bob")
TYPES = ("join", "join", "offer", "answer", "ice-candidate", "player-connected", "ping")
PACES = (6, 6, 6, 0.4)
"""Weights of an invocation's next step, one drawn per invocation; a quarter of them is slow."""

RESERVED_MS = 61_000
TICKS_MS = (0, 0, 1, 3, 10, 40, 120)

MAX_DUES = 40
"""Notes that come back in a schedule, with those that come twice."""

Action = Callable[[], object]


class Explorer:
    """A player of one schedule, whose steps are chosen by its number."""

    def __init__(self, number: int, host: str = "lambda", later: bool = False) -> None:
        self._random = random.Random(number)
        self._left = MAX_CLIENT_ACTIONS
        self._dues = MAX_DUES
        self._paces: dict[Task, float] = {}
        self._lost: set[Connection] = set()
        is_lagging = self._random.random() < 0.5
        rules = Rules(later=True, auto_join=self._random.random() < 0.3) if later else BARE
        self.schedule = Schedule(HOSTS[host], is_lagging, rules)
        self.schedule.reorder = self._random.shuffle
        self._games = self._random.choice((["G"], ["G"], ["G", "H"]))
        self._with_sessions = self._random.random() < 0.6
        self._faults = self._random.choice((0, 0, 1))

    def run(self) -> None:
        """Run the schedule to its end, then check the final state.

        Raises:
            Violation: a property does not hold.
        """
        if self._random.random() < 0.5:
            for player in ("HOST", "Alice", "Bob"):
                self._connect(player)
            self._settle()
        while actions := self._actions():
            weights = [weight for weight, _ in actions]
            _, action = self._random.choices(actions, weights)[0]
            action()
            self.schedule.check()
            self.schedule.pass_time(self._random.choice(TICKS_MS))
        self._audit()
        properties.check_expiry(self.schedule)

    def _actions(self) -> list[tuple[float, Action]]:
        """Return the possible next actions with their weights."""
        schedule = self.schedule
        actions: list[tuple[float, Action]] = []
        for task in schedule.runnable():
            pace = self._paces.setdefault(task, self._random.choice(PACES))
            actions.append((pace, partial(schedule.go_on, task)))
            if self._faults and isinstance(schedule.host, LambdaFunction):
                actions.append((0.15, partial(schedule.fail, task)))
                actions.append((0.1, partial(schedule.kill, task)))
        if schedule.running() and not schedule.runnable():
            actions.append((8, partial(schedule.pass_time, 100)))
        if isinstance(schedule.host, LambdaFunction):
            dynamodb = schedule.host.dynamodb
            actions += [(1, partial(dynamodb.catch_up, key)) for key in dynamodb.behind]
        for gone in dict.fromkeys(schedule.unheard_of):
            actions.append((1, partial(schedule.disconnect, gone)))
        if self._dues:
            actions += [(_chance(each), partial(self._bring, each)) for each in schedule.planned]
        if self._left:
            actions.append((4, self._client_action))
            actions.append((0.1, partial(schedule.pass_time, 31_000)))
            actions.append((0.1, partial(schedule.pass_time, LIFETIME_MS + 1000)))
        return actions

    def _client_action(self) -> None:
        self._left -= 1
        people = self.schedule.open()
        if self.schedule.rules.later and self._random.random() < 0.3:
            self._negotiate(people)
            return
        choice = self._random.random()
        if not people or choice < 0.4:
            self._connect()
        elif choice < 0.5:
            self.schedule.close(self._random.choice(people), self._random.choice((0, 0, 1, 1, 2)))
        elif choice < 0.53:
            self.schedule.die_unnoticed(self._random.choice(people))
        elif choice < 0.57 and self._faults:
            self._lose_next(self._random.choice(people))
        elif choice < 0.63:
            self._insist(self._random.choice(people))
        elif choice < 0.8:
            self._trickle(self._random.choice(people))
        else:
            sender = self._random.choice(people)
            id_ = self._random.choice((None, "1"))
            target = self._random.choice(NAMES)
            self.schedule.say(sender, self._random.choice(TYPES), target, id_)

    def _negotiate(self, people: list[Connection]) -> None:
        """Let a player join; perhaps HOST offers, and perhaps the player answers."""
        pairs = [
            (host, player)
            for host in people
            for player in people
            if (host.game, host.player) == (player.game, "HOST") != (host.game, player.player)
        ]
        if not pairs:
            return
        host, player = self._random.choice(pairs)
        steps = [(player, "join", host), (host, "offer", player), (player, "answer", host)]
        for sender, type_, target in steps[: self._random.choice((1, 2, 3, 3))]:
            self.schedule.say(sender, type_, target.player)
            if self._random.random() < 0.5:
                self._settle()

    def _bring(self, planned: Planned) -> None:
        """Bring a note back; twice, if the host is a queue; or never."""
        self._dues -= 1
        choice = self._random.random()
        is_queue = isinstance(self.schedule.host, LambdaFunction)
        if choice < 0.05:
            self.schedule.lose(planned)
        else:
            self.schedule.bring(planned, again=is_queue and choice < 0.15)

    def _lose_next(self, connection: Connection) -> None:
        if connection not in self._lost:
            # Two in one invocation would mean that it is gone.
            self._lost.add(connection)
            self.schedule.lose_next(connection)

    def _insist(self, sender: Connection) -> None:
        """Say the same twice at once, and again after the answers."""
        left = {one.player for one in self.schedule.connections if one.state == "closed"}
        type_ = self._random.choice((*TYPES[:-1], "ice-candidate"))
        targets = sorted(left - {sender.player}) if type_ != "ice-candidate" else NAMES
        target = self._random.choice(targets or NAMES)
        for _ in range(2):
            self.schedule.say(sender, type_, target)
        self._settle()
        self.schedule.pass_time(1)
        if sender in self.schedule.open():
            self.schedule.say(sender, type_, target)

    def _connect(self, player: str | None = None) -> None:
        number = len(self.schedule.connections)
        key = f"{self._random.choice('abcdefghijkl')}{number}"
        game, player = self._random.choice(self._games), player or self._random.choice(NAMES)
        sessions = (None, "secret-1", "secret-1", "secret-2") if self._with_sessions else (None,)
        session = self._random.choice(sessions)
        self.schedule.connect(key, game, player, session)
        if session is not None and self._random.random() < 0.1:
            # The page is loaded again while it connects.
            self.schedule.connect(f"{key}r", game, player, session)

    def _trickle(self, sender: Connection) -> None:
        there = {one.player for one in self.schedule.open() if one.game == sender.game}
        others = sorted(there - {sender.player}) or ["Absent"]
        description = "offer" if sender.player == "HOST" else "answer"
        for target in self._random.sample(others, min(len(others), 2)):
            for type_ in (description, "ice-candidate"):
                self.schedule.say(sender, type_, target)

    def _audit(self) -> None:
        """Check at the end that every name has one owner, which alone sends and receives."""
        schedule = self.schedule
        schedule.tell("--- final checks ---")
        for one in schedule.connections:
            one.loses_next = False
        for game in self._games:
            auditor = schedule.connect(f"z{game}", game, "Zed", None)
            self._settle()
            assert auditor.state == "open"
            schedule.say(auditor, "join")
            for one in schedule.open():
                if one.game == game and one.key not in schedule.host.stored():
                    schedule.say(one, "ping")
            self._settle()
            others = {one.player for one in schedule.open() if one.game == game} - {"Zed"}
            for name in sorted(others):
                self._audit_name(auditor, name)

    def _audit_name(self, auditor: Connection, name: str) -> None:
        schedule = self.schedule
        while True:
            # The question finds ghosts out. Their names may be reserved then.
            asked = schedule.say(auditor, "player-connected", name)
            self._settle()
            if not self._is_reserved(auditor.game, name):
                break
            schedule.pass_time(RESERVED_MS)
        namesakes = [
            one
            for one in schedule.connections
            if one.state == "open" and (one.game, one.player) == (auditor.game, name)
        ]
        if any(one.is_stuck for one in namesakes):
            return  # It looks alive to every probe, but never sends.
        if not any(one.key in schedule.host.stored() for one in namesakes):
            return
        said = [schedule.say(one, "player-connected", "Zed") for one in namesakes]
        self._settle()
        heard = [one.sender for one in said if one.delivered_to]
        if len(heard) != 1 or asked.delivered_to != heard:
            owners = [one.key for one in asked.delivered_to]
            speakers = [one.key for one in heard]
            raise properties.Violation(f"{name}: {owners} receive, {speakers} can send")

    def _is_reserved(self, game: str, name: str) -> bool:
        reserved = self.schedule.by_key(self.schedule.host.reserved())
        return any(
            (one.game, one.player) == (game, name) and one.is_reserved(self.schedule.now_ms)
            for one in reserved
        )

    def _settle(self) -> None:
        schedule = self.schedule
        while True:
            if isinstance(schedule.host, LambdaFunction):
                for key in schedule.host.dynamodb.behind:
                    schedule.host.dynamodb.catch_up(key)
            if runnable := schedule.runnable():
                schedule.go_on(runnable[0])
            elif schedule.running():
                schedule.pass_time(100)
            else:
                return
            schedule.check()


def _chance(planned: Planned) -> float:
    """Return the weight of a note's return; that of a lobby takes nine minutes."""
    return 0.1 if isinstance(planned.note, Lobby) else 2


def play(number: int, host: str = "lambda", later: bool = False) -> list[str]:
    """Play a schedule, with what is due later or without; return its story.

    Raises:
        Violation: a property does not hold; the text has the whole story.
    """
    explorer = Explorer(number, host, later)
    time = SimpleNamespace(
        time_ns=lambda: explorer.schedule.now_ms * 1_000_000, perf_counter=lambda: 0.0
    )
    try:
        with (
            mock.patch("poker_signal.lambda_app.log.write"),
            mock.patch("poker_signal.lambda_app.handler.time", time),
        ):
            explorer.run()
    except properties.Violation as violation:
        raise properties.Violation(
            f"schedule {number} on {host}{', later' if later else ''}: {violation}\n"
            + "\n".join(explorer.schedule.story)
        ) from None
    return explorer.schedule.story


def first_failure(
    numbers: Iterable[int], host: str = "lambda", later: bool = False
) -> tuple[int, str] | None:
    """Return the first schedule that violates a property, and the text; None if there is none."""
    for number in numbers:
        try:
            play(number, host, later)
        except properties.Violation as violation:
            return number, str(violation)
    return None
