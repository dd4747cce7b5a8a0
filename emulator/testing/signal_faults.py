"""Faults that a test injects."""

from collections.abc import Callable

from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.testing.background import Background


class SignalFaults:
    """Fault injection in a running emulator; the faults are listed in docs/faults.md."""

    def __init__(self, faults: Faults, background: Background) -> None:
        self._faults = faults
        self._background = background

    def add(self, spec: str) -> None:
        """Activate a fault such as ``drop:offer#1``, also for connections that are open.

        Raises:
            BadFault: it is invalid, or is active already; the text says what is allowed.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        self._do(lambda: self._faults.add(spec))

    def remove(self, spec: str) -> None:
        """Deactivate a fault.

        Raises:
            BadFault: it is not active.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        self._do(lambda: self._faults.remove(spec))

    def active(self) -> list[str]:
        """Return the active faults, in the order in which they were added."""
        return self._faults.active()

    def _do(self, change: Callable[[], None]) -> None:
        __tracebackhide__ = True
        self._background.call(change)
