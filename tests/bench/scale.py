"""A month at 1, 1 000 and 1 000 000 games a day: the tables of docs/scale.md. ::

python -m tests.bench scale      # prints them
python -m tests.bench.scale      # writes them into docs/scale.md
"""

import io
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from poker_signal.core.invocation import Outcome
from poker_signal.lambda_app import log
from tests.bench.aws_facts import (
    FIRST_MESSAGES,
    PRICES,
    QUOTAS,
    Quota,
)
from tests.bench.figures import Figure, filled, markdown
from tests.bench.games import HABITS
from tests.bench.lambda_cost import EVENTS
from tests.bench.lambda_handshake import memory_table
from tests.bench.month import READS, WRITE_UNITS, Event, Month, known, month_of
from tests.core.build import AT

DOC = Path(__file__).parents[2] / "docs" / "scale.md"
SCALES = (1, 1_000, 1_000_000)
ACCESS_LOG_BYTES = 400


@cache
def months() -> dict[int, Month]:
    """Return the simulated months by games a day."""
    return {scale: month_of(scale) for scale in SCALES}


# What is paid for


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


def units_of(month: Month) -> dict[str, float]:
    """Return what is paid for; the keys are those of the prices."""
    facts, kinds = known(), month.kinds

    def total(of: Callable[[Event], float]) -> float:
        return sum(times * of(facts.kinds[kind]) for kind, times in kinds.items())

    invocations = sum(kinds.values())
    more_s = month.looked_up * facts.look_up_s + month.cold * facts.start_s
    out_bytes = sum(
        times * facts.kinds[kind].sent * len(EVENTS[kind.partition(" ")[0]].get("body", ""))
        for kind, times in kinds.items()
    )
    return {
        "messages": total(lambda event: event.is_message + event.sent),
        "minutes": month.games * facts.average.minutes,
        "invocations": invocations,
        "gb_s": (total(lambda event: event.seconds) + more_s) * facts.memory_mb / 1024,
        "writes": total(lambda event: event.writes),
        "reads": total(lambda event: event.reads) + month.looked_up * READS["GetItem"],
        "log_gb": invocations * (line_bytes() + ACCESS_LOG_BYTES) / 1e9,
        "out_gb": out_bytes / 1e9,
    }


def bill_of(month: Month) -> dict[str, float]:
    """Return what a month costs in USD, by what is paid for."""
    units = units_of(month)
    usd = {name: number * PRICES[name].usd for name, number in units.items()}
    beyond = max(0.0, units["messages"] - FIRST_MESSAGES)
    usd["messages"] -= beyond * (PRICES["messages"].usd - PRICES["messages beyond"].usd)
    return usd


def _invocation_usd() -> float:
    """Return what an invocation costs with its lines in the logs, in USD a million."""
    facts = known()
    gb_s = facts.kinds["ice-candidate"].seconds * facts.memory_mb / 1024
    log_gb = (line_bytes() + ACCESS_LOG_BYTES) / 1e9
    usd = PRICES["invocations"].usd + gb_s * PRICES["gb_s"].usd + log_gb * PRICES["log_gb"].usd
    return usd * 1e6


def formula_usd() -> float:
    """Return what an average game costs by the formula, in USD."""
    facts = known().average
    per_game = facts.per_game
    spoken = sum(times for kind, times in per_game.items() if not kind.startswith("$"))
    pings, handshakes, connections = per_game["ping"], facts.handshakes, per_game["$disconnect"]
    usd = (
        2 * spoken * 1.00
        + facts.minutes * 0.25
        + (spoken + 2 * connections) * _invocation_usd()
        + WRITE_UNITS * 2 * (connections + handshakes) * 0.625
        + (spoken - pings) / 2 * 0.125
    )
    return usd / 1e6


# Tables


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 0) -> str:
    """Return a table: words, figures to the right, and in the last columns ``texts``."""
    figures = len(head) - 1 - texts
    return markdown([head, ["---", *["--:"] * figures, *["---"] * texts], *rows])


def number(value: float) -> str:
    """Return a figure with no more digits than it deserves."""
    if float(value).is_integer() and value < 1000:
        return str(int(value))
    places = 2 - math.floor(math.log10(abs(value)))
    return f"{round(value, places):,.{min(max(0, places), 5)}f}".replace(",", " ")


def _numbers(name: str, values: Iterable[float]) -> list[str]:
    return [name, *map(number, values)]


def _scale_names() -> list[str]:
    return [f"{scale:,} a day".replace(",", " ") for scale in SCALES]


def _game_table() -> str:
    """Return what an average game is made of."""
    facts = known().average
    candidates = facts.per_game["ice-candidate"] + facts.per_game["ice-candidate early"]
    rows = [
        ("players beside the host", "", facts.players),
        ("handshakes", "h", facts.handshakes),
        ("candidates of a handshake", "c", candidates / facts.handshakes),
        ("connections", "k", facts.per_game["$disconnect"]),
        ("pings", "g", facts.per_game["ping"]),
        ("minutes connected, together", "m", facts.minutes),
    ]
    return _table(
        ["an average game", "", "simulated"], [(a, b, number(value)) for a, b, value in rows]
    )


def _formula() -> str:
    """Return the formula, and how near it comes."""
    cost = formula_usd()
    ratios = [cost * month.games / sum(bill_of(month).values()) for month in months().values()]
    ours = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    return (
        "```text\n"
        "spoken      = h × (3 + c) + g\n"
        "messages    = 2 × spoken                     invocations = spoken + 2 × k\n"
        "write units = 4 × (k + h)                    read units  = h × (3 + c) / 2\n\n"
        f"USD = (messages × 1.00 + m × 0.25 + invocations × {_invocation_usd():.2f}\n"
        "       + write units × 0.625 + read units × 0.125) / 1 000 000\n"
        "```\n\n"
        f"For the average game: USD {cost * 1000:.2f} per thousand, which is {ours} × what the"
        " three\nsimulated months cost."
    )


PEAKS = {
    "connects_s": "new connections a second",
    "open": "connections at once",
    "events_s": "handshakes and messages a second",
    "requests_s": "requests a second, with `@connections`",
    "concurrency": "invocations at once",
    "writes_s": "write units a second",
    "reads_s": "read units a second",
}


def _month_table() -> str:
    """Return the simulated months."""
    of_all: dict[str, Callable[[Month], float]] = {
        "games": lambda month: month.games,
        "connections": lambda month: month.kinds["$disconnect"],
        "handshakes": lambda month: month.kinds["offer"],
        "messages, in and out": lambda month: units_of(month)["messages"],
        "invocations": lambda month: units_of(month)["invocations"],
        "… that start a container, %": lambda month: 100 * month.cold / sum(month.kinds.values()),
        "write units": lambda month: units_of(month)["writes"],
        "read units": lambda month: units_of(month)["reads"],
    }
    rows = [_numbers(name, map(of, months().values())) for name, of in of_all.items()]
    for field, name in PEAKS.items():
        peaks = [getattr(month.peak, field) for month in months().values()]
        rows.append(_numbers(f"peak: {name}", peaks))
    return _table(["a month", *_scale_names()], rows)


def reached_at(quota: Quota) -> float:
    """Return at how many games a day a quota is reached.

    Between two simulated months a peak grows by a power; beyond the last one with the games.
    """
    points = [(scale, getattr(month.peak, quota.measure)) for scale, month in months().items()]
    if points[0][1] >= quota.limit:
        return 1
    for (low, below), (high, above) in itertools.pairwise(points):
        if above >= quota.limit:
            power = math.log(high / low) / math.log(above / below)
            return float(low * (quota.limit / below) ** power)
    scale, peak = points[-1]
    return float(scale * quota.limit / peak)


def _quota_table() -> str:
    """Return the quotas in the order in which they are reached."""
    rows = []
    for quota in sorted(QUOTAS, key=reached_at):
        shares = [getattr(month.peak, quota.measure) / quota.limit for month in months().values()]
        games = float(f"{reached_at(quota):.1e}")
        limits = (f"{value:,.0f}".replace(",", " ") for value in (quota.limit, games))
        rows.append([quota.name, *limits, *(f"{number(100 * share)} %" for share in shares)])
    at = [f"at {name}" for name in _scale_names()]
    return _table(["quota", "default", "reached at, games a day", *at], rows)


ITEMS = (
    "API Gateway, messages",
    "API Gateway, minutes connected",
    "Lambda, invocations",
    "Lambda, GB s",
    "DynamoDB, write units",
    "DynamoDB, read units",
    "CloudWatch, both logs",
    "traffic to the internet",
)


def _bill_table() -> str:
    """Return what a month costs."""
    bills = [[*bill_of(month).values()] for month in months().values()]
    rows = [_numbers(name, usd) for name, usd in zip(ITEMS, zip(*bills, strict=True), strict=True)]
    rows.append(["**together**", *(f"**{number(sum(bill))}**" for bill in bills)])
    games = [month.games for month in months().values()]
    each = [sum(bill) / count * 1000 for bill, count in zip(bills, games, strict=True)]
    rows.append(_numbers("a thousand games", each))
    return _table(["USD a month", *_scale_names()], rows)


def _price_table() -> str:
    """Return the prices that were used."""
    rows = [
        (price.unit, f"{price.usd * (1 if price.usd > 0.01 else 1e6):g}", price.source)
        for price in PRICES.values()
    ]
    return _table(["unit", "USD, a million or one GB", "source"], rows, texts=1)


def _habit_table() -> str:
    """Return what is assumed of people."""
    habits = HABITS
    rows = [
        ("two to nine players beside the host, weights", ", ".join(map(str, habits.players))),
        ("games that start on the hour or half past it", f"{habits.punctual:.0%}"),
        ("… and how late, on average", f"{habits.late_s / 60:g} min"),
        ("how long a game lasts, median", f"{habits.duration_s / 3600:g} h"),
        ("from the host's connect to a player's, on average", f"{habits.gathering_s / 60:g} min"),
        ("connections that a phone loses in an hour", f"{habits.losses_per_hour:g}"),
        ("… of them without a close that API Gateway sees", f"{habits.unnoticed:.0%}"),
        ("candidates of each side", "{} to {}".format(*habits.candidates)),
        ("candidates that overtake their offer", f"{habits.early:.0%}"),
        ("players whose client pings; every host does", f"{habits.pinging_players:.0%}"),
        ("… every", f"{habits.ping_s / 60:g} min"),
    ]
    return _table(["assumed", ""], rows)


def blocks() -> dict[str, str]:
    """Return what stands between the page's marks."""
    return {
        "memory": memory_table(known().cost, known().calls),
        "game": _game_table(),
        "formula": _formula(),
        "month": _month_table(),
        "quotas": _quota_table(),
        "bill": _bill_table(),
        "prices": _price_table(),
        "habits": _habit_table(),
    }


def measure(is_full: bool) -> list[Figure]:
    """Print every table; a simulation has no bars."""
    print(f"scale: {known().memory_mb} MB, CPU of {known().cost.about}\n")
    print("\n\n".join(blocks().values()))
    return []


if __name__ == "__main__":
    DOC.write_text(filled(DOC.read_text(encoding="utf-8"), blocks()), encoding="utf-8")
