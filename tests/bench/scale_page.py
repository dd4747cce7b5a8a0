"""The tables of docs/scale.md, from the simulation. ::

python -m tests.bench scale            # prints them
python -m tests.bench.scale_page       # writes them into docs/scale.md
"""

import itertools
import math
import random
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from poker_signal.lambda_app.table import _item_of
from tests.bench import lambda_cost
from tests.bench.aws_facts import (
    PARTITION_READS_S,
    PARTITION_WRITES_S,
    PRICES,
    Quota,
    default_of,
    quotas,
)
from tests.bench.figures import Found, Run
from tests.bench.games import HABITS, Game
from tests.bench.lambda_handshake import BARRED, sizes
from tests.bench.month import WRITE_UNITS
from tests.bench.scale import (
    ACCESS_LOG_BYTES,
    SCALES,
    Bill,
    Month,
    bill_of,
    known,
    line_bytes,
    month_of,
    units_of,
)

DOC = Path(__file__).parents[2] / "docs" / "scale.md"
READ_UNIT_BYTES = 4_096


@cache
def months() -> dict[int, Month]:
    """Return the simulated months by games a day."""
    return {scale: month_of(scale) for scale in SCALES}


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 0) -> str:
    """Return a table: words, figures to the right, and in the last columns ``texts``."""
    figures = len(head) - 1 - texts
    lines = [head, ["---", *["--:"] * figures, *["---"] * texts], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Return a figure with no more digits than it deserves."""
    if float(value).is_integer() and value < 1000:
        return str(int(value))
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    rounded = round(value, 2 - math.floor(math.log10(abs(value))))
    return f"{rounded:,.{min(digits, 5)}f}".replace(",", " ")


def scale_names() -> list[str]:
    """Return the heads of columns."""
    return [f"{scale:,} a day".replace(",", " ") for scale in SCALES]


def game_table() -> str:
    """Return what an average game is made of."""
    facts = known().average
    per_game = facts.per_game
    candidates = per_game["ice-candidate"] + per_game["ice-candidate early"]
    rows = [
        ("players beside the host", "", facts.players),
        ("handshakes", "h", facts.handshakes),
        ("candidates of a handshake", "c", candidates / facts.handshakes),
        ("connections", "k", per_game["$disconnect"]),
        ("pings", "g", per_game["ping"]),
        ("minutes connected, together", "m", facts.minutes),
    ]
    return markdown(
        ["an average game", "", "simulated"], [(a, b, number(value)) for a, b, value in rows]
    )


def invocation_usd() -> float:
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
        + (spoken + 2 * connections) * invocation_usd()
        + WRITE_UNITS * 2 * (connections + handshakes) * 0.625
        + (spoken - pings) / 2 * 0.125
    )
    return usd / 1e6


def formula() -> str:
    """Return the formula, and how near it comes."""
    cost = formula_usd()
    ratios = [cost * month.games / bill_of(month).total for month in months().values()]
    ours = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    return (
        "```text\n"
        "spoken      = h × (3 + c) + g\n"
        "messages    = 2 × spoken                     invocations = spoken + 2 × k\n"
        "write units = 4 × (k + h)                    read units  = h × (3 + c) / 2\n\n"
        f"USD = (messages × 1.00 + m × 0.25 + invocations × {invocation_usd():.2f}\n"
        "       + write units × 0.625 + read units × 0.125) / 1 000 000\n"
        "```\n\n"
        f"For the average game: USD {cost * 1000:.2f} per thousand, which is {ours} × what the"
        " three\nsimulated months cost."
    )


def month_table() -> str:
    """Return the simulated months."""
    rows: list[tuple[str, list[float]]] = []
    units = [units_of(month) for month in months().values()]
    sums = {name: [unit[name] for unit in units] for name in units[0]}
    all_months = list(months().values())
    rows += [
        ("games", [month.games for month in all_months]),
        ("connections", [month.kinds["$disconnect"] for month in all_months]),
        ("handshakes", [month.kinds["offer"] for month in all_months]),
        ("messages, in and out", sums["messages"]),
        ("invocations", sums["invocations"]),
        ("… that start a container, %", [_cold_percent(month) for month in all_months]),
        ("write units", sums["writes"]),
        ("read units", sums["reads"]),
    ]
    names = {
        "connects_s": "new connections a second",
        "open": "connections at once",
        "events_s": "handshakes and messages a second",
        "requests_s": "requests a second, with `@connections`",
        "concurrency": "invocations at once",
        "writes_s": "write units a second",
        "reads_s": "read units a second",
    }
    for field, name in names.items():
        rows.append((f"peak: {name}", [getattr(month.peak, field) for month in all_months]))
    return markdown(
        ["a month", *scale_names()], [(name, *map(number, values)) for name, values in rows]
    )


def _cold_percent(month: Month) -> float:
    return 100 * month.cold / sum(month.kinds.values())


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


def quota_table() -> str:
    """Return the quotas in the order in which they are reached."""
    rows = []
    for quota in sorted(quotas(), key=reached_at):
        shares = [
            getattr(month.peak, quota.measure) / quota.limit * 100 for month in months().values()
        ]
        limit = f"{quota.limit:,.0f}".replace(",", " ")
        rows.append(
            [quota.name, limit, f"{_two_digits(reached_at(quota))}", *map(_percent, shares)]
        )
    return markdown(
        ["quota", "default", "reached at, games a day", *(f"at {name}" for name in scale_names())],
        rows,
    )


def _two_digits(value: float) -> str:
    digits = 1 - math.floor(math.log10(value))
    return f"{round(value, digits):,.0f}".replace(",", " ")


def _percent(value: float) -> str:
    return f"{number(value)} %"


def remedy_table() -> str:
    """Return what to do about each quota, and who says that it is one."""
    rows = [(quota.name, quota.remedy, quota.source) for quota in sorted(quotas(), key=reached_at)]
    return markdown(["quota", "what to do", "source"], rows, texts=2)


def partition_table() -> str:
    """Return how hot one game's key in the index gets."""
    kinds, chance = known().kinds, random.Random(2)
    hottest_reads, hottest_writes = [], []
    for _ in range(2_000):
        reads: Counter[int] = Counter()
        writes: Counter[int] = Counter()
        for at_s, kind, _ in Game(chance, HABITS).happenings:
            reads[int(at_s)] += round(2 * kinds[kind].reads)
            writes[int(at_s)] += kinds[kind].writes
        hottest_reads.append(max(reads.values()) / 2)
        hottest_writes.append(max(writes.values()) / WRITE_UNITS)
    rows = [
        ("bytes of a player's row", number(row_bytes())),
        ("rows that a read unit's 4 KB hold", number(READ_UNIT_BYTES // row_bytes())),
        ("read units in a game's busiest second, median", number(statistics.median(hottest_reads))),
        ("… of 2 000 games", number(max(hottest_reads))),
        ("write units of the index in a game's busiest second", number(max(hottest_writes))),
        ("players who may join one game within a minute", number(players_of_a_hot_game())),
    ]
    return markdown(["one key of `gameId-index`", ""], rows)


def row_bytes() -> int:
    """Return the size of the host's row when it has reached five players."""
    item = _item_of(lambda_cost.HOST._replace(connection_id=16 * "x"))  # type: ignore[arg-type]
    item["reached"] = {"SS": [16 * "x"] * len(lambda_cost.PLAYERS)}
    return sum(
        len(name) + sum(len(text) for value in values.values() for text in _texts(value))
        for name, values in item.items()
    )


def _texts(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def players_of_a_hot_game() -> int:
    """Return how many players of one game can shake hands within a minute."""
    facts = known().average
    read_per_handshake = (
        facts.per_game["ice-candidate"] + facts.per_game["ice-candidate early"]
    ) / facts.handshakes + 3
    for players in itertools.count(1):
        units = math.ceil(players * row_bytes() / READ_UNIT_BYTES) / 2
        reads_s = players * read_per_handshake * units / 60
        writes_s = players * 3 / 60
        if reads_s > PARTITION_READS_S or writes_s > PARTITION_WRITES_S:
            return players - 1
    raise AssertionError


ITEMS = {
    "messages": "API Gateway, messages",
    "minutes": "API Gateway, minutes connected",
    "invocations": "Lambda, invocations",
    "gb_s": "Lambda, GB s",
    "writes": "DynamoDB, write units",
    "reads": "DynamoDB, read units",
    "logs": "CloudWatch, both logs",
    "out": "traffic to the internet",
}


def bill_table() -> str:
    """Return what a month costs."""
    bills: list[Bill] = [bill_of(month) for month in months().values()]
    rows = [
        (name, *(number(getattr(bill, field)) for bill in bills)) for field, name in ITEMS.items()
    ]
    rows.append(("**together**", *(f"**{number(bill.total)}**" for bill in bills)))
    per_thousand = [
        bill.total / month.games * 1000
        for bill, month in zip(bills, months().values(), strict=True)
    ]
    rows.append(("a thousand games", *map(number, per_thousand)))
    return markdown(["USD a month", *scale_names()], rows)


def price_table() -> str:
    """Return the prices that were used."""
    rows = [
        (price.unit, f"{price.usd * (1 if price.usd > 0.01 else 1e6):g}", price.source)
        for price in PRICES.values()
    ]
    return markdown(["unit", "USD, a million or one GB", "source"], rows, texts=1)


def habit_table() -> str:
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
    return markdown(["assumed", ""], rows)


def memory_table() -> str:
    """Return what the function's memory means for a handshake."""
    facts = known()
    default = default_of("memory_size")
    rows = [
        (
            f"{size.memory_mb} MB{', the default' * (size.memory_mb == default)}",
            f"{size.start:.2f} s",
            f"{size.message * 1000:.0f} ms",
            *(f"{getattr(size, field):.2f} s" for field in BARRED),
            f"{size.usd:.2f}",
        )
        for size in sizes(facts.cost, facts.calls)
    ]
    head = ["memory", "start at its share", "warm candidate", *BARRED.values()]
    return markdown([*head, "USD a million candidates"], rows)


BLOCKS = {
    "memory": memory_table,
    "game": game_table,
    "formula": formula,
    "month": month_table,
    "quotas": quota_table,
    "remedies": remedy_table,
    "partition": partition_table,
    "bill": bill_table,
    "prices": price_table,
    "habits": habit_table,
}


def around(name: str) -> tuple[str, str]:
    """Return what is before and after a block."""
    return f"<!-- {name} -->\n", f"\n<!-- /{name} -->"


def written(name: str) -> str:
    """Return a block as the page has it."""
    begin, end = around(name)
    text = DOC.read_text(encoding="utf-8")
    _, begun, rest = text.partition(begin)
    block, ended, _ = rest.partition(end)
    assert begun, f"{DOC.name} has no {begin.strip()}"
    assert ended, f"{DOC.name} has no {end.strip()}"
    return block


def main() -> None:
    """Print every table."""
    print(f"scale: {known().memory_mb} MB, CPU of {known().cost.about}\n")
    print("\n\n".join(block() for block in BLOCKS.values()))


def measure(_: Run) -> Found:
    """Print every table; a simulation has no bars."""
    main()
    return Found([])


def write() -> None:
    """Write every table into the page."""
    text = DOC.read_text(encoding="utf-8")
    for name, block in BLOCKS.items():
        begin, end = around(name)
        between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        table = block()
        text = between.sub(lambda _, new=f"{begin}{table}{end}": new, text)  # type: ignore[misc]
    DOC.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
