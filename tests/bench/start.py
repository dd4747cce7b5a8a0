"""How long from process start until the emulator accepts connections.

The bare server is measured in between, A B A B: the machine's mood concerns both.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 10
BAR_S = 0.25

COMMANDS = {
    "poker-signal emulate": [
        str(Path(sys.executable).with_name("poker-signal")),
        *("emulate", "--port", "0"),
    ],
    "bare websockets server": [sys.executable, str(Path(__file__).with_name("bare_server.py"))],
}


def _seconds_until_ready(command: list[str]) -> float:
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
        process.kill()
    if not line.startswith(b"ws://"):
        raise SystemExit(f"{command[0]} printed {line!r}, not its URL")
    return seconds


def main() -> None:
    """Measure, and print a table."""
    for command in COMMANDS.values():
        _seconds_until_ready(command)  # the disk cache is warm from here on
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            taken[name].append(_seconds_until_ready(command))
    ours, bare = (statistics.median(seconds) for seconds in taken.values())
    print(f"start to URL printed, median of {ROUNDS} (fastest):")
    for name, seconds in taken.items():
        print(f"  {name:24} {statistics.median(seconds):.3f} s  ({min(seconds):.3f} s)")
    print(f"  ratio                    {ours / bare:.2f}")
    print(f"  bar                      {BAR_S} s: {'holds' if ours <= BAR_S else 'MISSED'}")
