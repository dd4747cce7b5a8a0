"""Cards that the host deals over data channels."""

import random

SUITS = "♠♥♦♣"
RANKS = "23456789TJQKA"


def deal(players: list[str], seed: int) -> dict[str, list[str]]:
    """Return two cards for each player. No card is dealt twice."""
    deck = [rank + suit for suit in SUITS for rank in RANKS]
    random.Random(seed).shuffle(deck)
    return {player: [deck.pop(), deck.pop()] for player in players}
