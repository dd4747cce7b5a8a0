"""Virtual time for tests."""

import math

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.testing.background import Background


class SignalClock:
    """The emulator's time, which stands still until a test advances it."""

    def __init__(self) -> None:
        self.virtual = VirtualClock()
        """What the emulator goes by; its own thread's, once there is an emulator."""
        self._background: Background | None = None

    def attach(self, background: Background) -> None:
        """Let time pass in an emulator's thread from now on."""
        self._background = background

    def now_ms(self) -> int:
        """Return the emulator's time of day in epoch milliseconds."""
        return self.virtual.now_ms()

    def advance(self, seconds: float) -> None:
        """Let time pass: what is due has been done when this returns.

        Raises:
            ValueError: time does not run backwards, nor for ever.
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
