"""Memory of idle connections, and the cost of a connect when many exist already."""

import gc

from tests.bench.client import Address, Client, close_all, drive
from tests.bench.figures import Figure
from tests.bench.handshakes import Night
from tests.bench.processes import FLOOR, OURS, Meter, Server, Spec, running
from tests.bench.turns import in_turns
from tests.support.process import allow_descriptors

ROUNDS = 2
MEMORY_BAR, GROWTH_BAR = 1.3, 1.15
QUICK, FULL = (1_000,), (1_000, 10_000)
WARM = 64
PLAYERS = 9
"""Players of a game besides the host; a game has ten connections."""


async def _fill(server: Server, counts: tuple[int, ...]) -> list[float]:
    """Return CPU per connect in the last and first tenth, in µs, then kB per connection."""
    address = Address(server.url, server.spec.dialect)
    seats = [(*seat, lambda text: None) for seat in Night(counts[-1] // 10, PLAYERS).seats()]
    # Buffers and caches that the first connections create do not belong to idle connections.
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
    finally:
        gc.enable()
        await close_all(clients)
    return [costs[-1], costs[0], *kb]


def measure(is_full: bool) -> list[Figure]:
    """Compare with the bare relay."""
    counts = FULL if is_full else QUICK
    allow_descriptors(counts[-1])

    def one(spec: Spec) -> list[float]:
        # A new process each time: memory that closed connections leave behind would count.
        with running(spec) as server:
            return drive(_fill(server, counts))

    (last, first, *ours), (_, _, *floor) = in_turns([OURS, FLOOR], ROUNDS, one)
    idle, connect = "memory of an idle connection, at", "server CPU of a connect, the last tenth of"
    return [
        *(
            Figure("memory", f"{idle} {count}", "kB", our, FLOOR.name, its, MEMORY_BAR)
            for count, our, its in zip(counts, ours, floor, strict=True)
        ),
        Figure(
            "memory", f"{connect} {counts[-1]}", "µs", last, "the first tenth", first, GROWTH_BAR
        ),
    ]
