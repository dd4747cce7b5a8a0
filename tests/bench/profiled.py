"""The emulator under cProfile or tracemalloc: ``profiled.py cpu|memory FILE emulate …``.

CPU time of the load alone, without imports and waiting; memory as it is when SIGUSR1 comes.
"""

import cProfile
import os
import signal
import sys
import time
import tracemalloc
from importlib import import_module
from types import FrameType

from poker_signal.cli.main import main


def _cpu(file: str, arguments: list[str]) -> None:
    # What is imported when it is needed is imported already, and does not count.
    import_module("poker_signal.cli.emulate")
    profile = cProfile.Profile(time.process_time)
    try:
        profile.runcall(main, arguments, standalone_mode=False)
    finally:
        profile.dump_stats(file)


def _memory(file: str, arguments: list[str]) -> None:
    def dump(_: int, __: FrameType | None) -> None:
        # Renamed when it is whole: whoever waits for it reads it at once.
        tracemalloc.take_snapshot().dump(file + ".part")
        os.rename(file + ".part", file)

    signal.signal(signal.SIGUSR1, dump)
    tracemalloc.start()
    main(arguments, standalone_mode=False)


if __name__ == "__main__":
    {"cpu": _cpu, "memory": _memory}[sys.argv[1]](sys.argv[2], sys.argv[3:])
