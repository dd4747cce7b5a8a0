"""Trouble that a test makes."""

from collections.abc import Callable

from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.testing.background import Background


class SignalFaults:
    """AWS's faults on purpose, in a running emulator; what there is: docs/faults.md."""

    def __init__(self, faults: Faults, background: Background) -> None:
        self._faults = faults
        self._background = background

    def add(self, spec: str) -> None:
        """Let a fault happen from now on, as ``drop:offer#1``; to open connections too.

        Raises:
            BadFault: it cannot be understood, or is active already; the text says what can be.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        self._do(lambda: self._faults.add(spec))

    def remove(self, spec: str) -> None:
        """Let a fault happen no more.

        Raises:
            BadFault: it is not active.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        self._do(lambda: self._faults.remove(spec))

    def active(self) -> list[str]:
        """Return the faults that are active, in the order in which they were added."""
        return self._faults.active()

    def _do(self, change: Callable[[], None]) -> None:
        __tracebackhide__ = True
        self._background.call(change)
