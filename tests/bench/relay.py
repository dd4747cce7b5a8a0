"""Relay at saturation: ten games of eight players, every pair in a handshake all the time."""

import statistics
from contextlib import ExitStack

from tests.bench import profiles
from tests.bench.client import Address, drive
from tests.bench.figures import Figure, Found, Run
from tests.bench.handshakes import Load, Night, check, saturate
from tests.bench.processes import FLOOR, OURS, Server, Spec, running

NIGHT = Night(games=10, players=8)
ROUNDS, SECONDS = 3, 2.0
STEPS = 2 * ROUNDS
BAR = 1.0


def load(server: Server, seconds: float = SECONDS) -> Load:
    """Load one server."""
    return drive(saturate(Address(server.url, server.spec.dialect), server, NIGHT, seconds))


def interleaved(specs: list[Spec], rounds: int, run: Run) -> dict[str, list[Load]]:
    """Load servers that all run, one after the other, round after round: A B A B."""
    loads: dict[str, list[Load]] = {spec.name: [] for spec in specs}
    with ExitStack() as stack:
        servers = [stack.enter_context(running(spec)) for spec in specs]
        for server in servers:
            drive(check(Address(server.url, server.spec.dialect)))
        for _ in range(rounds):
            for server in servers:
                loads[server.spec.name].append(load(server))
                run.tick(server.spec.name)
    return loads


def medians(loads: list[Load]) -> Load:
    """Return the median of each quantity."""
    return Load(*map(statistics.median, zip(*loads, strict=True)))


def figures(bench: str, ours: Load, other: Load, name: str, bar: float | None) -> list[Figure]:
    """Return the figures of a comparison, and how disturbed it was."""
    rate = Figure(
        bench,
        "relayed at saturation",
        "messages/s",
        ours.messages_s,
        name,
        other.messages_s,
        bar,
        True,
    )
    cpu = Figure(
        bench, "server CPU of a message", "µs", ours.cpu_us, name, other.cpu_us, bar and 1 / bar
    )
    waited = max(ours.waited, other.waited) * 100
    disturbed = Figure(bench, "time that a server waited for its core", "%", waited, "", None, None)
    return [rate, cpu, disturbed]


def measure(run: Run) -> Found:
    """Measure the emulator and the floor."""
    loads = interleaved([OURS, FLOOR], ROUNDS, run)
    ours, floor = (medians(loads[spec.name]) for spec in (OURS, FLOOR))
    found = figures("relay", ours, floor, FLOOR.name, BAR)
    return Found(found, profiles.of_missed("relay", found, load))
