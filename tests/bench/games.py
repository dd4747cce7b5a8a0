"""Games of an evening, minute by minute: who connects when, says what, and leaves.

What the client in the field does is known (docs/lambda.md, docs/deploy.md); how long people play
and how often a phone loses its network is assumed, and stands in ``Habits``.
"""

import math
import random
from typing import NamedTuple

MINUTE, HOUR, DAY = 60, 3_600, 86_400
DAYS = 30

IDLE_S = 600
MAX_CONNECTION_S = 7_200
"""API Gateway closes a connection that is silent, and any after two hours."""

HOUR_WEIGHTS = (4, 2, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 20, 35, 60, 70, 45, 22, 10)
"""When a game starts, by the hour of the players' day."""

DAY_WEIGHTS = (0.7, 0.7, 0.8, 0.9, 1.6, 1.8, 1.0)
"""Monday to Sunday."""


class Habits(NamedTuple):
    """What people and their phones do; every figure is assumed."""

    players: tuple[int, ...] = (1, 2, 4, 5, 5, 4, 2, 1)
    """How often a game has 2, 3, … 9 players beside the host's tablet."""
    late_s: float = 300
    """Most games start on the hour or half past it, so much late on average."""
    punctual: float = 0.7
    duration_s: float = 2.5 * HOUR
    duration_spread: float = 0.4
    """Sigma of the logarithm."""
    gathering_s: float = 240
    """From the host's connect to a player's, on average."""
    losses_per_hour: float = 0.25
    """How often a phone loses its connection and shakes hands anew."""
    unnoticed: float = 0.2
    """How many of those leave a ghost, because no close reached API Gateway in time."""
    candidates: tuple[int, int] = (2, 6)
    """Of each side; eight a handshake on average."""
    early: float = 0.05
    """Candidates that overtake their offer and wait for it once."""
    pinging_players: float = 0.25
    """Players whose client keeps the connection; others are closed when they are silent."""
    ping_s: float = 480


HABITS = Habits()


Happening = tuple[float, str, int]
"""An event at API Gateway: when, what kind, and the sender's number within its game."""


def games_of(games_a_day: float, day: int) -> float:
    """Return how many games start on a day of the month, on average."""
    return games_a_day * DAY_WEIGHTS[day % 7] * 7 / sum(DAY_WEIGHTS)


def start_of_day(chance: random.Random, habits: Habits = HABITS) -> float:
    """Return when a game starts, in seconds of its day."""
    (hour,) = chance.choices(range(24), HOUR_WEIGHTS)
    if chance.random() < habits.punctual:
        return hour * HOUR + chance.choice((0, HOUR / 2)) + chance.expovariate(1 / habits.late_s)
    return hour * HOUR + chance.random() * HOUR


def poisson(mean: float, chance: random.Random) -> int:
    """Return how many come of what comes by itself."""
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    count, product, limit = 0, chance.random(), math.exp(-mean)
    while product > limit:
        count, product = count + 1, product * chance.random()
    return count


class Game:
    """One game: its events, from the host's connect to the last leave."""

    def __init__(self, chance: random.Random, habits: Habits = HABITS) -> None:
        self._chance = chance
        self._habits = habits
        self._connections = 0
        self.happenings: list[Happening] = []
        """In seconds since the game's start, in no order."""
        self.connected_s: list[tuple[float, float]] = []
        """When each connection was open, from and to."""
        self._play()

    def _play(self) -> None:
        chance, habits = self._chance, self._habits
        end_s = habits.duration_s * math.exp(chance.gauss(0, habits.duration_spread))
        # The tablet pings, because whoever comes late has to find it.
        host = self._stay(0, end_s, "$connect host", is_pinging=True)
        (players,) = chance.choices(range(2, 10), habits.players)
        for _ in range(players):
            self._player(host, end_s)

    def _player(self, host: int, end_s: float) -> None:
        chance, habits = self._chance, self._habits
        is_pinging = chance.random() < habits.pinging_players
        at_s = chance.expovariate(1 / habits.gathering_s)
        is_ghost_left = False
        while at_s < end_s:
            lost_s = at_s + chance.expovariate(habits.losses_per_hour / HOUR)
            until_s = min(lost_s, end_s)
            player = self._stay(at_s, until_s, "$connect", is_pinging)
            self._handshake(at_s + 1, host, player, is_ghost_left)
            # A connection that was closed for its silence leaves nothing when it is lost.
            is_open = is_pinging or until_s - at_s < IDLE_S
            is_ghost_left = is_open and chance.random() < habits.unnoticed
            at_s = lost_s + chance.uniform(5, 30)

    def _handshake(self, join_s: float, host: int, player: int, is_past_ghost: bool) -> None:
        chance, habits, say = self._chance, self._habits, self.happenings.append
        say((join_s, "join past a ghost" if is_past_ghost else "join", player))
        offer_s = join_s + chance.uniform(0.2, 0.5)
        say((offer_s, "offer", host))
        answer_s = offer_s + chance.uniform(0.2, 0.5)
        say((answer_s, "answer", player))
        for described_s, sender in ((offer_s, host), (answer_s, player)):
            for _ in range(chance.randint(*habits.candidates)):
                is_early = chance.random() < habits.early
                kind = "ice-candidate early" if is_early else "ice-candidate"
                say((described_s + chance.expovariate(4), kind, sender))

    def _stay(self, at_s: float, until_s: float, kind: str, is_pinging: bool) -> int:
        """Stay connected as long as API Gateway allows, anew every two hours; return the first."""
        first = self._connections
        if not is_pinging:
            self._connection(at_s, min(until_s, at_s + IDLE_S), kind)
            return first
        say, ping_s = self.happenings.append, self._habits.ping_s
        while at_s < until_s:
            closed_s = min(at_s + MAX_CONNECTION_S, until_s)
            number = self._connection(at_s, closed_s, kind)
            for ping in range(1, math.ceil((closed_s - at_s) / ping_s)):
                say((at_s + ping * ping_s, "ping", number))
            at_s = closed_s
        return first

    def _connection(self, at_s: float, until_s: float, kind: str) -> int:
        number, self._connections = self._connections, self._connections + 1
        self.happenings.append((at_s, kind, number))
        self.happenings.append((until_s, "$disconnect", number))
        self.connected_s.append((at_s, until_s))
        return number
