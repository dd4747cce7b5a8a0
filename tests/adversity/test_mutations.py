"""Mutation tests: each broken rule violates a property within a few hundred schedules.

Otherwise the schedules would prove nothing. ``pytest -s`` prints the first violation of each.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest

from poker_signal.core import invocation, model, room, routing
from poker_signal.core.errors import DuplicateName, Superseded
from poker_signal.core.model import (
    HOST,
    Alive,
    Connect,
    Effect,
    Forget,
    Gone,
    PlayerId,
    Probe,
    Row,
    Save,
    Signal,
)
from poker_signal.core.room import Room
from tests.adversity.scheduler import first_failure
from tests.support import tiers

SCHEDULES = 500

Mutation = Callable[[], Any]


def dead_rows_are_found_out_for_nothing() -> Any:
    """Break rule 3: a message whose target is gone is retried with the next owner."""

    def gone(self: invocation.Invocation, effect: Any) -> None:
        self._room = self._room.without(effect.connection_id)
        self._pending.append(Gone(effect.connection_id))

    return mock.patch.object(invocation.Invocation, "gone", gone)


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


ANYWHERE: dict[str, Mutation] = {
    # Rule 2
    "rows_never_expire": rows_never_expire,
    # Rule 3: the oldest seat owns a player's name; the newest HOST owns the game (a restart).
    "newest_connection_owns_a_name": _sorted_by(latest_first=True),
    "oldest_connection_owns_a_name": _sorted_by(latest_first=False),
    "dead_rows_are_found_out_for_nothing": dead_rows_are_found_out_for_nothing,
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
}
AT_ONCE: dict[str, Mutation] = {
    "late_losers_throw_the_winner_out": late_losers_throw_the_winner_out,
    # Rule 6: a candidate waits for an offer of its own pair.
    "candidates_do_not_wait": lambda: mock.patch.object(routing, "_is_early", return_value=False),
    "candidates_wait_for_an_offer_of_any_pair": lambda: mock.patch.object(
        routing,
        "_is_early",
        lambda signal, sender, target: (
            signal.type == "ice-candidate" and not sender.reached and signal.waits < 10
        ),
    ),
    # A connection opens only after its ``$connect`` has returned; until then it looks like a ghost.
    "ghosts_settle_as_soon_as_they_are_stored": lambda: mock.patch.object(
        model, "OPENING_S", -7200
    ),
    "connecting_rows_are_deleted": lambda: mock.patch.object(
        Row, "is_settling", return_value=False
    ),
}
"""For `lambda` only: in process no message overtakes and no connection is seen while opening."""

CASES = [("core", name) for name in ANYWHERE]
if tiers.TIER != "quick":
    CASES += [("lambda", name) for name in ANYWHERE | AT_ONCE]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("host", "name"), CASES)
def test_a_broken_rule_is_noticed(host: str, name: str) -> None:
    """A broken rule violates a property within 500 schedules, and is no error of the host."""
    with (ANYWHERE | AT_ONCE)[name]():
        failure = first_failure(range(SCHEDULES), host)
    assert failure is not None, f"no property was violated in {SCHEDULES} schedules"
    number, story = failure
    first = story.splitlines()[0]
    print(f"{host:6}  {name:45}  {number:3}  {first}")
    assert " raised " not in first
