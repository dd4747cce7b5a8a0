"""A month of games on AWS: minute by minute, and event by event where it is busiest.

The calls of AWS are counted and the CPU is measured; people's habits are assumed, in
``games.Habits``. The same seed each time, so the same tables.
"""

import heapq
import itertools
import math
import random
import statistics
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from functools import cache
from operator import mul
from typing import NamedTuple

from tests.bench import lambda_cost
from tests.bench.aws_facts import cpu_share, default_of, seconds_of
from tests.bench.games import (
    DAY,
    DAYS,
    HABITS,
    HOUR_WEIGHTS,
    MINUTE,
    Game,
    Habits,
    games_of,
    poisson,
    start_of_day,
)
from tests.bench.lambda_cost import Cost
from tests.lambda_app.calls import DYNAMODB, measured

SAMPLE = 4_000
"""Games that are played one by one, to know what an average game does when."""

ZOOM_S = 5
"""Of the busiest minute, where a month is not played game by game."""

KEPT_S = 600
"""How long AWS keeps a container that nobody needs; assumed."""

REMEMBERED = 4_096
SITUATIONS = {
    "$connect": "`$connect` of a player",
    "$connect host": "`$connect` of `HOST`",
    "$disconnect": "`$disconnect`",
    "join": "`join`, warm container",
    "join past a ghost": "`join` after one's own ghost",
    "offer": "`offer` or `answer`",
    "answer": "`offer` or `answer`",
    "ice-candidate": "`ice-candidate` after its offer",
    "ice-candidate early": "`ice-candidate` that waits once for its offer",
    "ping": "`ping`",
}
WAITS_S = {"ice-candidate early": 0.1}

READS = {"GetItem": 1.0, "Query": 0.5}
"""Units of up to 4 KB: consistent, and from the index, which is never."""
WRITE_UNITS = 2
"""The table's and the index's: rows are below 1 KB and every attribute is projected."""


class Event(NamedTuple):
    """What an event of a kind costs on a warm container."""

    is_message: bool
    posts: int
    """Calls of @connections, which count as requests of the account."""
    sent: int
    """Those of them that send a message."""
    reads: float
    writes: int
    seconds: float
    knows_sender: bool
    """Whether it has no use for the sender's row."""


def events(calls: dict[str, list[str]], cost: Cost, memory_mb: int) -> dict[str, Event]:
    """Return every kind of event, by the calls that are counted and the CPU that is measured."""
    found = {}
    for kind, situation in SITUATIONS.items():
        called = calls[situation]
        measured_as = kind.partition(" ")[0]
        found[kind] = Event(
            not kind.startswith("$"),
            sum(call not in DYNAMODB for call in called),
            called.count("PostToConnection"),
            sum(READS.get(call, 0) for call in called),
            WRITE_UNITS * sum(call in DYNAMODB - READS.keys() for call in called),
            seconds_of(called, cost.warm_s(measured_as), memory_mb) + WAITS_S.get(kind, 0),
            "Query" not in called or kind.startswith("$"),
        )
    return found


class Average(NamedTuple):
    """What an average game does."""

    per_game: dict[str, float]
    """How often each kind of event happens."""
    by_minute: dict[str, list[float]]
    """The same by the minute since the game's start."""
    open: list[float]
    """Open connections by the minute since the game's start."""
    minutes: float
    """Connected, all connections together."""
    handshakes: float
    players: float


def average(habits: Habits = HABITS) -> Average:
    """Play a sample of games."""
    chance = random.Random(6)
    counts: dict[str, Counter[int]] = {kind: Counter() for kind in SITUATIONS}
    opened: Counter[int] = Counter()
    connected_s = 0.0
    for _ in range(SAMPLE):
        game = Game(chance, habits)
        for at_s, kind, _ in game.happenings:
            counts[kind][int(at_s // MINUTE)] += 1
        for from_s, to_s in game.connected_s:
            connected_s += to_s - from_s
            opened.update(range(int(from_s // MINUTE), int(to_s // MINUTE) + 1))
    length = 1 + max(max(counter, default=0) for counter in counts.values())
    by_minute = {
        kind: [counter[minute] / SAMPLE for minute in range(length)]
        for kind, counter in counts.items()
    }
    per_game = {kind: sum(rates) for kind, rates in by_minute.items()}
    return Average(
        per_game,
        by_minute,
        [opened[minute] / SAMPLE for minute in range(length)],
        connected_s / MINUTE / SAMPLE,
        per_game["offer"],
        sum(map(mul, range(2, 10), habits.players)) / sum(habits.players),
    )


def minute_weights(habits: Habits) -> list[float]:
    """Return which part of a day's games starts in each of its minutes."""
    minutes = DAY // MINUTE
    weights = [0.0] * minutes
    for hour, weight in enumerate(HOUR_WEIGHTS):
        share = weight / sum(HOUR_WEIGHTS)
        for minute in range(60):
            weights[hour * 60 + minute] += share * (1 - habits.punctual) / 60
        for mark in (hour * 60, hour * 60 + 30):
            for minute in range(120):
                begin, end = minute * MINUTE, (minute + 1) * MINUTE
                part = math.exp(-begin / habits.late_s) - math.exp(-end / habits.late_s)
                weights[(mark + minute) % minutes] += share * habits.punctual / 2 * part
    return weights


def over_time(starts: Sequence[float], since_start: Sequence[float]) -> list[float]:
    """Return a figure for each minute, of all games that have started by then."""
    backwards = since_start[::-1]
    padded = [0.0] * (len(backwards) - 1) + [*starts]
    return [
        sum(map(mul, padded[minute : minute + len(backwards)], backwards))
        for minute in range(len(starts))
    ]


class Peak(NamedTuple):
    """The busiest seconds of a stretch of the month."""

    requests_s: float
    """As API Gateway counts them for an account: handshakes, messages and calls of
    @connections."""
    events_s: float
    """The same without @connections: what a stage throttles."""
    invocations_s: float
    """These and the closed connections."""
    connects_s: float
    reads_s: float
    writes_s: float
    concurrency: float
    open: float
    """Connections at once."""


Happenings = Iterable[tuple[float, str, object]]


class Containers:
    """Lambda's: an event goes to the one that was busy last, or starts another."""

    def __init__(self, kinds: dict[str, Event], start_s: float, look_up_s: float) -> None:
        self._kinds = kinds
        self._start_s = start_s
        self._look_up_s = look_up_s
        self._idle: deque[tuple[float, set[object]]] = deque()
        self._busy: list[tuple[float, int, set[object]]] = []
        self._numbers = 0
        self.peak = self.cold = self.events = self.looked_up = 0

    def __call__(self, at_s: float, kind: str, sender: object) -> bool:
        """Handle an event; tell whether the sender had to be looked up."""
        while self._busy and self._busy[0][0] <= at_s:
            free_s, _, known = heapq.heappop(self._busy)
            self._idle.append((free_s, known))
        while self._idle and self._idle[0][0] < at_s - KEPT_S:
            self._idle.popleft()
        event = self._kinds[kind]
        seconds = event.seconds
        if self._idle:
            _, known = self._idle.pop()
        else:
            known = set()
            self.cold += 1
            seconds += self._start_s
        is_looked_up = not event.knows_sender and sender not in known
        seconds += self._look_up_s * is_looked_up
        if len(known) >= REMEMBERED:
            known.clear()
        if kind == "$disconnect":
            known.discard(sender)
        elif kind != "ping":
            known.add(sender)
        self._numbers += 1
        heapq.heappush(self._busy, (at_s + seconds, self._numbers, known))
        self.events += 1
        self.looked_up += is_looked_up
        self.peak = max(self.peak, len(self._busy))
        return is_looked_up


def run(happenings: Happenings, kinds: dict[str, Event], containers: Containers) -> Peak:
    """Handle events in their order; return what the busiest seconds were like."""
    seconds: list[Counter[int]] = [Counter() for _ in Peak._fields[:6]]
    opened = most_open = 0
    for at_s, kind, sender in happenings:
        event, second = kinds[kind], int(at_s)
        is_looked_up = containers(at_s, kind, sender)
        is_connect, is_disconnect = kind.startswith("$connect"), kind == "$disconnect"
        opened += is_connect - is_disconnect
        most_open = max(most_open, opened)
        # That a connection has closed is no request of anybody's.
        asked = not is_disconnect
        # Counted in halves, because a counter counts whole ones.
        reads = round(2 * (event.reads + is_looked_up * READS["GetItem"]))
        counted = asked + event.posts, asked, 1, is_connect, reads, event.writes
        for counter, number in zip(seconds, counted, strict=True):
            counter[second] += number
    busiest = [float(max(counter.values(), default=0)) for counter in seconds]
    busiest[4] /= 2
    return Peak._make([*busiest, containers.peak, most_open])


def played(games_a_day: float, days: Iterable[int], habits: Habits = HABITS) -> Happenings:
    """Return what happens in the games of some days, one by one, in order."""
    chance = random.Random(5)
    found: list[tuple[float, str, object]] = []
    for day in days:
        for number in range(poisson(games_of(games_a_day, day), chance)):
            start_s = day * DAY + start_of_day(chance, habits)
            found += [
                (start_s + at_s, kind, (day, number, sender))
                for at_s, kind, sender in Game(chance, habits).happenings
            ]
    return sorted(found, key=lambda happening: happening[0])


def drawn(rates: dict[str, float], seconds: int) -> Happenings:
    """Return what happens while so many of each kind come a minute, of senders never seen."""
    chance = random.Random(4)
    found: list[tuple[float, str, object]] = []
    for kind, rate in rates.items():
        number = poisson(rate * seconds / MINUTE, chance)
        found += [(chance.uniform(0, seconds), kind, object()) for _ in range(number)]
    return sorted(found, key=lambda happening: happening[0])


class Known(NamedTuple):
    """What the simulation is driven by."""

    calls: dict[str, list[str]]
    cost: Cost
    memory_mb: int
    kinds: dict[str, Event]
    average: Average

    @property
    def start_s(self) -> float:
        """Return how long a container starts, at the CPU share of its memory."""
        return statistics.median(self.cost.start) / cpu_share(self.memory_mb)

    @property
    def look_up_s(self) -> float:
        """Return how much longer a message of an unknown sender takes."""
        return seconds_of(["GetItem"], 0, self.memory_mb)


@cache
def known() -> Known:
    """Return what is measured, counted and assumed."""
    calls, cost = measured(), lambda_cost.kept()
    memory_mb = default_of("memory_size")
    return Known(calls, cost, memory_mb, events(calls, cost, memory_mb), average())


class Month(NamedTuple):
    """A simulated month: of its games the average, of its peaks the busiest."""

    games: float
    looked_up: float
    """Messages whose container did not know the sender."""
    cold: float
    """Events that started a container."""
    peak: Peak

    @property
    def kinds(self) -> dict[str, float]:
        """Return events by kind."""
        return {kind: self.games * times for kind, times in known().average.per_game.items()}


SATURDAY = 5
"""The busiest day."""


def month_of(games_a_day: int) -> Month:
    """Simulate a month: all of a few games, of many a Saturday, of very many its flow."""
    games = sum(games_of(games_a_day, day) for day in range(DAYS))
    if games_a_day >= 100_000:
        return _flowing(games_a_day, games)
    facts = known()
    containers = Containers(facts.kinds, facts.start_s, facts.look_up_s)
    days = range(DAYS) if games_a_day < 100 else [SATURDAY]
    peak = run(played(games_a_day, days), facts.kinds, containers)
    share = games * sum(facts.average.per_game.values()) / containers.events
    return Month(games, containers.looked_up * share, containers.cold * share, peak)


def _flowing(games_a_day: int, games: float) -> Month:
    """Reckon a week minute by minute, and event by event in its busiest minute."""
    facts = known()
    weights = minute_weights(HABITS)
    starts = [games_of(games_a_day, day) * weight for day in range(7) for weight in weights]
    rates = facts.average.by_minute
    length = len(facts.average.open)
    requests = [
        sum(
            rates[kind][minute] * (kind != "$disconnect") + rates[kind][minute] * event.posts
            for kind, event in facts.kinds.items()
        )
        for minute in range(length)
    ]
    by_minute = over_time(starts, requests)
    busiest = max(range(len(by_minute)), key=by_minute.__getitem__)
    until = starts[max(0, busiest - length + 1) : busiest + 1]
    there = {kind: sum(map(mul, until, times[: len(until)][::-1])) for kind, times in rates.items()}
    # As if all containers that are needed had been started.
    containers = Containers(facts.kinds, 0, facts.look_up_s)
    peak = run(drawn(there, ZOOM_S), facts.kinds, containers)
    # Few messages find a container that saw their sender among thousands of connections.
    looked_up = games * sum(
        times
        for kind, times in facts.average.per_game.items()
        if not facts.kinds[kind].knows_sender
    )
    needed = [rate * peak.concurrency / by_minute[busiest] for rate in by_minute]
    kept = [max(needed[max(0, at - KEPT_S // MINUTE) : at + 1]) for at in range(len(needed))]
    cold = sum(max(0.0, after - before) for before, after in itertools.pairwise([0.0, *kept]))
    open_ = max(over_time(starts, facts.average.open))
    return Month(games, looked_up, cold * DAYS / 7, peak._replace(open=open_))
