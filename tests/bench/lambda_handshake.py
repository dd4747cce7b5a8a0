"""The handshake's budget on Lambda, by memory size: from the join to the delivered offer.

CPU is measured, container by container, and stretched by the CPU share of the memory; AWS's
calls are those that the tests count, 5 ms each of DynamoDB and 10 ms each of @connections.
Not in it: the players' network and browsers, and AWS's own time to find a container.
"""

import random
import statistics
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from tests.bench import lambda_cost
from tests.bench.aws_facts import PRICES, cpu_share, default_of, seconds_of
from tests.bench.figures import Figure, Found, Run
from tests.bench.lambda_cost import Cost
from tests.lambda_app.calls import DYNAMODB, measured

SIZES_MB = (128, 256, 512, 1024, 1769)
BAR_S = 1.0
HANDSHAKES = 20_000

MAX_ZIP_BYTES = 60_000
CALLS_BAR = 1.2

ROOT = Path(__file__).parents[2]

OFFER, OFFER_COLD = "`offer` or `answer`", "`offer` or `answer`, cold container"
JOIN, JOIN_COLD = "`join`, warm container", "`join`, cold container"
CANDIDATE = "`ice-candidate` after its offer"

HANDSHAKE = {"`$connect` of a player": 1, JOIN: 1, OFFER: 2, CANDIDATE: 8, "`$disconnect`": 1}
"""Events of a player who connects, joins and leaves: see docs/deploy.md."""


def until_delivered(calls: list[str]) -> list[str]:
    """Return the calls up to the one that delivers; the note of it comes after."""
    return calls[: calls.index("PostToConnection") + 1]


class Budget:
    """Draws handshakes from measured costs."""

    def __init__(self, cost: Cost, calls: dict[str, list[str]], memory_mb: int) -> None:
        self._cost = cost
        self._calls = {name: until_delivered(calls[name]) for name in (JOIN, JOIN_COLD)}
        self._calls |= {name: until_delivered(calls[name]) for name in (OFFER, OFFER_COLD)}
        self._memory_mb = memory_mb
        self._random = random.Random(8)

    def warm(self) -> float:
        """Join and offer in containers that know both players."""
        return self._event(JOIN, self._cost.warm["join"]) + self._event(
            OFFER, self._cost.warm["offer"]
        )

    def cold(self) -> float:
        """The join starts a container, at its CPU share; the offer is that one's second event."""
        return self._start() / cpu_share(self._memory_mb) + self._after_start()

    def cold_boosted(self) -> float:
        """The same with a whole vCPU until the handler is there, as AWS is said to give."""
        return self._start() + self._after_start()

    def _start(self) -> float:
        return self._random.choice(self._cost.start)

    def _after_start(self) -> float:
        return self._event(JOIN_COLD, self._cost.first_join) + self._event(
            OFFER_COLD, self._cost.next_offer
        )

    def _event(self, name: str, cpu_s: list[float]) -> float:
        return seconds_of(self._calls[name], self._random.choice(cpu_s), self._memory_mb)


def p95(draw: Callable[[], float]) -> float:
    """Return the 95th percentile of what is drawn."""
    return statistics.quantiles([draw() for _ in range(HANDSHAKES)], n=20)[-1]


def verdict(value: float, bar: float) -> str:
    """Return whether a bar holds."""
    return "holds" if value <= bar else "MISSED"


def per_million(cost: Cost, calls: dict[str, list[str]], memory_mb: int) -> float:
    """Return the price of a million warm candidates, the most frequent message, in USD."""
    seconds = seconds_of(calls[CANDIDATE], cost.warm_s("ice-candidate"), memory_mb)
    gb_s = seconds * memory_mb / 1024
    return 1e6 * (gb_s * PRICES["gb_s"].usd + PRICES["invocations"].usd)


class Size(NamedTuple):
    """What a memory size means for a handshake; times in seconds, p95 where nothing is said."""

    memory_mb: int
    start: float
    """Median, at the memory's CPU share."""
    message: float
    """A warm candidate, median."""
    warm: float
    cold: float
    cold_boosted: float
    usd: float
    """A million warm candidates."""


BARRED = {
    "warm": "warm containers",
    "cold": "cold, start at its CPU share",
    "cold_boosted": "cold, start with a whole vCPU",
}


def size_of(memory_mb: int, cost: Cost, calls: dict[str, list[str]]) -> Size:
    """Return what a memory size means, by twenty thousand handshakes of each kind."""
    budget = Budget(cost, calls, memory_mb)
    return Size(
        memory_mb,
        statistics.median(cost.start) / cpu_share(memory_mb),
        seconds_of(calls[CANDIDATE], cost.warm_s("ice-candidate"), memory_mb),
        p95(budget.warm),
        p95(budget.cold),
        p95(budget.cold_boosted),
        per_million(cost, calls, memory_mb),
    )


def sizes(cost: Cost, calls: dict[str, list[str]]) -> list[Size]:
    """Return the sizes to choose from, the module's default among them."""
    return [
        size_of(memory_mb, cost, calls)
        for memory_mb in sorted({*SIZES_MB, default_of("memory_size")})
    ]


def print_sizes(cost: Cost, calls: dict[str, list[str]]) -> None:
    """Print the table of memory sizes, and whether the module's default holds."""
    found, default = sizes(cost, calls), default_of("memory_size")
    print("            start at     warm     p95 from join to delivered offer")
    print("memory      its share  message    warm     cold    start boosted  USD a million events")
    for size in found:
        mark = "*" if size.memory_mb == default else " "
        print(
            f"{size.memory_mb:5d} MB{mark} {size.start:8.2f} s {size.message * 1000:5.1f} ms"
            f" {size.warm:6.3f} s {size.cold:6.3f} s {size.cold_boosted:8.3f} s {size.usd:14.3f}"
        )
    print(f"  * the module's default; the bar is {BAR_S} s:")
    for field, name in BARRED.items():
        (value,) = [getattr(size, field) for size in found if size.memory_mb == default]
        smallest = min(size.memory_mb for size in found if getattr(size, field) <= BAR_S)
        print(f"  {name:30} {value:.3f} s: {verdict(value, BAR_S)}; from {smallest} MB on")


def floor_calls(name: str) -> int:
    """Return how few calls of AWS an event can do with."""
    return 1 if name.startswith("`$") else 2


def print_calls(calls: dict[str, list[str]]) -> None:
    """Print calls per message against the floor: who is there must be read, and told."""
    print("calls of AWS, and the floor: one write per connect and leave, one read and one post")
    print("per message:")
    total = floor = 0
    for name, times in HANDSHAKE.items():
        least = floor_calls(name)
        total, floor = total + times * len(calls[name]), floor + times * least
        reads = sum(call in DYNAMODB for call in calls[name])
        print(f"  {name:34} {reads} + {len(calls[name]) - reads}, {len(calls[name]) / least:.2f} x")
    print(
        f"  a handshake with 8 candidates      {total} of {floor},"
        f" {total / floor:.2f} x, bar {CALLS_BAR} x: {verdict(total / floor, CALLS_BAR)}"
    )


def zip_bytes() -> int:
    """Return the size of what is deployed."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in ("core", "lambda_app"):
            for file in sorted((ROOT / folder).rglob("*.py")):
                archive.write(file, Path("poker_signal") / file.relative_to(ROOT))
    return buffer.getbuffer().nbytes


def figures(cost: Cost, calls: dict[str, list[str]]) -> list[Figure]:
    """Return what has a bar, at the module's default of memory."""
    (size,) = [
        found for found in sizes(cost, calls) if found.memory_mb == default_of("memory_size")
    ]
    at = f"at {size.memory_mb} MB"
    counted = {name: times * len(calls[name]) for name, times in HANDSHAKE.items()}
    floor = {name: times * floor_calls(name) for name, times in HANDSHAKE.items()}
    ours, least = sum(counted.values()), sum(floor.values())
    bench = "lambda-handshake"
    return [
        *(
            Figure(
                bench,
                f"join to offer, p95, {at}, {name}",
                "s",
                getattr(size, field),
                "",
                None,
                BAR_S,
            )
            for field, name in BARRED.items()
        ),
        Figure(bench, "AWS calls of a handshake", "calls", ours, "fewest", least, CALLS_BAR),
        Figure(bench, "zip", "kB", zip_bytes() / 1000, "", None, MAX_ZIP_BYTES / 1000),
    ]


def measure(_: Run) -> Found:
    """Measure, and print tables."""
    cost, calls = lambda_cost.measure(), measured()
    print(f"handshake on Lambda, {cost.about}, CPU measured:")
    for name, samples in (("first join", cost.first_join), ("next offer", cost.next_offer)):
        print(f"  {name} of a container   {statistics.median(samples) * 1000:.1f} ms")
    print_sizes(cost, calls)
    print_calls(calls)
    return Found(figures(cost, calls))
