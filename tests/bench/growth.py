"""CPU per message as games and seats grow, with eight handshakes going at any time.

Eight at every size, one pair after the other, all of which have met before: what grows is what
the server has to remember, not how much it is asked to do at once. A message of one game in a
thousand finds less of what it needs in the processor's caches: the bare relay's growth shows how
much of that is the machine's. What it costs to meet for the first time is stated beside it.
"""

from tests.bench.client import Address, drive
from tests.bench.figures import Figure
from tests.bench.handshakes import Night, saturate
from tests.bench.processes import FLOOR, OURS, Server, Spec, running
from tests.bench.turns import in_turns
from tests.support.process import allow_descriptors

IN_FLIGHT = 8
ROUNDS, SECONDS = 3, 1.2
BAR = 1.15
GAMES_QUICK, GAMES_FULL = (100, 1), (1_000, 1)
SEATS = (24, 2)
GAMES_OF_SEATS = 10


def _cost_us(server: Server, night: Night, *, having_met: bool) -> tuple[float]:
    """Return server CPU per message."""
    address = Address(server.url, server.spec.dialect)
    work = saturate(address, server, night, SECONDS, IN_FLIGHT, having_met=having_met)
    return (drive(work).cpu_us,)


def _grown(spec: Spec, nights: list[Night]) -> list[float]:
    """Return the cost of a message at each size, measured in turns."""
    with running(spec) as server:
        found = in_turns(nights, ROUNDS, lambda night: _cost_us(server, night, having_met=True))
    return [cost for (cost,) in found]


def _of_meeting(spec: Spec, night: Night) -> tuple[float]:
    with running(spec) as server:
        return _cost_us(server, night, having_met=False)


def measure(is_full: bool) -> list[Figure]:
    """Measure ours against itself; the bare relay's growth is stated beside it."""
    many, few = GAMES_FULL if is_full else GAMES_QUICK
    allow_descriptors(many * 9)
    by_games = [Night(count, 8) for count in (many, few)]
    at_many, at_one = _grown(OURS, by_games)
    at_24, at_2 = _grown(OURS, [Night(GAMES_OF_SEATS, count) for count in SEATS])
    cost = "server CPU of a message"
    found = [
        Figure("growth", f"{cost}, {many} games", "µs", at_many, "1 game", at_one, BAR),
        Figure("growth", f"{cost}, {SEATS[0]} seats", "µs", at_24, f"{SEATS[1]} seats", at_2, BAR),
    ]
    if is_full:
        at_many, at_one = _grown(FLOOR, by_games)
        name = f"… of the {FLOOR.name}"
        found.append(Figure("growth", name, "µs", at_many, "1 game", at_one, None))
        (ours,), (floor,) = in_turns(
            [OURS, FLOOR], ROUNDS, lambda spec: _of_meeting(spec, by_games[0])
        )
        name = f"{cost}, {many} games, first handshakes"
        found.append(Figure("growth", name, "µs", ours, FLOOR.name, floor, None))
    return found
