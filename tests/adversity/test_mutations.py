"""Each rule, broken: at least one property notices, and early.

Otherwise the schedules would prove nothing. ``pytest -s`` shows which one noticed first.
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

SCHEDULES = 500

Mutation = Callable[[], Any]


def rows_never_expire() -> Any:
    """Rule 2."""
    return mock.patch.object(Row, "is_live", return_value=True)


def whoever_connected_last_owns_a_name() -> Any:
    """Rule 3: a player's name is who sat down first's."""

    def last_first(player_id: PlayerId, rows: list[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: row.age, reverse=True)

    return mock.patch.object(room, "_in_order_of_ownership", last_first)


def whoever_connected_first_owns_a_name() -> Any:
    """Rule 3: the game is the tablet's that restarted."""

    def first_first(player_id: PlayerId, rows: list[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: row.age)

    return mock.patch.object(room, "_in_order_of_ownership", first_first)


def dead_rows_are_found_out_for_nothing() -> Any:
    """Rule 3: what found nobody is tried again with the next owner."""

    def gone(self: invocation.Invocation, effect: Any) -> None:
        self._room = self._room.without(effect.connection_id)
        self._pending.append(Gone(effect.connection_id))

    return mock.patch.object(invocation.Invocation, "gone", gone)


def anybody_speaks_in_any_name() -> Any:
    """Rule 3: one owner, also of what is said."""
    return _without_probes(lambda signal: signal.type == "join")


def joiners_of_a_taken_name_are_let_in() -> Any:
    """Rule 4."""
    return _without_probes(lambda signal: signal.type != "join")


def joiners_of_a_taken_name_are_refused_unasked() -> Any:
    """Rule 4: no ghost locks anybody out."""
    real = routing._pass_on

    def pass_on(signal: Signal, *more: Any) -> list[Effect]:
        effects = real(signal, *more)
        if any(isinstance(effect, Probe) for effect in effects):
            raise DuplicateName(PlayerId("?"))
        return effects

    return mock.patch.object(routing, "_pass_on", pass_on)


def nobody_takes_over() -> Any:
    """Rule 5."""
    return mock.patch.object(routing, "_admit", lambda event, *more: [Save(event.row)])


def takers_over_lose_their_seat() -> Any:
    """Rule 5: the successor ranks as the row that it replaced."""
    return mock.patch.object(routing, "_seated", lambda newcomer, former: newcomer)


def latest_of_a_session_is_as_good_as_any() -> Any:
    """Rule 5: whichever invocation writes last, the newest connection has the seat."""
    return mock.patch.object(Row, "age", property(lambda row: ("", row.connection_id)))


def late_losers_throw_the_winner_out() -> Any:
    """Rule 5: a takeover is fenced; the older newcomer gives way to the one that has won."""
    real = routing._admit

    def admit(event: Connect, room: Room, *more: Any) -> list[Effect]:
        try:
            return real(event, room, *more)
        except Superseded:
            others = [row for row in room if row.session == event.row.session]
            return [Save(event.row), *(Forget(row.connection_id) for row in others)]

    return mock.patch.object(routing, "_admit", admit)


def no_host_is_protected() -> Any:
    """Rule 5."""
    real = routing._admit

    def admit(event: Connect, room: Room, *more: Any) -> list[Effect]:
        effects = real(event, room, *more)
        is_probe = any(isinstance(effect, Probe) for effect in effects)
        return [Save(event.row)] if is_probe else effects

    return mock.patch.object(routing, "_admit", admit)


def protected_hosts_refuse_even_when_dead() -> Any:
    """Rule 5: while it is alive."""
    real = routing._admit

    def admit(event: Connect, room: Room, *more: Any) -> list[Effect]:
        effects = real(event, room, *more)
        if any(isinstance(effect, Probe) for effect in effects):
            return routing.route(Alive(HOST, event), room)
        return effects

    return mock.patch.object(routing, "_admit", admit)


def candidates_do_not_wait() -> Any:
    """Rule 6."""
    return mock.patch.object(routing, "_is_early", return_value=False)


def candidates_wait_for_an_offer_to_anybody() -> Any:
    """Rule 6: of its own pair."""

    def is_early(signal: Signal, sender: Row, target: Row) -> bool:
        return signal.type == "ice-candidate" and not sender.reached and signal.waits < 10

    return mock.patch.object(routing, "_is_early", is_early)


def ghosts_settle_as_soon_as_they_are_stored() -> Any:
    """What is left of a handshake then takes a moment."""
    return mock.patch.object(model, "OPENING_S", -7200)


def who_is_still_connecting_is_forgotten() -> Any:
    """A connection opens when its ``$connect`` has returned."""
    return mock.patch.object(Row, "is_settling", return_value=False)


def _without_probes(spared: Callable[[Signal], bool]) -> Any:
    """Let every message through that is not spared, whoever owns its sender's name."""
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


ANYWHERE = [
    rows_never_expire,
    whoever_connected_last_owns_a_name,
    whoever_connected_first_owns_a_name,
    dead_rows_are_found_out_for_nothing,
    anybody_speaks_in_any_name,
    joiners_of_a_taken_name_are_let_in,
    joiners_of_a_taken_name_are_refused_unasked,
    nobody_takes_over,
    takers_over_lose_their_seat,
    latest_of_a_session_is_as_good_as_any,
    no_host_is_protected,
    protected_hosts_refuse_even_when_dead,
]
AT_ONCE = [
    late_losers_throw_the_winner_out,
    candidates_do_not_wait,
    candidates_wait_for_an_offer_to_anybody,
    ghosts_settle_as_soon_as_they_are_stored,
    who_is_still_connecting_is_forgotten,
]
"""In one process nothing overtakes, and nobody is seen while connecting."""

MUTATIONS: dict[str, list[Mutation]] = {"lambda": ANYWHERE + AT_ONCE, "core": ANYWHERE}

CASES = [(host, mutation) for host, mutations in MUTATIONS.items() for mutation in mutations]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("host", "mutation"), CASES, ids=[f"{host}-{mutation.__name__}" for host, mutation in CASES]
)
def test_a_broken_rule_is_noticed(host: str, mutation: Mutation) -> None:
    """Within as many schedules as every run of the tests plays."""
    with mutation():
        failure = first_failure(range(SCHEDULES), host)
    assert failure is not None, f"{SCHEDULES} schedules, and nobody noticed"
    number, story = failure
    print(f"{host:6}  {mutation.__name__:45}  {number:3}  {story.splitlines()[0]}")
