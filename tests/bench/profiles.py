"""Why a bar was missed: a profile of the emulator under the same load."""

import pstats
import re
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench.figures import BUILD, Figure
from tests.bench.processes import OURS, Server, Spec, running

SHOWN = 15
SNAPSHOT_S = 60

Load = Callable[[Server], object]


def is_missed(figures: Sequence[Figure]) -> bool:
    """Return whether there is something to explain."""
    return any(figure.verdict == "MISSED" for figure in figures)


def of_missed(bench: str, figures: Sequence[Figure], load: Load) -> list[str]:
    """Return where the CPU time goes, and write it to build/, if a bar was missed."""
    if not is_missed(figures):
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "profile"
        with running(profiled("cpu", file)) as server:
            load(server)
        return write(bench, top(pstats.Stats(str(file))))


def memory_of_missed(
    bench: str, figures: Sequence[Figure], load: Callable[[Server, Callable[[], None]], object]
) -> list[str]:
    """Return who allocated what is held while the load lasts; it calls back when it does."""
    if not is_missed(figures):
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "snapshot"
        with running(profiled("memory", file)) as server:
            load(server, lambda: _snapshot(server, file))
        return write(bench, biggest(tracemalloc.Snapshot.load(str(file))))


def _snapshot(server: Server, file: Path) -> None:
    server.ask_for_snapshot()
    until = time.monotonic() + SNAPSHOT_S
    while not file.exists():
        if time.monotonic() > until:
            raise SystemExit("the emulator wrote no snapshot of its memory")
        time.sleep(0.05)


def profiled(what: str, file: Path) -> Spec:
    """Return our server in a profiler that writes to ``file``."""
    launcher = str(Path(__file__).with_name("profiled.py"))
    return OURS._replace(command=(sys.executable, launcher, what, str(file), *OURS.command[1:]))


def write(bench: str, lines: list[str]) -> list[str]:
    """Write a profile to build/, and return it."""
    BUILD.mkdir(exist_ok=True)
    file = BUILD / f"bench-{bench}-profile.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lines


def top(stats: pstats.Stats) -> list[str]:
    """Return the functions that take the most time themselves, without what they call."""
    # The documented way rounds times to milliseconds and has no built-in functions' names.
    functions: dict[tuple[str, int, str], tuple[Any, ...]] = stats.stats  # type: ignore[attr-defined]
    total = sum(entry[2] for entry in functions.values()) or 1
    by_time = sorted(functions.items(), key=lambda item: item[1][2], reverse=True)
    return ["own CPU    calls  function"] + [
        f"{own_s / total:7.1%} {calls:8d}  {named(*function)}"
        for function, (_, calls, own_s, *_) in by_time[:SHOWN]
    ]


def biggest(snapshot: tracemalloc.Snapshot) -> list[str]:
    """Return the lines of code that hold the most memory."""
    by_size = snapshot.statistics("lineno")
    total = sum(statistic.size for statistic in by_size) or 1
    lines = [f" memory   blocks  allocated in, of {total / 1e6:.1f} MB"]
    for statistic in by_size[:SHOWN]:
        frame = statistic.traceback[0]
        place = f"{short(frame.filename)}:{frame.lineno}"
        lines.append(f"{statistic.size / total:7.1%} {statistic.count:8d}  {place}")
    return lines


_IMPORT = re.compile(r"import time: +(\d+) \| +(\d+) \| +(\S+)")


def imports(text: str) -> list[str]:
    """Return the modules that take the most time themselves."""
    found = [(int(own), int(total), name) for own, total, name in _IMPORT.findall(text)]
    lines = [f"own µs  with imports  module, of {sum(own for own, _, _ in found)} µs"]
    for own, total, name in sorted(found, reverse=True)[:SHOWN]:
        lines.append(f"{own:6d}  {total:12d}  {name}")
    return lines


def named(file: str, _: int, function: str) -> str:
    """Return a function with the end of its file."""
    # A built-in one of an extension module tells its address in this process.
    return function.partition(" at 0x")[0] if file == "~" else f"{short(file)} {function}"


def short(file: str) -> str:
    """Return the last two parts of a path: no folder of this machine."""
    return "/".join(Path(file).parts[-2:])
