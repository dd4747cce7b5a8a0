"""Virtual time for tests."""

import math

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.testing.background import Background


class SignalClock:
    """The emulator's time, which stands still until a test advances it."""

    def __init__(self) -> None:
        self.virtual = VirtualClock()
        """The emulator's clock; once the emulator runs, used in its thread only."""
        self._background: Background | None = None

    def attach(self, background: Background) -> None:
        """Advance the clock in this emulator's thread from now on."""
        self._background = background

    def now_ms(self) -> int:
        """Return the emulator's time of day in epoch milliseconds."""
        return self.virtual.now_ms()

    def advance(self, seconds: float) -> None:
        """Advance the clock; all timers that are due have run when this returns.

        Raises:
            ValueError: ``seconds`` is negative, NaN or infinite.
        """
        __tracebackhide__ = True
        if not seconds >= 0:
            raise ValueError(f"{seconds}: time does not run backwards")
        if seconds == math.inf:
            raise ValueError(f"{seconds}: time does not run for ever")
        if self._background is not None and self._background.is_running:
            self._background.call(lambda: self.virtual.advance(seconds))
        else:
            self.virtual.advance(seconds)
