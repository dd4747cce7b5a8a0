"""Connects per second: thirty-two clients that connect and close again and again."""

import asyncio
import statistics
from contextlib import ExitStack

from tests.bench import profiles
from tests.bench.client import Address, drive
from tests.bench.figures import Figure, Found, Run
from tests.bench.processes import FLOOR, OURS, Meter, Server, running

AT_ONCE = 32
ROUNDS, SECONDS, WARM_S = 3, 1.5, 0.3
STEPS = 2 * ROUNDS
BAR = 0.8


async def _connects(address: Address, server: Server) -> tuple[float, float]:
    """Return connects per second, and the server's CPU of one in microseconds."""
    count, is_over = 0, False

    async def work(worker: int) -> None:
        nonlocal count
        number = 0
        while not is_over:
            number += 1
            client = await address.connect(
                f"game{worker}", f"player{number % 8}", lambda text: None
            )
            await client.close()
            count += 1

    async with asyncio.TaskGroup() as group:
        for worker in range(AT_ONCE):
            group.create_task(work(worker))
        await asyncio.sleep(WARM_S)
        before, meter = count, Meter(server)
        await asyncio.sleep(SECONDS)
        spent, connected = meter.read(), count - before
        is_over = True
    return connected / spent.seconds, spent.cpu_s / connected * 1e6


def load(server: Server) -> tuple[float, float]:
    """Load one server."""
    return drive(_connects(Address(server.url, server.spec.dialect), server))


def measure(run: Run) -> Found:
    """Measure A B A B."""
    rounds: dict[str, list[tuple[float, float]]] = {OURS.name: [], FLOOR.name: []}
    with ExitStack() as stack:
        servers = [stack.enter_context(running(spec)) for spec in (OURS, FLOOR)]
        for _ in range(ROUNDS):
            for server in servers:
                rounds[server.spec.name].append(load(server))
                run.tick(server.spec.name)
    (ours_s, ours_us), (floor_s, floor_us) = (
        [statistics.median(one[place] for one in own) for place in (0, 1)]
        for own in rounds.values()
    )
    against = FLOOR.name
    found = [
        Figure("connects", "connects, and closes", "a second", ours_s, against, floor_s, BAR, True),
        Figure(
            "connects", "server CPU of a connect and close", "µs", ours_us, against, floor_us, None
        ),
    ]
    return Found(found, profiles.of_missed("connects", found, load))
