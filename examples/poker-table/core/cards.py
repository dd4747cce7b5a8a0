"""Cards, as they are dealt over a data channel."""

import random

SUITS = "♠♥♦♣"
RANKS = "23456789TJQKA"


def deal(players: list[str], seed: int) -> dict[str, list[str]]:
    """Return two cards for each player; no card twice."""
    deck = [rank + suit for suit in SUITS for rank in RANKS]
    random.Random(seed).shuffle(deck)
    return {player: [deck.pop(), deck.pop()] for player in players}
