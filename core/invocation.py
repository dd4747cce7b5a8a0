"""One invocation: an event, the effects that a host performs for it, and the outcome."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from poker_signal.core import messages
from poker_signal.core.configuration import Rules
from poker_signal.core.errors import (
    HostNotFound,
    NoAnswer,
    NotConnected,
    SignalError,
    TargetNotFound,
)
from poker_signal.core.ice import IceServers
from poker_signal.core.model import (
    HOST,
    RESERVED_S,
    Alive,
    Close,
    Connect,
    ConnectionId,
    Delivered,
    Due,
    Effect,
    Event,
    GatewayEvent,
    Gone,
    Message,
    Post,
    Probe,
    Row,
    Signal,
    Suspected,
    Throttled,
    Vend,
    Vended,
    Wait,
)
from poker_signal.core.room import Room
from poker_signal.core.routing import MAX_SEAT_PROBES, MAX_WAITS, is_noted, needs_game, route

_DEFAULT = Rules()


class Outcome(NamedTuple):
    """The result of an invocation, for the one line that a host logs about it."""

    name: str
    """``connected``, ``refused``, ``disconnected``, ``delivered``, ``pong``, ``reported``,
    ``welcomed``, ``vended``, ``undelivered`` or ``error``; of a note ``done`` if it caused no
    post."""
    error: SignalError | None = None


_FIRST_OUTCOMES: dict[type[object], str] = {Connect: "connected", Due: "done"}

_OUTCOMES = {
    messages.PING: Outcome("pong"),
    messages.REPORT: Outcome("reported"),
    messages.HELLO: Outcome("welcomed"),
    messages.ICE_SERVERS: Outcome("vended"),
}
"""Outcomes of messages that are not relayed, by their type."""

DELIVERED = Outcome("delivered")
"""The outcome of nearly every message."""


# Waiting
#
# A message may depend on another invocation, on the index, or on a connection that is about to
# open. Then the rules yield a Wait. The host pauses, reads again and reports waited(); the rules
# decide anew with fresh rows. Signal.waits counts: after routing.MAX_WAITS reads, one second in
# all, a message does not wait any more. There is evidence for each wait:
# - an early candidate: its pair has no description yet, and one of the two rows is young;
# - a row of the target's name is in doubt: it answered 410, and may still be opening;
# - the target's name is reserved for a session;
# - the index does not list the sender's own row: it lags.
# Without evidence, a missing target is missing after the first read. The core has no clock: a host
# whose time is over calls waited_enough(), one that has no budget may_not_wait().


class Invocation:
    """One event and the effects that follow from it.

    A host iterates over ``effects()`` and performs each effect. Before it takes the next one, it
    reports the result of a Post, Probe, Vend or Wait: it calls ``delivered``, ``alive``, ``gone``,
    ``vended``, ``waited``, ``waited_enough``, ``may_not_wait`` or ``throttled``. The host decides
    nothing. ::

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
        self.outcome = Outcome(_FIRST_OUTCOMES.get(type(event), "disconnected"))
        self._room = room
        self._rules = rules
        self._suspects: set[ConnectionId] = set()
        self._gone: dict[ConnectionId, Row | None] = {}
        """Rows that were found gone; the reservation of one with a session, else None."""
        self._vain: Signal | None = None
        self._pending: deque[GatewayEvent | Event] = deque([event])

    def needs_row(self) -> bool:
        """Return whether the rows are needed: of the sender only, unless ``needs_game``."""
        return not (isinstance(self.event, Message) and self.event.is_over_limit)

    def needs_game(self) -> bool:
        """Return whether the decision depends on all rows of the game."""
        if not isinstance(self.event, Message):
            return True
        if self.event.is_over_limit:
            return False
        try:
            self.signal = messages.read(self.event)
            return needs_game(self.signal)
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
                    event = self.signal = self._read(event)
                    self.outcome = _OUTCOMES.get(event.type, self.outcome)
                effects = route(event, self._room, self._rules)
            except SignalError as error:
                is_missing = isinstance(error, TargetNotFound | HostNotFound)
                if isinstance(event, Signal) and event.waits == MAX_WAITS and is_missing:
                    self._vain = event
                effects = self._answer(error)
            yield from effects

    def _read(self, message: Message) -> Signal:
        """Return the parsed message; a connection without a row hears that, whatever it sent."""
        if self.signal is not None:
            return self.signal
        try:
            return messages.read(message)
        except SignalError as error:
            row = self._room.row(message.connection_id, message.at)
            is_known = row is not None and row.left_at is None
            if not is_known and not message.is_over_limit:
                refusal = NotConnected()
                refusal.message_id = error.message_id
                raise refusal from error
            raise

    def delivered(self, post: Post) -> None:
        """Report that a Post arrived."""
        if post.cause is not None and post.target_id is not None:
            self.outcome = DELIVERED
            if isinstance(post.cause, Due) or isinstance(self.event, Due):
                return
            is_watched = post.cause.type == messages.JOIN and self._rules.later
            if post.cause.id is not None or is_watched or is_noted(post.cause):
                # The rules note the arrival in the sender's row, or acknowledge it.
                self._pending.append(Delivered(post.cause, post.connection_id, post.target_id))

    def vended(self, vend: Vend, ice: IceServers) -> None:
        """Report the ICE servers of a client."""
        self._pending.append(Vended(vend.signal, ice))

    def alive(self, probe: Probe) -> None:
        """Report that the connection is open."""
        self._pending.append(Alive(probe.player_id, _counted(probe.cause)))

    def waited(self, wait: Wait, row: Row | None, game: Room | None = None) -> None:
        """Report the end of a pause: the sender's row as it is now, and the game if it was read.

        None: no row; the game was not read.
        """
        signal = wait.signal
        room = (self._room if game is None else game).trusting(signal.target_id)
        self._room = room.without(signal.sender) if row is None else room.adding(row)
        for connection_id, reservation in self._gone.items():
            # The index may still list the former row.
            self._drop(connection_id, reservation)
        self._pending.append(signal._replace(waits=signal.waits + 1))

    def waited_enough(self, wait: Wait) -> None:
        """Report that no time is left for waiting: set the counter to its maximum."""
        self._pending.append(wait.signal._replace(waits=MAX_WAITS))

    def may_not_wait(self, wait: Wait) -> None:
        """Report that the message may not wait: it is decided now, and has not waited in vain."""
        self._pending.append(wait.signal._replace(waits=MAX_WAITS + 1))

    def gone(self, effect: Post | Probe) -> None:
        """Report a 410: the row is ignored, probed once more, or deleted; its cause goes on.

        It is ignored for now if its connection may still be opening, and deleted after two 410s.
        """
        cause = effect.cause
        if cause is None:
            # An answer of ours: if the sender is gone, its $disconnect or the next post tells.
            return
        row = self._room.row(effect.connection_id, cause.at)
        if row is not None and isinstance(cause, Connect) and row.is_young(cause.at):
            self._pending.append(Alive(row.player_id, _counted(cause)))
            return
        cause = _counted(cause)
        is_last = isinstance(cause, Connect) and cause.seat_probes >= MAX_SEAT_PROBES
        if row is None or is_last:
            # The last probe of a connect: the seat counts as free, without a second one.
            self._room = self._room.without(effect.connection_id)
        elif row.is_young(cause.at):
            self._room = self._room.doubting(row.connection_id)
        elif row.connection_id not in self._suspects:
            self._suspects.add(row.connection_id)
            self._pending.append(Suspected(row, cause))
            return
        else:
            until = cause.at + RESERVED_S
            reservation = row._replace(left_at=cause.at, ttl=until) if row.session else None
            self._gone[row.connection_id] = reservation
            self._drop(row.connection_id, reservation)
            self._pending.append(Gone(row, cause.at))
        self._pending.append(cause)

    @property
    def vain(self) -> Signal | None:
        """The message, if it has waited as long as it may and its target did not come."""
        return self._vain

    def _drop(self, connection_id: ConnectionId, reservation: Row | None) -> None:
        if reservation is None:
            self._room = self._room.without(connection_id)
        else:
            self._room = self._room.adding(reservation)

    def throttled(self, effect: Effect) -> None:
        """Report that the gateway refused the call for now: its cause ends with RATE_LIMITED.

        An answer of ours is lost; the client may get the next one. No row is deleted, because
        nothing is known. A connection that could not be closed no longer owns a name.
        """
        if isinstance(effect, Post | Probe) and effect.cause is not None:
            self._pending.append(Throttled(effect.cause))

    def _answer(self, error: SignalError) -> list[Effect]:
        if isinstance(self.event, Due):
            self.outcome = Outcome("error", error)
            if not isinstance(error, NoAnswer):
                # The join found no host this time: the watch goes on.
                return []
            error.message_id = getattr(self.event.note, "id", None)
            _, frame = messages.answer_to(None, error)
            return [Post(self.event.connection_id, frame)]
        if not isinstance(self.event, Message):
            # No frame can be posted before the connection is open: the response refuses it.
            self.outcome = Outcome("refused", error)
            return []
        name, frame = messages.answer_to(self.signal, error)
        self.outcome = Outcome(name, error)
        effects: list[Effect] = [Post(self.event.connection_id, frame)]
        if isinstance(error, NotConnected):
            # Its client is told, and connects anew: no connection believes that it is in a game.
            effects.append(Close(self.event.connection_id))
        return effects


def _counted(cause: Connect | Signal | Due) -> Connect | Signal | Due:
    """Return the cause of a probe; a connect counts its probes of seats."""
    if isinstance(cause, Connect) and cause.row.player_id != HOST:
        return cause._replace(seat_probes=cause.seat_probes + 1)
    return cause
