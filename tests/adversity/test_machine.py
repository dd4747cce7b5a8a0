"""The same properties, with hypothesis choosing: it shortens what it finds to the few steps needed.

Rules are what clients do and what AWS does; whoever may go on next is hypothesis's choice too.
"""

import itertools
from contextlib import ExitStack

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.adversity import properties
from tests.adversity.hosts import HOSTS, LambdaFunction
from tests.adversity.schedule import Schedule
from tests.adversity.scheduler import quiet_log
from tests.adversity.world import LIFETIME_MS

PLAYERS = st.sampled_from(["HOST", "Alice", "Bob"])
SESSIONS = st.sampled_from([None, "secret-1", "secret-2"])
TYPES = st.sampled_from(["join", "offer", "answer", "ice-candidate", "player-connected", "ping"])
ANY = st.integers(0, 7)
"""Whose turn it is, of however many there are."""


class Adversity(RuleBasedStateMachine):
    """A game, its players, and everything that can happen to them."""

    host = "lambda"
    lagging = True

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._stack.enter_context(quiet_log())
        self._numbers = itertools.count()
        self.schedule = Schedule(HOSTS[self.host], self.lagging)

    def teardown(self) -> None:
        """Let go of the log."""
        self._stack.close()

    @rule(player=PLAYERS, session=SESSIONS, letter=st.sampled_from("az"))
    def connect(self, player: str, session: str | None, letter: str) -> None:
        """Somebody connects, perhaps in the same millisecond as somebody else."""
        self.schedule.connect(f"{letter}{next(self._numbers)}", "G", player, session)

    @precondition(lambda self: self.schedule.open())
    @rule(who=ANY, type_=TYPES, whom=PLAYERS)
    def say(self, who: int, type_: str, whom: str) -> None:
        """Somebody sends a message; a join among them."""
        people = self.schedule.open()
        self.schedule.say(people[who % len(people)], type_, whom)

    @precondition(lambda self: self.schedule.open())
    @rule(who=ANY, disconnects=st.integers(0, 2))
    def close(self, who: int, disconnects: int) -> None:
        """Somebody leaves; AWS tells of it once, twice or never."""
        people = self.schedule.open()
        self.schedule.close(people[who % len(people)], disconnects)

    @precondition(lambda self: self.schedule.unheard_of)
    @rule(who=ANY)
    def disconnect(self, who: int) -> None:
        """AWS tells of somebody who left, however late."""
        left = self.schedule.unheard_of
        self.schedule.disconnect(left[who % len(left)])

    @precondition(lambda self: self.schedule.runnable())
    @rule(who=ANY, steps=st.integers(1, 12))
    def go_on(self, who: int, steps: int) -> None:
        """An invocation goes on for some steps."""
        for _ in range(steps):
            if runnable := self.schedule.runnable():
                self.schedule.go_on(runnable[who % len(runnable)])
                self.schedule.check()

    @precondition(lambda self: self.schedule.runnable())
    @rule(who=ANY)
    def crash(self, who: int) -> None:
        """An invocation ends where it is."""
        runnable = self.schedule.runnable()
        self.schedule.kill(runnable[who % len(runnable)])

    @precondition(lambda self: self.schedule.runnable())
    @rule(who=ANY)
    def fail(self, who: int) -> None:
        """What an invocation has called fails."""
        runnable = self.schedule.runnable()
        self.schedule.fail(runnable[who % len(runnable)])

    @rule(ms=st.sampled_from([1, 100, 1000, 31_000, LIFETIME_MS + 1000]))
    def pass_time(self, ms: int) -> None:
        """Time passes; also as much as no row outlives."""
        self.schedule.pass_time(ms)

    @rule()
    def catch_up(self) -> None:
        """The index hears of everything."""
        if isinstance(self.schedule.host, LambdaFunction):
            dynamodb = self.schedule.host.dynamodb
            while dynamodb.behind:
                dynamodb.catch_up(dynamodb.behind[0])

    @rule()
    def settle(self) -> None:
        """Everything that has begun comes to its end: what follows finds a game in play."""
        while self.schedule.running():
            self.catch_up()
            for task in self.schedule.runnable():
                self.schedule.go_on(task)
                self.schedule.check()
            self.schedule.pass_time(10)
        self.catch_up()

    @invariant()
    def the_rules_hold(self) -> None:
        """Nobody is stranded, and no row outlives its connection."""
        self.schedule.check()
        properties.check_expiry(self.schedule)


class PromptAdversity(Adversity):
    """An index that is never late: takeovers see whom they take over from."""

    lagging = False


class AdversityInProcess(Adversity):
    """The emulator's host."""

    host = "core"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("machine", [Adversity, PromptAdversity, AdversityInProcess])
def test_no_sequence_of_steps_breaks_the_rules(machine: type[Adversity]) -> None:
    """Connect, join, message, close, crash, and time that passes."""
    chosen = settings(max_examples=60, stateful_step_count=40, derandomize=True)
    run_state_machine_as_test(machine, settings=chosen)
