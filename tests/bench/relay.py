"""Relay at saturation: ten games of eight players, every pair in a handshake all the time."""

from collections.abc import Sequence

from tests.bench.client import Address, drive
from tests.bench.figures import Figure
from tests.bench.handshakes import Load, Night, check, saturate
from tests.bench.processes import FLOOR, OURS, Server, Spec
from tests.bench.turns import all_running, in_turns

NIGHT = Night(games=10, players=8)
ROUNDS, SECONDS = 3, 2.0
BAR = 1.0


def _load(server: Server) -> Load:
    return drive(saturate(Address(server.url, server.spec.dialect), server, NIGHT, SECONDS))


def loads(specs: Sequence[Spec]) -> list[Load]:
    """Load servers in turns, after a check that they relay correctly."""
    with all_running(*specs) as servers:
        for server in servers:
            drive(check(Address(server.url, server.spec.dialect)))
        return [Load(*medians) for medians in in_turns(servers, ROUNDS, _load)]


def figures(bench: str, ours: Load, other: Load, name: str, bar: float | None) -> list[Figure]:
    """Return the figures of a comparison, and the time lost to other processes."""
    rates = ours.messages_s, name, other.messages_s
    costs = ours.cpu_us, name, other.cpu_us
    waited = max(ours.waited, other.waited) * 100
    return [
        Figure(bench, "relayed at saturation", "messages/s", *rates, bar, at_least=True),
        Figure(bench, "server CPU of a message", "µs", *costs, bar and 1 / bar),
        Figure(bench, "time that a server waited for its core", "%", waited, "", None, None),
    ]


def measure(is_full: bool) -> list[Figure]:
    """Compare with the bare relay."""
    ours, floor = loads([OURS, FLOOR])
    return figures("relay", ours, floor, FLOOR.name, BAR)
