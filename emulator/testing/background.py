"""An event loop in a thread of its own.

A test may block, have an event loop of any scope, or have none: the emulator answers all the
same, and nobody waits for a loop that does not run.
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
"""How long the loop may be busy with something else; what takes longest is a handler's import."""


class Stuck(PokerSignalError):
    """The loop does not answer: something in it blocks."""

    def __str__(self) -> str:
        return f"the emulator has not answered for {MAX_BUSY_S} s: something blocks its event loop"


class Background:
    """An event loop that runs until it is stopped."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        """What nobody has caught."""
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._failed)
        self._thread = threading.Thread(target=self._run, name="signal_emulator", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Tell whether something can be asked of it."""
        return self._thread.is_alive()

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the loop's thread and return what it returns.

        Raises:
            Ended: it has been stopped.
            Stuck: the loop does not come to it.
        """
        __tracebackhide__ = True

        async def called() -> T:
            return function()

        return self.run(called())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop's thread and return what it returns.

        Raises:
            Ended: it has been stopped.
            Stuck: it does not end.
        """
        __tracebackhide__ = True
        future = self._start(coroutine)
        try:
            return future.result(MAX_BUSY_S)
        except TimeoutError:
            if future.done():
                # The coroutine's own.
                raise
            future.cancel()
            raise Stuck from None

    async def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop's thread; await what it returns on the caller's loop.

        Raises:
            Ended: it has been stopped.
        """
        __tracebackhide__ = True
        return await asyncio.wrap_future(self._start(coroutine))

    def stop(self) -> None:
        """Cancel what still runs, and end the thread.

        Raises:
            Stuck: the loop does not come to it.
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
            # The loop is closed: that nobody ever awaits the coroutine is meant.
            coroutine.close()
            raise Ended("the emulator has stopped: nothing can be asked of it any more") from None

    def _run(self) -> None:
        # Cancels what is left, and closes the loop.
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.failures.append(f"{context['message']}: {error!r}" if error else context["message"])
        loop.default_exception_handler(context)
