"""``python -m tests.load.observed emulate …``: the command, and a thread that counts what it holds.

For each line on stdin there is one of JSON on stdout, after the URL. What a process holds in
objects nobody can see from outside.
"""

import gc
import json
import os
import sys
import threading
from asyncio import Task
from collections import Counter

from poker_signal.cli.main import main
from poker_signal.emulator.functions.memory_table import MemoryTable
from poker_signal.emulator.protocols.http_connection import HttpConnection
from poker_signal.emulator.protocols.websocket_connection import WebSocketConnection


def holdings() -> dict[str, int]:
    """Count what could leak."""
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
    """Count whenever somebody asks."""
    for _ in sys.stdin:
        os.write(1, f"{json.dumps(holdings())}\n".encode())


if __name__ == "__main__":
    threading.Thread(target=answer, daemon=True).start()
    main()
