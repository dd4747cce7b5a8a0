"""The thread that an emulator runs in."""

import asyncio
import gc
import threading

import pytest

from poker_signal.emulator.testing import Ended, background
from poker_signal.emulator.testing.background import Background, Stuck


async def test_both_kinds_of_tests_get_results_and_errors() -> None:
    """Blocking tests and async tests both work."""
    thread = Background()

    async def name() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise TimeoutError("its own")

    assert thread.call(lambda: threading.current_thread().name) == "signal_emulator"
    assert thread.run(name()) == await thread.wait(name()) == "signal_emulator"
    for failing in (lambda: thread.run(fail()), lambda: thread.call(lambda: 1 / 0)):
        with pytest.raises((TimeoutError, ZeroDivisionError)):
            failing()
    with pytest.raises(TimeoutError, match="its own"):
        await thread.wait(fail())
    thread.stop()
    assert not thread.is_running
    assert thread.failures == []
    with pytest.raises(Ended, match="the emulator has stopped"):
        thread.run(name())
    with pytest.raises(Ended, match="the emulator has stopped"):
        thread.call(lambda: None)
    with pytest.raises(Ended, match="the emulator has stopped"):
        await thread.wait(name())
    # A coroutine that was never awaited would be a warning.
    gc.collect()


async def test_who_stops_waiting_stops_what_it_waits_for() -> None:
    """No coroutine runs on after the test has cancelled its wait."""
    thread, cancelled = Background(), threading.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await thread.wait(wait())
    assert cancelled.wait(10)
    thread.stop()


def test_a_loop_that_blocks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call into a blocked loop raises Stuck, so no test waits for ever."""
    thread, blocks, let_go = Background(), threading.Event(), threading.Event()

    def block() -> None:
        blocks.set()
        let_go.wait()

    # A timer runs after callbacks that are ready, and so after the answer to this call.
    thread.call(lambda: asyncio.get_running_loop().call_later(0, block))
    assert blocks.wait(10)
    with monkeypatch.context() as hurry:
        hurry.setattr(background, "MAX_BUSY_S", 0.05)
        with pytest.raises(Stuck, match="something blocks its event loop"):
            thread.call(lambda: None)
        with pytest.raises(Stuck):
            thread.stop()
    let_go.set()
    thread.stop()
    assert not thread.is_running
