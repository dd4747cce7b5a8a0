"""One event and whatever follows from it: what a host performs, and what became of it."""

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
    """How an invocation ended, for the one line that a host logs of it."""

    name: str
    """``connected``, ``refused``, ``disconnected``, ``delivered``, ``pong``, ``undelivered`` or
    ``error``."""
    error: SignalError | None = None


DELIVERED = Outcome("delivered")
"""How nearly every message ends."""


class Invocation:
    """One event and whatever follows from it.

    A host goes through ``effects()``, performs each, and reports of every Post, Probe and Wait
    before it takes the next one: ``delivered``, ``alive``, ``gone``, ``throttled`` or
    ``waited``. It decides nothing. ::

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
        """The message, as far as it could be read."""
        self.outcome = Outcome("connected" if isinstance(event, Connect) else "disconnected")
        self._room = room
        self._rules = rules
        self._gone: set[ConnectionId] = set()
        self._is_there = False
        self._pending: deque[GatewayEvent | Event] = deque([event])

    def needs_room(self) -> bool:
        """Tell whether a message's answer depends on who is in the game; if not, spare the read."""
        if not isinstance(self.event, Message):
            return True
        try:
            self.signal = messages.read(self.event)
            return needs_room(self.signal)
        except SignalError:
            return False  # effects() answers it

    def enter(self, room: Room) -> None:
        """Take the room as it is, before ``effects()``, where it was not there at first."""
        self._room = room

    def effects(self) -> Iterator[Effect]:
        """Yield what to do next, until nothing is left.

        It ends: a connection that was found gone leaves the room and is not tried again.
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
        """Find out about whoever was passed over, once nobody waits for anything any more.

        A dead row must not survive being found out. A second is far more than what is left of
        a handshake once its row is stored.
        """
        if isinstance(self.event, Connect):
            # The next message looks; a handshake must not take longer for it.
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
                # The arrival is noted, or acknowledged.
                self._pending.append(Delivered(post.cause, post.connection_id, post.target_id))

    def alive(self, effect: Probe | LookAgain) -> None:
        """Report that somebody was there."""
        if isinstance(effect, LookAgain):
            self._is_there = True
        else:
            self._pending.append(Alive(effect.player_id, effect.cause))

    def waited(self, wait: Wait, row: Row | None) -> None:
        """Report that time has passed, and the sender's row as it is now."""
        if row is None:
            self._room = self._room.without(wait.signal.sender)
        else:
            self._room = self._room.adding(row)
        self._room = self._room.trusting(wait.signal.target_id)
        self._pending.append(wait.signal._replace(waits=wait.signal.waits + 1))

    def read_again(self, effect: ReadAgain, room: Room) -> None:
        """Report that time has passed, and the game as it is now, the sender included."""
        for connection_id in self._gone:
            # The index may still know it.
            room = room.without(connection_id)
        self._room = room
        signal = effect.signal
        looks = signal.looks + round(effect.seconds / WAIT_S)
        self._pending.append(signal._replace(looks=looks))

    def waited_enough(self, wait: Wait | ReadAgain) -> None:
        """Report that waiting is of no use: what has not been said by now will not be."""
        signal = wait.signal
        is_wait = isinstance(wait, Wait)
        enough = signal._replace(waits=MAX_WAITS) if is_wait else signal._replace(looks=MAX_WAITS)
        self._pending.append(enough)

    def gone(self, effect: Post | Probe | LookAgain) -> None:
        """Report that nobody was there: the row goes, and what caused the effect is tried again.

        A row whose connection may not be open yet stays, and is passed over for now.
        """
        if isinstance(effect, LookAgain):
            return  # _look_again() forgets it
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
        """Report that the gateway refused the call for now: what caused it ends here.

        A frame of our own is lost then; whoever it was for may be told the next time. Nobody is
        forgotten for want of an answer. A connection that cannot be closed is nobody's already.
        """
        if isinstance(effect, LookAgain):
            self._is_there = True
        elif isinstance(effect, Post | Probe) and effect.cause is not None:
            self._pending.append(Throttled(effect.cause))

    def _answer(self, error: SignalError) -> list[Effect]:
        if not isinstance(self.event, Message):
            # Nothing can be posted to a connection that is not open yet: the response refuses it.
            self.outcome = Outcome("refused", error)
            return []
        name, frame = messages.answer_to(self.signal, error)
        self.outcome = Outcome(name, error)
        return [Post(self.event.connection_id, frame)]
