"""Commands that run until Ctrl-C or SIGTERM."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


def run_until_interrupted(main: Coroutine[Any, Any, int]) -> int:
    """Return the exit code that ``main`` returns, or 0 after Ctrl-C or SIGTERM.

    Either cancels ``main``, which can close what it has opened.
    """

    async def interruptible() -> int:
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await main

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        return 0
