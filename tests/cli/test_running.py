"""Commands that run until a signal or until they end by themselves."""

import asyncio
import os
import signal

import pytest

from poker_signal.cli.running import run_until_interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_it_properly(number: signal.Signals) -> None:
    """A signal ends the command: its cleanup runs, and the exit code is 0."""
    steps = []

    async def main() -> int:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            steps.append("cleaned up")
        return 1

    assert run_until_interrupted(main()) == 0
    assert steps == ["cleaned up"]


def test_its_own_exit_code_counts() -> None:
    """Without a signal, the command's own exit code is returned."""

    async def main() -> int:
        return 3

    assert run_until_interrupted(main()) == 3
