"""Latency at 100 messages a second; each is sent when it is due, even if others are late."""

import asyncio
import random
import statistics
import time
from collections import deque

from tests.bench.client import Address, drive
from tests.bench.figures import Figure
from tests.bench.handshakes import Night, seated
from tests.bench.processes import FLOOR, OURS, Server
from tests.bench.turns import all_running, in_turns
from tests.bench.workload import MESSAGES, from_host

RATE_S = 100
ROUNDS, SECONDS = 3, 5.0
BARS = {50: 1.2, 99: 1.5}
NIGHT = Night(games=10, players=8)


async def _latencies(address: Address, seconds: float) -> list[float]:
    """Return the seconds of every message from its due time until it was received."""
    waiting: dict[tuple[int, int], deque[float]] = {}
    taken: list[float] = []
    total = int(RATE_S * seconds)
    all_heard = asyncio.Event()

    def heard(pair: int, number: int) -> None:
        taken.append(time.perf_counter() - waiting[pair, number].popleft())
        if len(taken) == total:
            all_heard.set()

    chance = random.Random(7)
    async with seated(address, NIGHT, heard) as tables:
        due = time.perf_counter() + 0.2
        for sent in range(total):
            # Pairs take turns, one handshake each, at random intervals as people would.
            number, pair = sent % MESSAGES, sent // MESSAGES % len(tables.pairs)
            due += chance.expovariate(RATE_S)
            # A sleep would add a timer's millisecond; the driver may spin, on a core of its own.
            while time.perf_counter() < due:  # noqa: ASYNC110
                await asyncio.sleep(0)
            waiting.setdefault((pair, number), deque()).append(due)
            who = tables.pairs[pair]
            (who.host_says if from_host(number) else who.player_says)(who.frames[number])
        async with asyncio.timeout(10):
            await all_heard.wait()
    return taken


def percentiles(taken: list[float]) -> dict[int, float]:
    """Return the percentiles that have a bar, in milliseconds."""
    cuts = statistics.quantiles(taken, n=100, method="inclusive")
    return {percent: cuts[percent - 1] * 1e3 for percent in BARS}


def _load(server: Server) -> list[float]:
    latencies = drive(_latencies(Address(server.url, server.spec.dialect), SECONDS))
    return [*percentiles(latencies).values()]


def measure(is_full: bool) -> list[Figure]:
    """Compare with the bare relay."""
    with all_running(OURS, FLOOR) as servers:
        ours, floor = in_turns(servers, ROUNDS, _load)
    return [
        Figure(
            "latency", f"latency p{percent} at {RATE_S} messages/s", "ms", our, FLOOR.name, its, bar
        )
        for (percent, bar), our, its in zip(BARS.items(), ours, floor, strict=True)
    ]
