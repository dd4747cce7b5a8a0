"""Memory of idle connections, and what a connect costs when many are there already."""

import gc
import statistics
from collections.abc import Callable
from typing import NamedTuple

from tests.bench import profiles
from tests.bench.client import Address, Client, close_all, drive
from tests.bench.figures import Figure, Found, Run
from tests.bench.handshakes import Night
from tests.bench.processes import FLOOR, OURS, Meter, Server, Spec, running
from tests.support.process import allow_descriptors

ROUNDS = 2
STEPS = 2 * ROUNDS
MEMORY_BAR, GROWTH_BAR = 1.3, 1.15
QUICK, FULL = (1_000,), (1_000, 10_000)
WARM = 64
PLAYERS = 9
"""Beside the host; a game has ten connections."""


class Idle(NamedTuple):
    """What a server holds, and what it took to get there."""

    kb: list[float]
    """Per connection, at each count."""
    first_us: float
    """Server CPU of a connect among the first tenth."""
    last_us: float
    """… and among the last."""


async def _fill(
    server: Server, counts: tuple[int, ...], when_full: Callable[[], None] = lambda: None
) -> Idle:
    address = Address(server.url, server.spec.dialect)
    seats = [(*seat, lambda text: None) for seat in Night(counts[-1] // 10, PLAYERS).seats()]
    # Buffers and caches that the first connections make are nobody's idle connection.
    await close_all(await address.connect_all(seats[:WARM]))
    before, tenth = server.rss_bytes(), counts[-1] // 10
    clients: list[Client] = []
    kb, costs = [], []
    gc.disable()
    try:
        for begin in range(0, counts[-1], tenth):
            meter = Meter(server)
            clients += await address.connect_all(seats[begin : begin + tenth])
            costs.append(meter.read().cpu_s / tenth * 1e6)
            if len(clients) in counts:
                kb.append((server.rss_bytes() - before) / len(clients) / 1e3)
        when_full()
    finally:
        gc.enable()
        await close_all(clients)
    return Idle(kb, costs[0], costs[-1])


def _one(spec: Spec, counts: tuple[int, ...]) -> Idle:
    # A process of its own each time: what closed connections leave behind would count.
    with running(spec) as server:
        return drive(_fill(server, counts))


def measure(run: Run) -> Found:
    """Measure A B A B, each time in a new process."""
    counts = FULL if run.is_full else QUICK
    allow_descriptors(counts[-1])
    rounds: dict[str, list[Idle]] = {OURS.name: [], FLOOR.name: []}
    for _ in range(ROUNDS):
        for spec in (OURS, FLOOR):
            rounds[spec.name].append(_one(spec, counts))
            run.tick(spec.name)
    ours, floor = rounds.values()
    found = []
    for place, count in enumerate(counts):
        ours_kb, floor_kb = (
            statistics.median(one.kb[place] for one in own) for own in (ours, floor)
        )
        name = f"memory of an idle connection, at {count}"
        found.append(Figure("memory", name, "kB", ours_kb, FLOOR.name, floor_kb, MEMORY_BAR))
    last_us, first_us = (
        statistics.median(getattr(one, field) for one in ours) for field in ("last_us", "first_us")
    )
    growth = Figure(
        "memory",
        f"server CPU of a connect, the last tenth of {counts[-1]}",
        "µs",
        last_us,
        "the first tenth",
        first_us,
        GROWTH_BAR,
    )
    return Found([*found, growth], _explained(found, growth))


def _explained(memory: list[Figure], growth: Figure) -> list[str]:
    held = profiles.memory_of_missed(
        "memory", memory, lambda server, when_full: drive(_fill(server, QUICK, when_full))
    )
    spent = profiles.of_missed("connect", [growth], lambda server: drive(_fill(server, QUICK)))
    return held + spent
