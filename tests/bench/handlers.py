"""Handlers as processes: the cold start of a Python function, and CPU per warm event."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from websockets.asyncio.client import connect

from poker_signal.emulator.functions.lambda_function import Handler
from poker_signal.emulator.gateway.config import ApiConfig, FunctionConfig, RouteConfig
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.bench.figures import Figure

STARTS = 5
EVENTS = 2000
COLD_S = 0.35
WARM_MS = 1.0
"""The bars: seconds from the start of the process to its first result, and CPU milliseconds."""

CODE = 'def handler(event, context):\n    return {"statusCode": 200, "body": "x"}\n'


def answer(event: Any, context: Any) -> Any:
    """Return the same, called in this process."""
    return {"statusCode": 200, "body": "x"}


async def _measured(folder: Path, handlers: Mapping[str, Handler], events: int) -> list[float]:
    """Return the seconds to the first answer, and CPU milliseconds per event after it."""
    api = ApiConfig(
        functions={"f": FunctionConfig(handler="plain.py:handler")},
        routes={"$default": RouteConfig(function="f", two_way=True)},
    )
    began = time.perf_counter()
    async with Emulator(Settings(port=0), api=api, folder=folder, handlers=handlers) as emulator:
        async with connect(emulator.url, compression=None) as client:
            await client.send("x")
            await client.recv()
            first_s = time.perf_counter() - began
            processes = [psutil.Process(), *psutil.Process().children()]
            before = sum(sum(each.cpu_times()[:2]) for each in processes)
            for _ in range(events):
                await client.send("x")
                await client.recv()
            after = sum(sum(each.cpu_times()[:2]) for each in processes)
    return [first_s, (after - before) / max(events, 1) * 1000]


def measure(is_full: bool) -> list[Figure]:
    """Compare a process with the same handler called in the emulator's process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plain.py").write_text(CODE)
        colds = [asyncio.run(_measured(folder, {}, 0))[0] for _ in range(STARTS)]
        _, process_ms = asyncio.run(_measured(folder, {}, EVENTS))
        _, called_ms = asyncio.run(_measured(folder, {"f": answer}, EVENTS))
    cold_s, more_ms = statistics.median(colds), process_ms - called_ms
    return [
        Figure("handlers", "start to the first answer", "s", cold_s, "", None, COLD_S),
        Figure(
            "handlers", "CPU of a warm event, above in process", "ms", more_ms, "", None, WARM_MS
        ),
    ]
