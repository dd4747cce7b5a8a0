"""Tests of the app's rules, without a network."""

from core.cards import deal


def test_nobody_gets_anybodys_cards() -> None:
    """Ten players get twenty different cards."""
    hands = deal([f"Player {number}" for number in range(10)], seed=1)
    assert len({card for hand in hands.values() for card in hand}) == 20
