"""The default integration: our core, in this process, its effects performed on sockets."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from poker_signal.core import invocation as core_invocation
from poker_signal.core.aws_event import parse_event, response_for, ticket_of
from poker_signal.core.errors import SignalError
from poker_signal.core.fast_path import Relayed, relay
from poker_signal.core.invocation import DELIVERED, Invocation, Outcome
from poker_signal.core.model import (
    Close,
    Connect,
    ConnectionId,
    Effect,
    Forget,
    GatewayEvent,
    LookAgain,
    Message,
    Post,
    Probe,
    Reach,
    ReadAgain,
    Row,
    Save,
    Wait,
)
from poker_signal.core.rate_limit import Meter
from poker_signal.core.rules import Rules
from poker_signal.emulator.aws.connections import Connections
from poker_signal.emulator.aws.results import Raised, Result, Returned, Running
from poker_signal.emulator.aws.throttling import LimitExceeded
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.functions.memory_table import MemoryTable

if TYPE_CHECKING:
    from poker_signal.emulator.faults.lagging_rows import LaggingTable

if TYPE_CHECKING:
    from poker_signal.core.tickets import Keys

logger = logging.getLogger(__name__)


class SignalingFunction:
    """Runs the core on every event, within the call: no message waits for another.

    With faults, some do: then what the core waits for may still come.
    """

    def __init__(
        self,
        connections: Connections,
        rules: Rules,
        ticket_keys: "Keys | None" = None,
        faults: Faults | None = None,
    ) -> None:
        self._connections = connections
        self._rules = rules
        self._meter = Meter(rules)
        self._verify = None if ticket_keys is None else _verifier(ticket_keys)
        # By way of the module: a value that was imported by name stays when rules are edited.
        self.passed_on = _returned(core_invocation.DELIVERED)
        """How nearly every message ends."""
        self._rows = MemoryTable()
        self.table: MemoryTable | LaggingTable = self._rows
        self._clock: Clock | None = None
        """What to wait by, where waiting is of use."""
        if faults is not None:
            faults.watch(lambda: self._adapt(faults))

    def _adapt(self, faults: Faults) -> None:
        self._clock = faults.clock if faults.are_active else None
        if not faults.index_lag_s:
            self.table = self._rows
        elif self.table is self._rows:
            from poker_signal.emulator.faults.lagging_rows import LaggingTable

            self.table = LaggingTable(self._rows, faults)

    def rows(self) -> list[Row]:
        """Return all rows, the oldest first."""
        return list(self._rows.rows())

    def take_over(self, rows: Iterable[Row]) -> None:
        """Go on where another host stopped."""
        for row in rows:
            self._rows.save(row)

    def invoke(self, event: Mapping[str, Any]) -> Result | Running:
        """Decide an event, perform what follows, and return as Lambda would."""
        try:
            parsed = self._meter.checked(parse_event(event))
            if self._verify is not None and isinstance(parsed, Connect):
                self._verify(ticket_of(event), parsed)
        except SignalError as error:
            return _returned(Outcome("refused", error))
        except Exception as error:
            return _failed(event, error)
        return self.perform(parsed, event)

    def consider(self, event: Mapping[str, Any]) -> tuple[GatewayEvent, Relayed | None]:
        """Read a message's event; return it, and what it comes to if that is one post.

        Either the caller posts and is done, or it has the message performed.
        """
        message = self._meter.checked(parse_event(event))
        assert isinstance(message, Message)
        try:
            return message, relay(message, self.table.room_of(message), self._rules)
        except Exception:
            # The message may still arrive; but what went wrong here may not come up there.
            logger.exception("the short way of a message failed; it goes the long one")
            return message, None

    def perform(self, event: GatewayEvent, raw: Mapping[str, Any]) -> Result | Running:
        """Perform what follows from an event that has been read from ``raw``."""
        try:
            invocation = Invocation(event, self.table.room_of(event), self._rules)
            effects = invocation.effects()
            wait = self._go_on(invocation, effects)
        except Exception as error:
            return _failed(raw, error)
        if wait is None:
            return _returned(invocation.outcome)
        rest = _Rest(raw, invocation, effects, Running())
        self._pause(wait, rest)
        return rest.running

    def _go_on(self, invocation: Invocation, effects: Iterator[Effect]) -> Wait | ReadAgain | None:
        """Perform effects; return one that has to be waited for, if any."""
        for effect in effects:
            if self._clock is not None and isinstance(effect, Wait | ReadAgain):
                return effect
            try:
                # Most effects are posts: for them no pattern is tried.
                if isinstance(effect, Post):
                    posted = self._connections.post(effect.connection_id, effect.data)
                    (invocation.delivered if posted else invocation.gone)(effect)
                else:
                    self._perform_effect(effect, invocation)
            except LimitExceeded:
                invocation.throttled(effect)
        return None

    def _pause(self, wait: Wait | ReadAgain, rest: "_Rest") -> None:
        assert self._clock is not None, "who asks for a pause has looked"
        self._clock.call_later(wait.seconds, lambda: self._resume(wait, rest))

    def _resume(self, wait: Wait | ReadAgain, rest: "_Rest") -> None:
        try:
            if isinstance(wait, Wait):
                rest.invocation.waited(wait, self.table.row(wait.signal.sender))
            else:
                rest.invocation.read_again(wait, self.table.room_of(rest.invocation.event))
            again = self._go_on(rest.invocation, rest.effects)
        except Exception as error:
            rest.running.finish(_failed(rest.raw, error))
            return
        if again is None:
            rest.running.finish(_returned(rest.invocation.outcome))
        else:
            self._pause(again, rest)

    def _perform_effect(
        self,
        effect: Save | Forget | Probe | Reach | Wait | ReadAgain | LookAgain | Close,
        invocation: Invocation,
    ) -> None:
        match effect:
            case Save(row):
                self.table.save(row)
            case Forget(connection_id):
                self.table.forget(ConnectionId(connection_id))
            case Probe(connection_id):
                is_open = self._connections.get(connection_id) is not None
                (invocation.alive if is_open else invocation.gone)(effect)
            case Reach(connection_id, target):
                self.table.reach(connection_id, target)
            case LookAgain(connection_id=connection_id):
                # Nobody is on the way in while this runs: there is nothing to wait for.
                is_open = self._connections.get(connection_id) is not None
                (invocation.alive if is_open else invocation.gone)(effect)
            case Wait() | ReadAgain():
                # Nothing runs at the same time here, unless a fault lets it.
                invocation.waited_enough(effect)
            case Close(connection_id):
                self._connections.delete(connection_id)
            case _:
                assert_never(effect)


def _verifier(keys: "Keys") -> Callable[[str | None, Connect], None]:
    """Return what lets pass who has a ticket that one of these keys signed."""
    # Only who asks for tickets waits for it. Not with each ticket: while edited rules are being
    # imported anew, that would find those, whose refusals are not ours yet.
    from poker_signal.core import tickets

    def verify(ticket: str | None, connect: Connect) -> None:
        row = connect.row
        tickets.verify(ticket, keys, row.game_id, row.player_id, connect.at)

    return verify


class _Rest(NamedTuple):
    """What is left of an event while something is waited for."""

    raw: Mapping[str, Any]
    invocation: Invocation
    effects: Iterator[Effect]
    running: Running


PASSED_ON = Returned(response_for(DELIVERED), DELIVERED)
"""How nearly every message ends."""


def _returned(outcome: Outcome) -> Returned:
    if outcome is DELIVERED:
        return PASSED_ON
    if outcome.error is not None:
        # The trace keeps outcomes. Through the frames of its traceback an error would keep the
        # client's connection as well, and whatever was being read from it.
        outcome.error.__traceback__ = outcome.error.__context__ = outcome.error.__cause__ = None
    return Returned(response_for(outcome), outcome)


def _failed(raw: Mapping[str, Any], error: Exception) -> Raised:
    # API Gateway tells the client; the developer is told here, with the traceback.
    logger.exception("%s failed", raw["requestContext"]["routeKey"])
    return Raised(str(error))
