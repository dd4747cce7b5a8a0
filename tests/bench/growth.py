"""CPU per message as games and seats grow, with eight handshakes going at any time.

Eight at every size, one pair after the other, all of which have met before: what grows is what
the server has to remember, not how much it is asked to do at once. A message of one game in a
thousand finds less of what it needs in the processor's caches: the bare relay's growth shows how
much of that is the machine's. What it costs to meet for the first time is stated beside it.
"""

import statistics

from tests.bench import profiles
from tests.bench.client import Address, drive
from tests.bench.figures import Figure, Found, Run
from tests.bench.handshakes import Night, saturate
from tests.bench.processes import FLOOR, OURS, Server, Spec, running
from tests.support.process import allow_descriptors

IN_FLIGHT = 8
ROUNDS, SECONDS = 3, 1.2
STEPS = 4 * ROUNDS
BAR = 1.15
GAMES_QUICK, GAMES_FULL = (1, 100), (1, 1_000)
SEATS = (2, 24)
GAMES_OF_SEATS = 10


def cost_us(server: Server, night: Night, *, having_met: bool = True) -> float:
    """Return server CPU per message."""
    address = Address(server.url, server.spec.dialect)
    work = saturate(address, server, night, SECONDS, IN_FLIGHT, having_met=having_met)
    return drive(work).cpu_us


def cost_of_meeting_us(spec: Spec, night: Night, run: Run) -> float:
    """Return server CPU per message of pairs that have not met before."""
    costs = []
    for _ in range(ROUNDS):
        with running(spec) as server:
            costs.append(cost_us(server, night, having_met=False))
        run.tick(f"{spec.name}, {night.games} games meet")
    return statistics.median(costs)


def grown(spec: Spec, small: Night, large: Night, run: Run) -> tuple[float, float]:
    """Return the cost of a message at both sizes, measured in turns."""
    costs: dict[Night, list[float]] = {large: [], small: []}
    with running(spec) as server:
        for _ in range(ROUNDS):
            for night, own in costs.items():
                own.append(cost_us(server, night))
                run.tick(f"{spec.name}, {night.games} × {night.players}")
    return statistics.median(costs[large]), statistics.median(costs[small])


def measure(run: Run) -> Found:
    """Measure ours against itself; the bare relay's growth is stated beside it."""
    games = GAMES_FULL if run.is_full else GAMES_QUICK
    allow_descriptors(games[-1] * 9)
    by_games = [Night(count, 8) for count in games]
    by_seats = [Night(GAMES_OF_SEATS, count) for count in SEATS]
    figures = [
        _figure(OURS, "games", by_games, run),
        _figure(OURS, "seats", by_seats, run),
    ]
    if run.is_full:
        figures.append(_figure(FLOOR, "games", by_games, run))
        figures.append(_figure_of_meeting(by_games[-1], run))

    def load(server: Server) -> None:
        for night in (by_games[-1], by_seats[-1]):
            cost_us(server, night)

    return Found(figures, profiles.of_missed("growth", figures, load))


def _figure_of_meeting(night: Night, run: Run) -> Figure:
    return Figure(
        "growth",
        f"server CPU of a message, {night.games} games, first handshakes",
        "µs",
        cost_of_meeting_us(OURS, night, run),
        FLOOR.name,
        cost_of_meeting_us(FLOOR, night, run),
        bar=None,
    )


def _figure(spec: Spec, what: str, nights: list[Night], run: Run) -> Figure:
    small, large = nights
    few, many = (small.games, large.games) if what == "games" else (small.players, large.players)
    at_large, at_small = grown(spec, small, large, run)
    is_ours = spec is OURS
    name = f"server CPU of a message, {many} {what}"
    return Figure(
        "growth",
        name if is_ours else f"… of the {spec.name}",
        "µs",
        at_large,
        f"{few} {'game' if few == 1 else what}",
        at_small,
        BAR if is_ours else None,
    )
