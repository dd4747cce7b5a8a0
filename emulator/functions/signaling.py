"""The signaling rules as a function in this process, which performs effects on connections."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, assert_never

from poker_signal.core import fast_path
from poker_signal.core.budgets import FullGames, WaitBudget, WatchBudget
from poker_signal.core.configuration import Rules
from poker_signal.core.errors import SignalError
from poker_signal.core.event_parser import parse_event, response_for, ticket_of
from poker_signal.core.ice import IceConfig, servers_for
from poker_signal.core.invocation import Invocation, Outcome
from poker_signal.core.model import (
    Close,
    Connect,
    ConnectionId,
    Due,
    Effect,
    Forget,
    GatewayEvent,
    Later,
    Message,
    Note,
    Post,
    Probe,
    Reach,
    Row,
    Save,
    Vend,
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
from poker_signal.emulator.clock import Clock, Timer
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

    def reach(
        self,
        connection_id: ConnectionId,
        target: ConnectionId,
        kept: frozenset[ConnectionId] | None = None,
    ) -> None:
        """Add ``target`` to the connections that a row has reached, if the row exists."""

    def forget(self, connection_id: ConnectionId, left_at: int | None = None) -> None:
        """Delete a row, if it exists, or reserve it."""


class SignalingFunction:
    """Integration that applies the rules to an event within the call, unless they wait.

    Waits take the clock's time, as on AWS: the event that a message waits for may still arrive.
    """

    def __init__(
        self,
        connections: Connections,
        rules: Rules,
        clock: Clock,
        ticket_keys: "Keys | None" = None,
        ice: IceConfig | None = None,
    ) -> None:
        self._ice = ice
        self.rows = MemoryTable()
        self.table: Table = self.rows
        """``rows``, or an outdated view of them while a fault is active."""
        self._clock = clock
        self._connections = connections
        self._rules = rules
        self._meter = Meter(rules) if rules.message_rate else None
        self._forwarded = Returned(None)
        """The result of every Forward: that of the last message that the fast path learnt."""
        self._results: dict[str, Returned] = {}
        """Cache of results by outcome, errors excluded: nearly all events have one of four."""
        self._waits = WaitBudget()
        self._waiting: dict[int, tuple[Timer, Wait, _Rest]] = {}
        """Messages that wait, by the ``id()`` of their rest."""
        self.show: Callable[[Note, int | None], None] = lambda note, until_ms: None
        """Told of each note: of its time in epoch milliseconds, and with None once it is due."""
        self._full_games = FullGames()
        self._watches = WatchBudget()
        self._planned: dict[Note, tuple[Timer, int]] = {}
        """Timers of the notes that are due later, and the epoch milliseconds of their time."""
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
            parsed = self._full_games.checked(parsed)
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
                result = self._ended(invocation)
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
    ) -> Wait | None:
        """Perform effects up to the first that takes time; return it, or None at the end."""
        for effect in effects:
            performed.append(effect)
            if isinstance(effect, Wait):
                if effect.signal.waits == 0 and not self._waits.allows(effect):
                    invocation.may_not_wait(effect)
                elif effect.seconds:
                    return effect
                else:
                    self._read_again(effect, invocation)
                continue
            try:
                self._perform_effect(effect, invocation)
            except LimitExceeded:
                invocation.throttled(effect)
        return None

    def end_waits(self) -> None:
        """Decide every waiting message now: the emulator stops, or its code is replaced."""
        for timer, _ in self._planned.values():
            timer.cancel()
        self._planned.clear()
        waiting, self._waiting = self._waiting, {}
        for timer, wait, rest in waiting.values():
            timer.cancel()
            self._go_on_with(rest, partial(rest.invocation.may_not_wait, wait))

    def _pause(self, wait: Wait, rest: "_Rest") -> None:
        timer = self._clock.call_later(wait.seconds, lambda: self._resume(wait, rest))
        self._waiting[id(rest)] = timer, wait, rest

    def _read_again(self, wait: Wait, invocation: Invocation) -> None:
        row = self.table.row(wait.signal.sender)
        game = self.table.room_of(invocation.event) if wait.reads_game else None
        invocation.waited(wait, row, game)

    def _resume(self, wait: Wait, rest: "_Rest") -> None:
        del self._waiting[id(rest)]
        self._go_on_with(rest, lambda: self._read_again(wait, rest.invocation))

    def _go_on_with(self, rest: "_Rest", report: Callable[[], None]) -> None:
        try:
            report()
            again = self._go_on(rest.invocation, rest.effects, [])
            result = self._ended(rest.invocation) if again is None else None
        except Exception as error:
            rest.running.finish(_failed(rest.raw, error))
            return
        if again is not None:
            self._pause(again, rest)
        elif result is not None:
            rest.running.finish(result)

    def _plan(self, later: Later) -> None:
        """Bring a note back later, unless its connection has another join that is watched."""
        now_ms = self._clock.now_ms()
        if later.note not in self._planned and self._watches.allows(later, now_ms // 1000):
            self.plan(later.note, now_ms + round(later.seconds * 1000))

    def plan(self, note: Note, due_ms: int) -> None:
        """Bring a note back at a time, in epoch milliseconds."""
        seconds = max(due_ms - self._clock.now_ms(), 0) / 1000
        self._planned[note] = self._clock.call_later(seconds, lambda: self._due(note)), due_ms
        self.show(note, due_ms)

    def planned(self) -> list[tuple[Note, int]]:
        """Return the notes that are due later, each with its time in epoch milliseconds."""
        return [(note, due_ms) for note, (_, due_ms) in self._planned.items()]

    def _due(self, note: Note) -> None:
        del self._planned[note]
        self.show(note, None)
        event = Due(note, self._clock.now_ms() // 1000)
        invocation = Invocation(event, self._room_of_due(event), self._rules)
        wait = self._go_on(invocation, invocation.effects(), [])
        assert wait is None, "what is due does not wait"

    def _room_of_due(self, event: Due) -> Room:
        """Return the game of what is due; what its host has reached is current, also with a lag."""
        room = self.table.room_of(event)
        host_id = getattr(event.note, "host", None)
        host = self.table.row(host_id) if host_id is not None else None
        return room if host is None or not len(room) else room.adding(host)

    def _ended(self, invocation: Invocation) -> Returned:
        self._full_games.note(invocation.event, invocation.outcome)
        if invocation.vain is not None:
            self._waits.note_vain(invocation.vain)
        return self._returned(invocation.outcome)

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
            case Forget(connection_id, left_at):
                self.table.forget(ConnectionId(connection_id), left_at)
            case Probe(connection_id):
                is_open = self._connections.get(connection_id) is not None
                (invocation.alive if is_open else invocation.gone)(effect)
            case Reach(connection_id, target, kept):
                self.table.reach(connection_id, target, kept)
            case Wait():
                raise AssertionError("_go_on performs waits")
            case Close(connection_id):
                self._connections.delete(connection_id)
            case Later():
                self._plan(effect)
            case Vend(signal):
                assert self._ice is not None, "the rules vend only what there is"
                if self._meter is not None:
                    self._meter.charge(effect)
                ice = servers_for(self._ice, signal.sender, signal.at)
                invocation.vended(effect, ice)
            case _:
                assert_never(effect)


def end_waits(integrations: Iterable[object]) -> None:
    """Decide all messages that wait in the signaling functions among these."""
    for each in integrations:
        if isinstance(each, SignalingFunction):
            each.end_waits()


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
