"""Connects per second: thirty-two clients that connect and close again and again."""

import asyncio

from tests.bench.client import Address, drive
from tests.bench.figures import Figure
from tests.bench.processes import FLOOR, OURS, Meter, Server
from tests.bench.turns import all_running, in_turns

AT_ONCE = 32
ROUNDS, SECONDS, WARM_S = 3, 1.5, 0.3
BAR = 0.8


async def _connects(address: Address, server: Server) -> tuple[float, float]:
    """Return connects per second, and the server's CPU per connect in microseconds."""
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


def _load(server: Server) -> tuple[float, float]:
    return drive(_connects(Address(server.url, server.spec.dialect), server))


def measure(is_full: bool) -> list[Figure]:
    """Compare with the bare relay."""
    with all_running(OURS, FLOOR) as servers:
        (ours_s, ours_us), (floor_s, floor_us) = in_turns(servers, ROUNDS, _load)
    rates, costs = (ours_s, FLOOR.name, floor_s), (ours_us, FLOOR.name, floor_us)
    return [
        Figure("connects", "connects, and closes", "a second", *rates, BAR, at_least=True),
        Figure("connects", "server CPU of a connect and close", "µs", *costs, None),
    ]
