"""A month at 1, 1 000 and 1 000 000 games a day, simulated: the tables of docs/scale.md.

The calls of AWS are counted and the CPU is measured; people's habits are assumed, in
``games.Habits``. The same seed each time, so the same tables.
"""

import io
import itertools
import random
import statistics
from collections.abc import Callable
from functools import cache
from operator import mul
from typing import NamedTuple

from poker_signal.core.invocation import Outcome
from poker_signal.lambda_app import log
from tests.bench import aws_facts, lambda_cost
from tests.bench.aws_facts import FIRST_MESSAGES, PRICES, cpu_share
from tests.bench.games import DAYS, HABITS, MINUTE
from tests.bench.lambda_cost import EVENTS, Cost
from tests.bench.month import (
    KEPT_S,
    READS,
    SITUATIONS,
    Average,
    Containers,
    Event,
    Load,
    average,
    drawn,
    events,
    over_time,
    played,
    run,
    starts_by_minute,
)
from tests.core.build import AT
from tests.lambda_app.calls import measured

SCALES = (1, 1_000, 1_000_000)

ACCESS_LOG_BYTES = 400

ZOOM_S = 20
"""Of the busiest minute, where a month is not played game by game."""


class Peak(NamedTuple):
    """The busiest that a month gets."""

    events_s: float
    requests_s: float
    connects_s: float
    invocations_s: float
    reads_s: float
    writes_s: float
    concurrency: float
    open: float


class Month(NamedTuple):
    """A simulated month."""

    games: float
    kinds: dict[str, float]
    """Events by kind."""
    minutes: float
    looked_up: float
    cold: float
    peak: Peak


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
        return aws_facts.seconds_of(["GetItem"], 0, self.memory_mb)

    def containers(self, *, are_there: bool = False) -> Containers:
        """Return Lambda without any container, or as if all that are needed had been started."""
        return Containers(self.kinds, 0 if are_there else self.start_s, self.look_up_s)


@cache
def known() -> Known:
    """Return what is measured, counted and assumed."""
    calls, cost = measured(), lambda_cost.kept()
    memory_mb = aws_facts.default_of("memory_size")
    return Known(calls, cost, memory_mb, events(calls, cost, memory_mb), average())


def month_of(games_a_day: int) -> Month:
    """Simulate a month."""
    if games_a_day < 100:
        return _played_month(games_a_day)
    if games_a_day < 100_000:
        return _month_with_a_played_day(games_a_day)
    return _flowing_month(games_a_day)


def _peak(load: Load, **others: float) -> Peak:
    return Peak(**{name: getattr(load, name) for name in Peak._fields} | others)


def _played_month(games_a_day: int) -> Month:
    """Play every game of the month."""
    facts = known()
    load = run(played(games_a_day, range(DAYS), HABITS), facts.kinds, facts.containers())
    games = load.kinds["$connect host"] / facts.average.per_game["$connect host"]
    kinds = {kind: float(load.kinds.get(kind, 0)) for kind in SITUATIONS}
    minutes = facts.average.minutes * games
    return Month(games, kinds, minutes, load.looked_up, load.cold, _peak(load))


def _month_with_a_played_day(games_a_day: int) -> Month:
    """Play every game of a Saturday, the busiest day; of the others the average."""
    facts = known()
    load = run(played(games_a_day, [5], HABITS), facts.kinds, facts.containers())
    games = sum(starts_by_minute(games_a_day, random.Random(3), HABITS))
    kinds = {kind: games * times for kind, times in facts.average.per_game.items()}
    share = sum(kinds.values()) / load.events
    return Month(
        games,
        kinds,
        games * facts.average.minutes,
        load.looked_up * share,
        load.cold * share,
        _peak(load),
    )


def _flowing_month(games_a_day: int) -> Month:
    """Reckon minute by minute, and event by event in the busiest minute."""
    facts = known()
    starts = starts_by_minute(games_a_day, random.Random(3), HABITS)
    games = sum(starts)
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
    load = run(drawn(there, ZOOM_S), facts.kinds, facts.containers(are_there=True))
    kinds = {kind: games * times for kind, times in facts.average.per_game.items()}
    # Nobody is looked up twice by a container that saw one of thousands of connections.
    looked_up = sum(times for kind, times in kinds.items() if not facts.kinds[kind].knows_sender)
    per_request = load.concurrency / by_minute[busiest]
    return Month(
        games,
        kinds,
        games * facts.average.minutes,
        looked_up,
        _cold(by_minute, per_request),
        _peak(load, open=max(over_time(starts, facts.average.open))),
    )


def _cold(requests: list[float], per_request: float) -> float:
    """Return how many containers start in a month, where one is kept for minutes after its use."""
    needed = [rate * per_request for rate in requests]
    kept = KEPT_S // MINUTE
    there = [max(needed[max(0, minute - kept) : minute + 1]) for minute in range(len(needed))]
    return there[0] + sum(max(0.0, after - before) for before, after in itertools.pairwise(there))


class Bill(NamedTuple):
    """A month in USD."""

    messages: float
    minutes: float
    invocations: float
    gb_s: float
    writes: float
    reads: float
    logs: float
    out: float

    @property
    def total(self) -> float:
        """Return all of it."""
        return sum(self)


def units_of(month: Month) -> dict[str, float]:
    """Return what is paid for."""
    facts = known()

    def total(of: Callable[[str, Event], float]) -> float:
        return sum(times * of(kind, facts.kinds[kind]) for kind, times in month.kinds.items())

    invocations = total(lambda kind, event: 1)
    more_s = month.looked_up * facts.look_up_s + month.cold * facts.start_s
    seconds = total(lambda kind, event: event.seconds) + more_s
    return {
        "messages": total(lambda kind, event: event.is_message + event.sent),
        "minutes": month.minutes,
        "invocations": invocations,
        "gb_s": seconds * facts.memory_mb / 1024,
        "writes": total(lambda kind, event: event.writes),
        "reads": total(lambda kind, event: event.reads) + month.looked_up * READS["GetItem"],
        "log_gb": invocations * (line_bytes() + ACCESS_LOG_BYTES) / 1e9,
        "out_gb": total(lambda kind, event: event.sent * body_bytes(kind)) / 1e9,
    }


def bill_of(month: Month) -> Bill:
    """Return what a month costs."""
    units = units_of(month)
    usd = {name: number * PRICES[name].usd for name, number in units.items()}
    beyond = max(0.0, units["messages"] - FIRST_MESSAGES)
    usd["messages"] -= beyond * (PRICES["messages"].usd - PRICES["messages beyond"].usd)
    return Bill(*usd.values())


def body_bytes(kind: str) -> int:
    """Return the size of a message, as it is passed on."""
    event = EVENTS[kind.partition(" ")[0]]
    return len(event.get("body", ""))


@cache
def line_bytes() -> int:
    """Return the size of the function's line about a candidate."""
    out = io.StringIO()
    line = log.line_of(
        EVENTS["ice-candidate"],
        Outcome("delivered"),
        type_="ice-candidate",
        effects={"Post": 1},
        unreadable_items=0,
        ms=25.125,
        at_ms=AT * 1000,
    )
    log.write(line, out)
    return len(out.getvalue())
