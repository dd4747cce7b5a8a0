"""Budgets of a host: waits of a connection, and games that were found full."""

import pytest

from poker_signal.core import budgets
from poker_signal.core.budgets import FullGames, WaitBudget
from poker_signal.core.errors import GameFull, HostProtected, SignalError
from poker_signal.core.invocation import Outcome
from poker_signal.core.model import ConnectionId, Disconnect, GatewayEvent, Signal, Wait
from tests.core.build import AT, connect, message, row, signal

ALICE = row("Alice", 1)
BOB = row("Bob", 2)
OFFER = signal(ALICE, "offer", "Bob")
OTHER_GAME = connect(row("Carol", 9, game_id="4712"))


def allowed(budget: WaitBudget, at: int, target_id: str = "Bob") -> int:
    """Return how many of Alice's next 40 messages to a player may wait."""
    said = signal(ALICE, "offer", target_id)._replace(at=at)
    return sum(may_wait(budget, said) for _ in range(40))


def may_wait(budget: WaitBudget, said: Signal) -> bool:
    """Return whether a message may wait: a candidate for its offer, another for its target."""
    return budget.allows(Wait(0.1, said, reads_game=said.type != "ice-candidate"))


def test_a_connection_may_wait_32_times_at_once_and_then_every_two_seconds() -> None:
    """Each connection has its own bucket, for all of its targets."""
    budget = WaitBudget()
    assert allowed(budget, AT) == 32
    assert not may_wait(budget, signal(ALICE, "join"))
    assert may_wait(budget, signal(BOB, "ice-candidate", "Alice"))
    assert [allowed(budget, AT + second) for second in (1, 2, 3, 4, 8)] == [0, 1, 0, 1, 2]
    assert allowed(budget, AT + 3600) == 32


def test_a_pair_that_waited_in_vain_does_not_wait_for_a_minute() -> None:
    """Its messages take no tokens; candidates, other targets and other senders still wait."""
    budget = WaitBudget()
    budget.note_vain(OFFER)
    assert may_wait(budget, signal(ALICE, "ice-candidate", "Bob"))
    assert allowed(budget, AT) == 0
    assert allowed(budget, AT, "Carol") == 31
    assert not may_wait(budget, signal(ALICE, "answer", "Bob"))
    assert may_wait(budget, signal(BOB, "offer", "Bob"))
    assert allowed(budget, AT + 59) == 0
    assert allowed(budget, AT + 60) == 30


def test_the_memory_of_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is full it is cleared, and each connection may wait again."""
    monkeypatch.setattr(budgets, "MAX_ENTRIES", 2)
    budget = WaitBudget()
    assert allowed(budget, AT) == 32
    budget.note_vain(signal(BOB, "join"))
    assert may_wait(budget, signal(BOB, "offer", "Alice"))
    assert not may_wait(budget, OFFER)
    assert may_wait(budget, signal(row("Carol"), "join"))
    assert may_wait(budget, OFFER)
    budget.note_vain(OFFER)
    assert not may_wait(budget, signal(BOB, "join"))
    budget.note_vain(signal(ALICE, "join"))
    assert may_wait(budget, signal(BOB, "join"))
    assert may_wait(budget, OFFER)
    assert not may_wait(budget, signal(ALICE, "join"))


def test_a_full_game_is_not_probed_again_for_five_seconds() -> None:
    """The marked event is otherwise the same, and other games are not affected."""
    games, asks = FullGames(), connect(ALICE)
    assert games.checked(asks) is asks
    games.note(asks, Outcome("refused", GameFull()))
    for second, may_probe in ((0, False), (4, False), (5, True)):
        again = connect(BOB)._replace(at=AT + second)
        assert games.checked(again) == again._replace(may_probe_seats=may_probe)
    assert games.checked(OTHER_GAME) is OTHER_GAME


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (connect(ALICE), None),
        (connect(ALICE), HostProtected()),
        (connect(ALICE)._replace(may_probe_seats=False), GameFull()),
        (message(ALICE, "{}"), GameFull()),
        (Disconnect(ConnectionId("c1")), None),
    ],
    ids=["connected", "another error", "not probed", "message", "disconnect"],
)
def test_only_probes_find_a_game_full(event: GatewayEvent, error: SignalError | None) -> None:
    """Newcomers that try all the time do not keep the seats from being probed."""
    games = FullGames()
    games.note(event, Outcome("any", error))
    assert games.checked(event) is event
    asks = connect(BOB)
    assert games.checked(asks) is asks


def test_the_memory_of_full_games_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is full it is cleared; the next newcomers probe their games again."""
    monkeypatch.setattr(budgets, "MAX_ENTRIES", 1)
    games, asks = FullGames(), connect(ALICE)
    games.note(asks, Outcome("refused", GameFull()))
    games.note(OTHER_GAME, Outcome("refused", GameFull()))
    assert games.checked(asks) is asks
    assert games.checked(OTHER_GAME) == OTHER_GAME._replace(may_probe_seats=False)
