"""An event loop in a background thread.

A test may block, have an event loop of any scope, or have none: the emulator answers in each case,
and no call waits for a loop that does not run.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.client.connection import Ended

T = TypeVar("T")

MAX_BUSY_S = 30
"""Most seconds that the loop may be busy; what takes longest is a handler's import."""


class Stuck(PokerSignalError):
    """The loop does not respond: something in it blocks."""

    def __str__(self) -> str:
        return f"the emulator has not answered for {MAX_BUSY_S} s: something blocks its event loop"


class Background:
    """An event loop that runs until it is stopped."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        """Errors in the loop that no code caught, in words."""
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._failed)
        self._thread = threading.Thread(target=self._run, name="signal_emulator", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """True until the loop's thread ends."""
        return self._thread.is_alive()

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the loop's thread and return its result.

        Raises:
            Ended: the loop has been stopped.
            Stuck: the function has not ended after MAX_BUSY_S.
        """
        __tracebackhide__ = True

        async def called() -> T:
            return function()

        return self.run(called())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop's thread and return its result.

        Raises:
            Ended: the loop has been stopped.
            Stuck: the coroutine has not ended after MAX_BUSY_S.
        """
        __tracebackhide__ = True
        future = self._start(coroutine)
        try:
            return future.result(MAX_BUSY_S)
        except TimeoutError:
            if future.done():
                # Raised by the coroutine itself.
                raise
            future.cancel()
            raise Stuck from None

    async def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop's thread; await its result on the caller's loop.

        Raises:
            Ended: the loop has been stopped.
        """
        __tracebackhide__ = True
        return await asyncio.wrap_future(self._start(coroutine))

    def stop(self) -> None:
        """Cancel all tasks, close the loop, and wait for the thread to end.

        Raises:
            Stuck: the thread has not ended after MAX_BUSY_S.
        """
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(MAX_BUSY_S)
        if self._thread.is_alive():
            raise Stuck

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        __tracebackhide__ = True
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            # The loop is closed. Without this, Python warns that the coroutine never ran.
            coroutine.close()
            raise Ended("the emulator has stopped: it takes no more calls") from None

    def _run(self) -> None:
        # On exit, the runner cancels all tasks and closes the loop.
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.failures.append(f"{context['message']}: {error!r}" if error else context["message"])
        loop.default_exception_handler(context)
