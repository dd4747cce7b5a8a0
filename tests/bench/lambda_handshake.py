"""Time budget of a handshake on Lambda, by memory size: from the join to the delivered offer.

CPU time is measured in containers, and divided by the CPU share of the memory size. The AWS
calls are those that the tests count: 5 ms for each of DynamoDB, 10 ms for each of @connections.
Not included: the players' network and browsers, and AWS's own time to find a container.
"""

import random
import re
import statistics
import zipfile
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from tests.bench import lambda_cost
from tests.bench.figures import Figure, markdown
from tests.bench.lambda_cost import Cost
from tests.bench.lambda_start import ROOT
from tests.lambda_app.calls import DYNAMODB, measured

MODULE = Path(__file__).parents[2] / "infrastructure" / "modules" / "signaling"

DYNAMODB_S = 0.005
POST_S = 0.010
"""Seconds until a call is answered: of DynamoDB, and of @connections."""

VCPU_MB = 1769
"""Memory with which a function has one vCPU; less has its share (Lambda developer guide)."""

USD_OF_A_GB_S, USD_OF_AN_INVOCATION = 13.3334e-6, 0.20e-6
"""List prices of us-west-2 on arm64; not verified."""

SIZES_MB = (128, 256, 512, 1024, 1769)
BAR_S = 1.0
HANDSHAKES = 5_000

MAX_ZIP_BYTES = 80_000
CALLS_BAR = 1.2

OFFER, OFFER_COLD = "`offer` or `answer`", "`offer` or `answer`, cold container"
JOIN, JOIN_COLD = "`join`, warm container", "`join`, cold container"
CANDIDATE = "`ice-candidate` after its offer"

HANDSHAKE = {"`$connect` of a player": 1, JOIN: 1, OFFER: 2, CANDIDATE: 8, "`$disconnect`": 1}
"""Events of a player who connects, joins and leaves, with their number: see docs/deploy.md."""

BARRED = {
    "warm": "warm containers",
    "cold": "cold, start at its CPU share",
    "cold_boosted": "cold, start with a whole vCPU",
}


def default_memory_mb() -> int:
    """Return the module's default of `memory_size`, read from its source."""
    text = "".join(file.read_text(encoding="utf-8") for file in MODULE.glob("*.tf"))
    found = re.search(r"\bmemory_size\s*=\s*(?:optional\(number, )?(\d+)", text)
    assert found is not None, "the module has no default of memory_size any more"
    return int(found[1])


def cpu_share(memory_mb: int) -> float:
    """Return a function's share of a vCPU, at most 1: one thread cannot use more."""
    return min(1.0, memory_mb / VCPU_MB)


def waits_s(calls: list[str]) -> float:
    """Return the seconds that AWS calls take, one after the other."""
    return sum(DYNAMODB_S if call in DYNAMODB else POST_S for call in calls)


class Size(NamedTuple):
    """Figures of a handshake with a memory size; seconds, 95th percentile unless stated."""

    memory_mb: int
    start: float
    """Median, at the memory's CPU share."""
    message: float
    """A warm candidate, median."""
    warm: float
    """Join and offer in warm containers that have cached the game of both players."""
    cold: float
    """The join starts a container, at its CPU share; the offer is the second event there."""
    cold_boosted: float
    """The same with a whole vCPU until the handler is imported, as AWS is said to give."""
    usd: float
    """Price of a million warm candidates."""


def size_of(memory_mb: int, cost: Cost, calls: dict[str, list[str]]) -> Size:
    """Return the figures of a memory size, from 5 000 drawn handshakes of each kind."""
    chance, share = random.Random(8), cpu_share(memory_mb)

    def delivered_s(*names: str) -> float:
        # Up to the call that delivers; the call that records the delivery comes after it.
        until = {name: calls[name].index("PostToConnection") + 1 for name in names}
        return sum(waits_s(calls[name][: until[name]]) for name in names)

    def p95(waited_s: float, *parts: tuple[list[float], float]) -> float:
        """Return the 95th percentile of the waits plus drawn CPU, each part by its vCPU share."""
        drawn = [
            waited_s + sum(chance.choice(samples) / part for samples, part in parts)
            for _ in range(HANDSHAKES)
        ]
        return statistics.quantiles(drawn, n=20)[-1]

    warm_s, cold_s = delivered_s(JOIN, OFFER), delivered_s(JOIN_COLD, OFFER_COLD)
    after_start = (cost.first_join, share), (cost.next_offer, share)
    candidate_s = waits_s(calls[CANDIDATE]) + cost.warm_s("ice-candidate") / share
    gb_s = candidate_s * memory_mb / 1024
    return Size(
        memory_mb,
        statistics.median(cost.start) / share,
        candidate_s,
        p95(warm_s, (cost.warm["join"], share), (cost.warm["offer"], share)),
        p95(cold_s, (cost.start, share), *after_start),
        p95(cold_s, (cost.start, 1), *after_start),
        1e6 * (gb_s * USD_OF_A_GB_S + USD_OF_AN_INVOCATION),
    )


def memory_table(cost: Cost, calls: dict[str, list[str]]) -> str:
    """Return a table of memory sizes, with the module's default among them."""
    default = default_memory_mb()
    head = ["memory", "start at its share", "warm candidate", *BARRED.values()]
    lines = [[*head, "USD a million candidates"], ["---"] + 6 * ["--:"]]
    for memory_mb in sorted({*SIZES_MB, default}):
        size = size_of(memory_mb, cost, calls)
        lines.append(
            [
                f"{memory_mb} MB{', the default' * (memory_mb == default)}",
                f"{size.start:.2f} s",
                f"{size.message * 1000:.0f} ms",
                *(f"{getattr(size, field):.2f} s" for field in BARRED),
                f"{size.usd:.2f}",
            ]
        )
    return markdown(lines)


def zip_bytes() -> int:
    """Return the size of the zip that is deployed."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in ("core", "lambda_app"):
            for file in sorted((ROOT / folder).rglob("*.py")):
                archive.write(file, Path("poker_signal") / file.relative_to(ROOT))
    return buffer.getbuffer().nbytes


def figures(cost: Cost, calls: dict[str, list[str]]) -> list[Figure]:
    """Return the figures that have a bar, at the module's default memory size."""
    size = size_of(default_memory_mb(), cost, calls)
    at = f"join to offer, p95, at {size.memory_mb} MB"
    ours = sum(times * len(calls[name]) for name, times in HANDSHAKE.items())
    # One write per connect and leave; one read of the game and one post per message.
    least = sum(times * (1 if "$" in name else 2) for name, times in HANDSHAKE.items())
    bench = "lambda-handshake"
    return [
        *(
            Figure(bench, f"{at}, {name}", "s", getattr(size, field), "", None, BAR_S)
            for field, name in BARRED.items()
        ),
        Figure(bench, "AWS calls of a handshake", "calls", ours, "fewest", least, CALLS_BAR),
        Figure(bench, "zip", "kB", zip_bytes() / 1000, "", None, MAX_ZIP_BYTES / 1000),
    ]


def measure(is_full: bool) -> list[Figure]:
    """Measure, and print the table of memory sizes."""
    cost, calls = lambda_cost.measure(), measured()
    print(f"handshake on Lambda, {cost.about}, CPU measured:\n{memory_table(cost, calls)}\n")
    return figures(cost, calls)
