"""One invocation: an event, the effects that a host performs for it, and the outcome."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from poker_signal.core import messages
from poker_signal.core.configuration import Rules
from poker_signal.core.errors import SignalError
from poker_signal.core.model import (
    Alive,
    Connect,
    ConnectionId,
    Delivered,
    Effect,
    Event,
    Forget,
    GatewayEvent,
    Gone,
    LookAgain,
    Message,
    Post,
    Probe,
    ReadAgain,
    Row,
    Signal,
    Throttled,
    Wait,
)
from poker_signal.core.room import Room
from poker_signal.core.routing import MAX_WAITS, WAIT_S, needs_room, route

_DEFAULT = Rules()


class Outcome(NamedTuple):
    """The result of an invocation, for the one line that a host logs about it."""

    name: str
    """``connected``, ``refused``, ``disconnected``, ``delivered``, ``pong``, ``undelivered`` or
    ``error``."""
    error: SignalError | None = None


DELIVERED = Outcome("delivered")
"""The outcome of nearly every message."""


# The three kinds of waiting
#
# A message may depend on another invocation or on the index. Then the rules yield an effect that
# pauses, and decide again with fresh rows. Each kind has its own limit of one second.
# - Wait: a candidate's offer has not arrived, or all rows of the target's name are in doubt. The
#   host pauses 0.1 s and reads the sender's row: waited(), which also ends the doubt, so that the
#   post is tried again. Counter: Signal.waits, at most 10. Then a candidate is sent without its
#   offer, and a target in doubt counts as not found.
# - ReadAgain: no row has the target's name. The host reads the game again after 0.1, 0.3, 0.6 and
#   1 s: read_again(). Counter: Signal.looks, in tenths of a second. Then the target is not found.
# - LookAgain: nothing else is pending, and rows are in doubt: 410, but perhaps still opening. The
#   host pauses 1 s, then probes each of them; a row whose connection is gone is deleted.
# The core has no clock: it counts pauses, or the host ends them early with waited_enough(). The
# three add up: ReadAgain finds a row, its post gets 410, Wait, then LookAgain: 3 s of pauses.


class Invocation:
    """One event and the effects that follow from it.

    A host iterates over ``effects()`` and performs each effect. Before it takes the next one, it
    calls ``delivered``, ``alive``, ``gone``, ``waited``, ``read_again``, ``waited_enough`` or
    ``throttled`` to report the result of a Post, Probe, Wait, ReadAgain or LookAgain. The host
    decides nothing. ::

        for effect in invocation.effects():
            match effect:
                case Post():
                    report = invocation.delivered if send(effect) else invocation.gone
                    report(effect)
                ...
        return response_for(invocation.outcome)
    """

    def __init__(self, event: GatewayEvent, room: Room, rules: Rules = _DEFAULT) -> None:
        self.event = event
        self.signal: Signal | None = None
        """The parsed message. None: not parsed yet, or it could not be parsed."""
        self.outcome = Outcome("connected" if isinstance(event, Connect) else "disconnected")
        self._room = room
        self._rules = rules
        self._gone: set[ConnectionId] = set()
        self._is_there = False
        self._pending: deque[GatewayEvent | Event] = deque([event])

    def needs_room(self) -> bool:
        """Return whether the rows of the game have to be read for the decision."""
        if not isinstance(self.event, Message):
            return True
        try:
            self.signal = messages.read(self.event)
            return needs_room(self.signal)
        except SignalError:
            return False  # effects() answers the error

    def enter(self, room: Room) -> None:
        """Set the room that was not known at construction. Call it before ``effects()``."""
        self._room = room

    def effects(self) -> Iterator[Effect]:
        """Yield the next effect, until none is left.

        It terminates: a connection that is gone is removed from the room and not tried again.
        """
        while self._pending:
            try:
                event = self._pending.popleft()
                if isinstance(event, Message):
                    event = self.signal = self.signal or messages.read(event)
                    if event.type == messages.PING:
                        self.outcome = Outcome("pong")
                effects = route(event, self._room, self._rules)
            except SignalError as error:
                effects = self._answer(error)
            yield from effects
        if self._room.in_doubt:
            yield from self._look_again()

    def _look_again(self) -> Iterator[Effect]:
        """Probe the rows that are still in doubt; delete those whose connection is gone.

        A ghost that was found must not survive. One second is far longer than the rest of a
        handshake after its row is stored.
        """
        if isinstance(self.event, Connect):
            # Left to the next message: it would make this WebSocket handshake a second longer.
            return
        pause_s = WAIT_S * MAX_WAITS
        for row in self._room.doubted():
            self._is_there = False
            yield LookAgain(pause_s, row.connection_id)
            pause_s = 0
            if not self._is_there:
                yield Forget(row.connection_id)

    def delivered(self, post: Post) -> None:
        """Report that a Post arrived."""
        if post.cause is not None and post.target_id is not None:
            self.outcome = DELIVERED
            if post.cause.id is not None or post.cause.type in messages.DESCRIPTIONS:
                # The rules note the arrival in the sender's row, or acknowledge it.
                self._pending.append(Delivered(post.cause, post.connection_id, post.target_id))

    def alive(self, effect: Probe | LookAgain) -> None:
        """Report that the connection is open."""
        if isinstance(effect, LookAgain):
            self._is_there = True
        else:
            self._pending.append(Alive(effect.player_id, effect.cause))

    def waited(self, wait: Wait, row: Row | None) -> None:
        """Report the end of a pause, and the sender's row as it is now. None: no row."""
        if row is None:
            self._room = self._room.without(wait.signal.sender)
        else:
            self._room = self._room.adding(row)
        self._room = self._room.trusting(wait.signal.target_id)
        self._pending.append(wait.signal._replace(waits=wait.signal.waits + 1))

    def read_again(self, effect: ReadAgain, room: Room) -> None:
        """Report the end of a pause, and the game as it is now, including the sender's row."""
        for connection_id in self._gone:
            # The index may still list the deleted row.
            room = room.without(connection_id)
        self._room = room
        signal = effect.signal
        looks = signal.looks + round(effect.seconds / WAIT_S)
        self._pending.append(signal._replace(looks=looks))

    def waited_enough(self, wait: Wait | ReadAgain) -> None:
        """Report that no time is left for waiting: set the counter to its maximum."""
        signal = wait.signal
        is_wait = isinstance(wait, Wait)
        enough = signal._replace(waits=MAX_WAITS) if is_wait else signal._replace(looks=MAX_WAITS)
        self._pending.append(enough)

    def gone(self, effect: Post | Probe | LookAgain) -> None:
        """Report that the connection is gone: its row is deleted and the cause is routed again.

        If the connection may still be opening, the row stays and is ignored for now.
        """
        if isinstance(effect, LookAgain):
            return  # _look_again() deletes the row
        cause = effect.cause
        row = self._room.row(effect.connection_id, cause.at) if cause is not None else None
        if cause is not None and row is not None and row.is_settling(cause.at):
            self._room = self._room.doubting(effect.connection_id)
        else:
            self._room = self._room.without(effect.connection_id)
            self._gone.add(effect.connection_id)
            self._pending.append(Gone(effect.connection_id))
        if cause is not None:
            self._pending.append(cause)

    def throttled(self, effect: Effect) -> None:
        """Report that the gateway refused the call for now: its cause ends with RATE_LIMITED.

        An answer of ours is lost; the client may get the next one. No row is deleted, because
        nothing is known. A connection that could not be closed no longer owns a name.
        """
        if isinstance(effect, LookAgain):
            self._is_there = True
        elif isinstance(effect, Post | Probe) and effect.cause is not None:
            self._pending.append(Throttled(effect.cause))

    def _answer(self, error: SignalError) -> list[Effect]:
        if not isinstance(self.event, Message):
            # No frame can be posted before the connection is open: the response refuses it.
            self.outcome = Outcome("refused", error)
            return []
        name, frame = messages.answer_to(self.signal, error)
        self.outcome = Outcome(name, error)
        return [Post(self.event.connection_id, frame)]
