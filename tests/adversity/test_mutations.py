"""Mutation tests: each broken rule violates a property within a few hundred schedules.

Otherwise the schedules would prove nothing. ``pytest -s`` prints the first violation of each.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import pytest

from poker_signal.core import invocation, later, messages, room, routing
from poker_signal.core.budgets import WaitBudget
from poker_signal.core.errors import DuplicateName, Superseded
from poker_signal.core.model import (
    HOST,
    Alive,
    Connect,
    Disconnect,
    Effect,
    Forget,
    Gone,
    PlayerId,
    Post,
    Probe,
    Reach,
    Row,
    Save,
    Signal,
    Wait,
    Watch,
)
from poker_signal.core.room import Room
from poker_signal.emulator.functions import memory_table
from poker_signal.lambda_app import table
from poker_signal.lambda_app.handler import SignalingHandler
from tests.adversity.scheduler import first_failure
from tests.support import tiers

SCHEDULES = 500

Mutation = Callable[[], Any]


def _gone(before: Callable[[invocation.Invocation, Any], None]) -> Any:
    """Run a function before each report of a 410."""
    real = invocation.Invocation.gone

    def gone(self: invocation.Invocation, effect: Any) -> None:
        before(self, effect)
        real(self, effect)

    return mock.patch.object(invocation.Invocation, "gone", gone)


def dead_rows_are_found_out_for_nothing() -> Any:
    """Break rule 3: a message whose target is gone is retried with the next owner."""

    def gone(self: invocation.Invocation, effect: Any) -> None:
        row = self._room.row(effect.connection_id, 0)
        if effect.cause is not None and row is not None:
            self._pending.append(Gone(row, effect.cause.at))

    return mock.patch.object(invocation.Invocation, "gone", gone)


def one_410_deletes_a_row() -> Any:
    """Break rule 3: a row is deleted only after two 410s."""
    return _gone(lambda self, effect: self._suspects.add(effect.connection_id))


@contextmanager
def _never_young(*causes: type) -> Iterator[None]:
    """Let no 410 be that of a connection that may be opening, if the cause is of these types."""
    asked: list[Any] = [None]
    real = Row.is_young

    def is_young(self: Row, at: int) -> bool:
        return not isinstance(asked[0], causes) and real(self, at)

    def ask(self: invocation.Invocation, effect: Any) -> None:
        asked[0] = effect.cause

    with _gone(ask), mock.patch.object(Row, "is_young", is_young):
        yield


def joiners_of_a_taken_name_are_refused_unasked() -> Any:
    """Break rule 4: a ghost does not block a join."""
    real = routing._pass_on

    def pass_on(signal: Signal, *more: Any) -> list[Effect]:
        effects = real(signal, *more)
        if any(isinstance(effect, Probe) for effect in effects):
            raise DuplicateName(PlayerId("?"))
        return effects

    return mock.patch.object(routing, "_pass_on", pass_on)


def late_losers_throw_the_winner_out() -> Any:
    """Break rule 5: of two newcomers that take over at once, the older one is refused."""
    real = routing._admit

    def admit(event: Connect, room: Room, *more: Any) -> list[Effect]:
        try:
            return real(event, room, *more)
        except Superseded:
            others = [row for row in room if row.session == event.row.session]
            return [Save(event.row), *(Forget(row.connection_id) for row in others)]

    return mock.patch.object(routing, "_admit", admit)


def names_are_not_reserved() -> Any:
    """Break reservations: a connection with a session leaves one."""
    real = routing.route

    def route(event: Any, *more: Any) -> list[Effect]:
        effects = real(event, *more)
        if isinstance(event, Disconnect | Gone):
            return [effect._replace(left_at=None) for effect in effects if type(effect) is Forget]
        return effects

    return mock.patch("poker_signal.core.invocation.route", route)


@contextmanager
def names_are_reserved_for_hours() -> Iterator[None]:
    """Break reservations: they last a minute."""
    with ExitStack() as stack:
        for module in (invocation, table, memory_table):
            stack.enter_context(mock.patch.object(module, "RESERVED_S", 7200))
        yield


def reservations_own_no_name() -> Any:
    """Break reservations: they own their name."""
    real = Room.named

    def named(self: Room, player_id: PlayerId, at: int) -> list[Row]:
        return [row for row in real(self, player_id, at) if row.left_at is None]

    return mock.patch.object(Room, "named", named)


def reservations_are_left_behind() -> Any:
    """Break reservations: their session takes them over."""
    real = routing._admit

    def admit(event: Connect, room: Room, *more: Any) -> list[Effect]:
        reserved = {row.connection_id for row in room if row.left_at is not None}
        effects = real(event, room, *more)
        return [e for e in effects if not (isinstance(e, Forget) and e.connection_id in reserved)]

    return mock.patch.object(routing, "_admit", admit)


def _misses(may_appear: bool) -> Mutation:
    """Let every missing target be waited for, or none."""
    real = routing._miss
    return lambda: mock.patch.object(
        routing, "_miss", lambda signal, target_id, _: real(signal, target_id, may_appear)
    )


def each_pair_waits_once() -> Any:
    """Break the budget of waits: a pair that has not waited in vain may wait again."""
    real = WaitBudget.allows

    def allows(self: WaitBudget, wait: Wait) -> bool:
        is_allowed = real(self, wait)
        self.note_vain(wait.signal)
        return is_allowed

    return mock.patch.object(WaitBudget, "allows", allows)


def senders_without_a_row_are_not_closed() -> Any:
    """Break the answer to a connection without a row: it is closed."""
    real = invocation.Invocation._answer
    return mock.patch.object(
        invocation.Invocation, "_answer", lambda self, error: real(self, error)[:1]
    )


def pings_without_a_row_are_answered() -> Any:
    """Break the answer to a connection without a row: a ping gets it too."""
    real = routing._pass_on

    def pass_on(signal: Signal, *more: Any) -> list[Effect]:
        if signal.type == messages.PING:
            return [Post(signal.sender, messages.PONG)]
        return real(signal, *more)

    return mock.patch.object(routing, "_pass_on", pass_on)


def failed_notes_fail_messages() -> Any:
    """Break the function's bookkeeping: a failure harms no message."""

    def note(self: SignalingHandler, reach: Reach) -> bool:
        self._table.reach(*reach)
        return True

    return mock.patch.object(SignalingHandler, "_note", note)


def no_host_is_protected() -> Any:
    """Break rule 5: a HOST with a session is protected."""
    real = routing._admit

    def admit(event: Connect, room: Room, *more: Any) -> list[Effect]:
        effects = real(event, room, *more)
        is_probe = any(isinstance(effect, Probe) for effect in effects)
        return [Save(event.row)] if is_probe else effects

    return mock.patch.object(routing, "_admit", admit)


def protected_hosts_refuse_even_when_dead() -> Any:
    """Break rule 5: a HOST is protected only while it is alive."""
    real = routing._admit

    def admit(event: Connect, room: Room, *more: Any) -> list[Effect]:
        effects = real(event, room, *more)
        if any(isinstance(effect, Probe) for effect in effects):
            return routing.route(Alive(HOST, event), room)
        return effects

    return mock.patch.object(routing, "_admit", admit)


def _without_probes(spared: Callable[[Signal], bool]) -> Any:
    """Skip the check that the sender owns its name, except for messages that are `spared`."""
    real = Room.owner
    speaker: list[Signal] = []

    @contextmanager
    def mutate() -> Iterator[None]:
        real_pass_on = routing._pass_on

        def pass_on(signal: Signal, *more: Any) -> list[Effect]:
            speaker[:] = [signal]
            return real_pass_on(signal, *more)

        def owner(self: Room, player_id: PlayerId, at: int) -> Row | None:
            (signal,) = speaker
            own = self.row(signal.sender, at)
            if own is not None and own.player_id == player_id and not spared(signal):
                return own
            return real(self, player_id, at)

        with mock.patch.object(routing, "_pass_on", pass_on):
            with mock.patch.object(Room, "owner", owner):
                yield

    return mutate()


def _sorted_by(latest_first: bool) -> Mutation:
    """Let age alone decide which row owns a name."""
    return lambda: mock.patch.object(
        room,
        "_in_order_of_ownership",
        lambda player_id, rows: sorted(rows, key=lambda row: row.age, reverse=latest_first),
    )


@contextmanager
def rows_never_expire() -> Iterator[None]:
    """Break rule 2: a room is always read as at a time before any row expires."""
    named, row = Room.named, Room.row
    with (
        mock.patch.object(Row, "is_live", return_value=True),
        mock.patch.object(Room, "named", lambda self, name, at: named(self, name, 0)),
        mock.patch.object(Room, "row", lambda self, key, at: row(self, key, 0)),
    ):
        yield


def joins_of_taken_names_are_watched() -> Any:
    """Break the watch: it ends if another connection owns its player's name."""
    real = later._watch

    def watch(note: Watch, room: Room, at: int) -> list[Effect]:
        player = room.row(note.connection_id, at)
        for row in room:
            if player is not None and row.player_id == player.player_id and row is not player:
                room = room.without(row.connection_id)
        return real(note, room, at)

    return mock.patch.object(later, "_watch", watch)


def _later(name: str, value: object) -> Mutation:
    """Set a constant of the watch, or let one of its questions always have the same answer."""
    if isinstance(value, bool):
        return lambda: mock.patch.object(later, name, return_value=value)
    return lambda: mock.patch.object(later, name, value)


ANYWHERE: dict[str, Mutation] = {
    # Rule 2
    "rows_never_expire": rows_never_expire,
    # Rule 3: the oldest seat owns a player's name; the newest HOST owns the game (a restart).
    "newest_connection_owns_a_name": _sorted_by(latest_first=True),
    "oldest_connection_owns_a_name": _sorted_by(latest_first=False),
    "dead_rows_are_found_out_for_nothing": dead_rows_are_found_out_for_nothing,
    "one_410_deletes_a_row": one_410_deletes_a_row,
    # Only the owner of a name sends under it.
    "any_sender_uses_any_name": lambda: _without_probes(lambda signal: signal.type == "join"),
    # Rule 4
    "joiners_of_a_taken_name_are_let_in": lambda: _without_probes(
        lambda signal: signal.type != "join"
    ),
    "joiners_of_a_taken_name_are_refused_unasked": joiners_of_a_taken_name_are_refused_unasked,
    # Rule 5: a successor has the rank of the row that it replaced; the newest connection wins.
    "no_newcomer_takes_over": lambda: mock.patch.object(
        routing, "_admit", lambda event, *more: [Save(event.row)]
    ),
    "takers_over_lose_their_seat": lambda: mock.patch.object(
        routing, "_seated", lambda newcomer, former: newcomer
    ),
    "latest_of_a_session_is_as_good_as_any": lambda: mock.patch.object(
        Row, "age", property(lambda row: ("", row.connection_id))
    ),
    "no_host_is_protected": no_host_is_protected,
    "protected_hosts_refuse_even_when_dead": protected_hosts_refuse_even_when_dead,
    # Reservations: a session's name is kept for a minute.
    "names_are_not_reserved": names_are_not_reserved,
    "names_are_reserved_for_hours": names_are_reserved_for_hours,
    "reservations_own_no_name": reservations_own_no_name,
    "reservations_are_left_behind": reservations_are_left_behind,
    # A message waits for a reason only, and no pair twice in vain.
    "every_missing_target_is_waited_for": _misses(may_appear=True),
    "no_missing_target_is_waited_for": _misses(may_appear=False),
    "pairs_wait_in_vain_for_ever": lambda: mock.patch.object(WaitBudget, "note_vain"),
    "candidates_of_old_pairs_wait": lambda: mock.patch.object(
        routing,
        "_is_early",
        lambda signal, sender, target: (
            target.connection_id not in sender.reached and signal.waits < routing.MAX_WAITS
        ),
    ),
    "given_up_candidates_are_not_noted": lambda: mock.patch.object(
        routing, "is_noted", lambda signal: signal.type in messages.DESCRIPTIONS
    ),
    "no_message_may_wait": lambda: mock.patch.object(WaitBudget, "allows", return_value=False),
}
AT_ONCE: dict[str, Mutation] = {
    "late_losers_throw_the_winner_out": late_losers_throw_the_winner_out,
    # Rule 6: a candidate waits for an offer of its own pair.
    "candidates_do_not_wait": lambda: mock.patch.object(routing, "_is_early", return_value=False),
    "candidates_wait_for_an_offer_of_any_pair": lambda: mock.patch.object(
        routing,
        "_is_early",
        lambda signal, sender, target: (
            signal.type == "ice-candidate"
            and not sender.reached
            and signal.waits < routing.MAX_WAITS
        ),
    ),
    "failed_notes_fail_messages": failed_notes_fail_messages,
    "lag_is_not_noticed": lambda: mock.patch.object(Room, "lagging", lambda self: self),
    # A connection opens only after its ``$connect`` has returned; until then it looks like a ghost.
    "connecting_rows_are_deleted": lambda: _never_young(Signal),
    "connecting_hosts_are_displaced": lambda: _never_young(Connect),
    # A connection without a row: it was taken over while it opened.
    "senders_without_a_row_are_not_closed": senders_without_a_row_are_not_closed,
    "pings_without_a_row_are_answered": pings_without_a_row_are_answered,
}
"""For `lambda` only: in process no message overtakes and no connection is seen while opening."""

IN_PROCESS: dict[str, Mutation] = {"each_pair_waits_once": each_pair_waits_once}
"""For `core` only: two messages that wait at the same time are not in one container."""

LATER: dict[str, Mutation] = {
    "joins_of_taken_names_are_watched": joins_of_taken_names_are_watched,
    "answers_do_not_end_a_watch": _later("_has_both", False),
    "every_watch_ends_at_once": _later("_has_both", True),
    "offers_do_not_stop_deliveries": _later("_has_one", False),
    "joins_count_as_offers": _later("_has_one", True),
    "lost_answers_are_looked_for_too_soon": _later("RETRY_STEPS", 1),
    "lost_answers_are_never_looked_for": _later("RETRY_STEPS", 9),
    "late_answers_end_a_watch": _later("_is_late", False),
    "watches_end_too_soon": _later("LAST_STEP", 4),
    "watches_end_too_late": _later("LAST_STEP", 7),
    "candidates_end_a_watch": lambda: mock.patch.object(routing, "late", lambda target: target),
    "hosts_without_a_row_wait_in_their_lobby": lambda: mock.patch.object(
        later, "_lobby", return_value=[]
    ),
}
"""The watch over a join, and the lobby: schedules with what is due later."""

NOTICED_BY = {
    ("core", "candidates_of_old_pairs_wait"): 137,
    ("core", "hosts_without_a_row_wait_in_their_lobby"): 98,
    ("core", "one_410_deletes_a_row"): 52,
    ("core", "protected_hosts_refuse_even_when_dead"): 78,
    ("lambda", "candidates_end_a_watch"): 252,
    ("lambda", "failed_notes_fail_messages"): 55,
    ("lambda", "given_up_candidates_are_not_noted"): 74,
    ("lambda", "hosts_without_a_row_wait_in_their_lobby"): 84,
    ("lambda", "joiners_of_a_taken_name_are_let_in"): 63,
    ("lambda", "lag_is_not_noticed"): 41,
    ("lambda", "late_answers_end_a_watch"): 162,
    ("lambda", "lost_answers_are_never_looked_for"): 363,
    ("lambda", "one_410_deletes_a_row"): 91,
    ("lambda", "pings_without_a_row_are_answered"): 181,
    ("lambda", "protected_hosts_refuse_even_when_dead"): 48,
    ("lambda", "senders_without_a_row_are_not_closed"): 181,
}
"""The first schedule that notices a rarely noticed case. It is tried first, to save the others.

After a change of the scheduler another one may notice it: then all are tried.
"""

CASES: list[Any] = [("core", name) for name in ANYWHERE | IN_PROCESS]
CASES += [("core", name) for name in LATER]
if tiers.TIER != "quick":
    CASES += [("lambda", name) for name in ANYWHERE | AT_ONCE]
    # The same rules are broken on the other host, in a tenth of the time.
    CASES += [pytest.param("lambda", name, marks=pytest.mark.nightly) for name in LATER]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("host", "name"), CASES)
def test_a_broken_rule_is_noticed(host: str, name: str) -> None:
    """A broken rule violates a property within 500 schedules, and is no error of the host."""
    with (ANYWHERE | AT_ONCE | IN_PROCESS | LATER)[name]():
        likely = NOTICED_BY.get((host, name), 0)
        failure = first_failure((likely, *range(SCHEDULES)), host, name in LATER)
    assert failure is not None, f"no property was violated in {SCHEDULES} schedules"
    number, story = failure
    first = story.splitlines()[0]
    print(f"{host:6}  {name:45}  {number:3}  {first}")
    assert " raised " not in first
