"""Faults that a test injects."""

from collections.abc import Callable, Iterable

from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.testing.background import Background


class SignalFaults:
    """Fault injection in a running emulator; the faults are listed in docs/faults.md."""

    def __init__(
        self, faults: Faults, background: Background, optional: Iterable[str] = ()
    ) -> None:
        self._faults = faults
        self._background = background
        self._optional = set(optional)
        """Faults that need not strike."""
        self._removed: list[str] = []
        """Sentences about faults that were removed before they struck."""

    def add(self, spec: str, *, must_strike: bool = True) -> None:
        """Activate a fault such as ``drop:offer#1``, also for connections that are open.

        ``must_strike``: the test fails if the fault has never struck when it ends.

        Raises:
            BadFault: it is invalid, or is active already; the text says what is allowed.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        self._do(lambda: self._faults.add(spec))
        if must_strike:
            self._optional.discard(spec)
        else:
            self._optional.add(spec)

    def remove(self, spec: str) -> None:
        """Deactivate a fault.

        Raises:
            BadFault: it is not active.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True

        def remove() -> None:
            sentence = self._missing().get(spec)
            self._faults.remove(spec)
            if sentence is not None:
                self._removed.append(sentence)

        self._do(remove)

    def active(self) -> list[str]:
        """Return the active faults, in the order in which they were added."""
        return self._faults.active()

    def struck(self) -> dict[str, int]:
        """Return the number of strikes of each active fault since it was added."""
        return self._faults.struck()

    def never_struck(self) -> list[str]:
        """Return a sentence per fault that had to strike and never did."""
        return [*self._removed, *self._missing().values()]

    def _missing(self) -> dict[str, str]:
        found = self._faults.never_struck()
        return {spec: words for spec, words in found.items() if spec not in self._optional}

    def _do(self, change: Callable[[], None]) -> None:
        __tracebackhide__ = True
        self._background.call(change)
