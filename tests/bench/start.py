"""From the start of the process to the first completed handshake of two clients."""

import statistics
import subprocess
import sys
import time

from tests.bench import profiles
from tests.bench.client import Address, drive
from tests.bench.figures import Figure, Found, Run
from tests.bench.handshakes import one_handshake
from tests.bench.processes import FLOOR, OURS, Spec, environment, running

ROUNDS = 10
STEPS = 2 * ROUNDS
BAR = 1.5


def seconds_to_handshake(spec: Spec) -> float:
    """Start a server, let two clients meet, and return how long that took."""
    began = time.perf_counter()
    with running(spec) as server:
        drive(one_handshake(Address(server.url, spec.dialect)))
        return time.perf_counter() - began


def measure(run: Run) -> Found:
    """Measure A B A B."""
    for spec in (OURS, FLOOR):
        seconds_to_handshake(spec)  # the disk cache is warm from here on
    taken: dict[str, list[float]] = {OURS.name: [], FLOOR.name: []}
    for _ in range(ROUNDS):
        for spec in (OURS, FLOOR):
            taken[spec.name].append(seconds_to_handshake(spec))
            run.tick(spec.name)
    ours, floor = (statistics.median(seconds) for seconds in taken.values())
    name = "process start to the first handshake"
    figures = [Figure("start", name, "s", ours, FLOOR.name, floor, BAR)]
    if not profiles.is_missed(figures):
        return Found(figures)
    return Found(figures, profiles.write("start", profiles.imports(import_times())))


def import_times() -> str:
    """Return what ``-X importtime`` says of a start."""
    lines: list[str] = []
    command = [sys.executable, "-X", "importtime", "-m", "poker_signal.cli", *OURS.command[1:]]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line.decode())
            # What the emulator itself says first comes when it accepts connections.
            if not line.startswith(b"import time:"):
                process.terminate()
                break
    return "".join(lines)
