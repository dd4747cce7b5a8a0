"""The signaling rules as a function in this process, which performs effects on connections."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, assert_never

from poker_signal.core import fast_path
from poker_signal.core.configuration import Rules
from poker_signal.core.errors import SignalError
from poker_signal.core.event_parser import parse_event, response_for, ticket_of
from poker_signal.core.invocation import Invocation, Outcome
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
from poker_signal.core.room import Room
from poker_signal.emulator.aws.connections import Connections
from poker_signal.emulator.aws.results import (
    Forward,
    Raised,
    Report,
    Result,
    Returned,
    Running,
)
from poker_signal.emulator.aws.throttling import LimitExceeded
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.functions.memory_table import MemoryTable

if TYPE_CHECKING:
    from poker_signal.core.tickets import Keys

logger = logging.getLogger(__name__)


class Table(Protocol):
    """The table of rows, as the function uses it."""

    def row(self, connection_id: ConnectionId) -> Row | None:
        """Return the row of a connection, even if it has expired."""

    def room_of(self, event: GatewayEvent) -> Room:
        """Return the room in which the rules decide an event."""

    def save(self, row: Row) -> None:
        """Store a row unless the same handshake's row is stored already."""

    def reach(self, connection_id: ConnectionId, target: ConnectionId) -> None:
        """Add ``target`` to the connections that a row has reached, if the row exists."""

    def forget(self, connection_id: ConnectionId) -> None:
        """Delete a row, if it exists."""


class SignalingFunction:
    """Integration that applies the rules to an event within the call, so events do not overlap.

    With a ``clock`` events do overlap, because faults delay them. Then the waits of the rules
    take their real time, because the event that they wait for may still arrive.
    """

    def __init__(
        self, connections: Connections, rules: Rules, ticket_keys: "Keys | None" = None
    ) -> None:
        self.rows = MemoryTable()
        self.table: Table = self.rows
        """``rows``, or an outdated view of them while a fault is active."""
        self.clock: Clock | None = None
        self._connections = connections
        self._rules = rules
        self._meter = Meter(rules) if rules.message_rate else None
        self._forwarded = Returned(None)
        """The result of every Forward: that of the last message that the fast path learnt."""
        self._results: dict[str, Returned] = {}
        """Cache of results by outcome, errors excluded: nearly all events have one of four."""
        self._verify = None if ticket_keys is None else _verifier(ticket_keys)

    def invoke(
        self, event: Mapping[str, Any], may_forward: bool = False
    ) -> Result | Running | Forward:
        """Apply the rules to an event, perform the effects, and return the response.

        ``may_forward``: return a Forward if the fast path knows the event's only post.
        """
        try:
            parsed = parse_event(event)
            if self._meter is not None:
                parsed = self._meter.checked(parsed)
            if self._verify is not None and isinstance(parsed, Connect):
                self._verify(ticket_of(event), parsed)
            room = self.table.room_of(parsed)
            if may_forward and isinstance(parsed, Message):
                found = fast_path.find(parsed, room)
                if found is not None:
                    connection_id, frame = found
                    return Forward(connection_id, frame, self._forwarded)
        except SignalError as error:
            return self._returned(Outcome("refused", error))
        except Exception as error:
            return _failed(event, error)
        return self._perform(parsed, event, room)

    def _perform(self, event: GatewayEvent, raw: Mapping[str, Any], room: Room) -> Result | Running:
        """Perform the effects of a parsed event; ``raw`` is the event that the gateway passed."""
        try:
            invocation = Invocation(event, room, self._rules)
            effects = invocation.effects()
            performed: list[Effect] = []
            wait = self._go_on(invocation, effects, performed)
            if wait is None:
                result = self._returned(invocation.outcome)
                if len(performed) == 1 and isinstance(event, Message):
                    (effect,) = performed
                    if isinstance(effect, Post) and effect.cause is not None:
                        fast_path.learn(event, effect, room, self._rules)
                        self._forwarded = result
                return result
        except Exception as error:
            return _failed(raw, error)
        rest = _Rest(raw, invocation, effects, Running())
        self._pause(wait, rest)
        return rest.running

    def _go_on(
        self, invocation: Invocation, effects: Iterator[Effect], performed: list[Effect]
    ) -> Wait | ReadAgain | None:
        """Perform effects up to the first that needs a wait; return it, or None at the end."""
        for effect in effects:
            if self.clock is not None and isinstance(effect, Wait | ReadAgain):
                return effect
            performed.append(effect)
            try:
                self._perform_effect(effect, invocation)
            except LimitExceeded:
                invocation.throttled(effect)
        return None

    def _pause(self, wait: Wait | ReadAgain, rest: "_Rest") -> None:
        assert self.clock is not None, "the caller has checked"
        self.clock.call_later(wait.seconds, lambda: self._resume(wait, rest))

    def _resume(self, wait: Wait | ReadAgain, rest: "_Rest") -> None:
        try:
            if isinstance(wait, Wait):
                rest.invocation.waited(wait, self.table.row(wait.signal.sender))
            else:
                rest.invocation.read_again(wait, self.table.room_of(rest.invocation.event))
            again = self._go_on(rest.invocation, rest.effects, [])
        except Exception as error:
            rest.running.finish(_failed(rest.raw, error))
            return
        if again is None:
            rest.running.finish(self._returned(rest.invocation.outcome))
        else:
            self._pause(again, rest)

    def _returned(self, outcome: Outcome) -> Returned:
        if outcome.error is not None:
            return Returned(response_for(outcome), Report(outcome.name, outcome.error.code))
        result = self._results.get(outcome.name)
        if result is None:
            result = Returned(response_for(outcome), Report(outcome.name))
            self._results[outcome.name] = result
        return result

    def _perform_effect(self, effect: Effect, invocation: Invocation) -> None:
        match effect:
            case Post(connection_id, data):
                is_open = self._connections.post(connection_id, data)
                (invocation.delivered if is_open else invocation.gone)(effect)
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
                # Without a wait, because no handshake is in progress while this runs.
                is_open = self._connections.get(connection_id) is not None
                (invocation.alive if is_open else invocation.gone)(effect)
            case Wait() | ReadAgain():
                # Without faults no event overlaps another, so a wait would change nothing.
                invocation.waited_enough(effect)
            case Close(connection_id):
                self._connections.delete(connection_id)
            case _:
                assert_never(effect)


def _verifier(keys: "Keys") -> Callable[[str | None, Connect], None]:
    """Return a function that verifies join tickets with these keys."""
    # Imported here, because only emulators with tickets need it. Not in verify: during a reload it
    # could get the fresh module, whose SignalError is not the class that this module catches.
    from poker_signal.core import tickets

    def verify(ticket: str | None, connect: Connect) -> None:
        row = connect.row
        tickets.verify(ticket, keys, row.game_id, row.player_id, connect.at)

    return verify


class _Rest(NamedTuple):
    """The rest of an invocation that waits."""

    raw: Mapping[str, Any]
    invocation: Invocation
    effects: Iterator[Effect]
    running: Running


def _failed(raw: Mapping[str, Any], error: Exception) -> Raised:
    # API Gateway sends the client an error; the traceback for the developer is logged here.
    logger.exception("%s failed", raw["requestContext"]["routeKey"])
    return Raised(str(error))
