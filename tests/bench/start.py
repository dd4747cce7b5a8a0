"""Time from the start of the process to the first completed handshake of two clients."""

import time

from tests.bench.client import Address, drive
from tests.bench.figures import Figure
from tests.bench.handshakes import one_handshake
from tests.bench.processes import FLOOR, OURS, Spec, running
from tests.bench.turns import in_turns

ROUNDS = 10
BAR = 1.5


def seconds_to_handshake(spec: Spec) -> tuple[float]:
    """Start a server, run one handshake, and return the seconds that both took."""
    began = time.perf_counter()
    with running(spec) as server:
        drive(one_handshake(Address(server.url, spec.dialect)))
        return (time.perf_counter() - began,)


def compared(bench: str, other: Spec, bar: float) -> Figure:
    """Compare our start with another server's."""
    specs = (OURS, other)
    in_turns(specs, 1, seconds_to_handshake)  # the disk cache is warm from here on
    (ours,), (theirs,) = in_turns(specs, ROUNDS, seconds_to_handshake)
    name = "process start to the first handshake"
    return Figure(bench, name, "s", ours, other.name, theirs, bar)


def measure(is_full: bool) -> list[Figure]:
    """Compare with the bare relay."""
    return [compared("start", FLOOR, BAR)]
