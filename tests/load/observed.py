"""``python -m tests.load.observed emulate …``: the command, with a thread that counts objects.

After the URL, it prints a line of JSON on stdout for each line on stdin. The objects of a process
cannot be counted from outside.
"""

import gc
import json
import os
import re
import subprocess
import sys
import threading
from asyncio import Task
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from poker_signal.cli.main import main
from poker_signal.emulator.functions.memory_table import MemoryTable
from poker_signal.emulator.protocols.http_connection import HttpConnection
from poker_signal.emulator.protocols.websocket_connection import WebSocketConnection
from tests.support.process import ROOT, Process, Usage, serving


def holdings() -> dict[str, int]:
    """Return the number of objects that could leak, by kind."""
    gc.collect()
    kinds: Counter[type] = Counter()
    rows = 0
    for thing in gc.get_objects():
        kinds[type(thing)] += 1
        if isinstance(thing, MemoryTable):
            rows += len(thing)
    return {
        "tasks": kinds[Task],
        "HTTP connections": kinds[HttpConnection],
        "WebSocket connections": kinds[WebSocketConnection],
        "rows": rows,
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
    }


def answer() -> None:
    """Print the counts for each line on stdin."""
    for _ in sys.stdin:
        os.write(1, f"{json.dumps(holdings())}\n".encode())


class Observed(Usage):
    """The emulator's process, as the test uses it."""

    def __init__(self, process: Process, url: str) -> None:
        super().__init__(process.pid)
        self.url = url
        self._child = process

    def holdings(self) -> dict[str, int]:
        """Return its counts; the process has to visit every object for that."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        print(file=self._child.stdin, flush=True)
        held: dict[str, int] = json.loads(self._child.stdout.readline())
        return held

    def memory_mib(self) -> float:
        """Return its resident memory."""
        return self.rss_bytes() / 2**20

    def peak_mib(self) -> float:
        """Return the peak of its resident memory."""
        status = Path(f"/proc/{self.id}/status").read_text()
        (kib,) = re.findall(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)
        return int(kib) / 1024


@contextmanager
def emulator(*options: str) -> Generator[Observed, None, None]:
    """Run an emulator during the block."""
    if sys.platform != "linux":
        pytest.skip("memory and descriptors of another process are read from /proc: Linux only")
    command = (sys.executable, "-m", "tests.load.observed", "emulate", "--port", "0", *options)
    with serving(*command, stderr=subprocess.DEVNULL, cwd=ROOT) as served:
        yield Observed(served.process, served.url)


if __name__ == "__main__":
    threading.Thread(target=answer, daemon=True).start()
    main()
