"""Figures of memory and of held objects, and the table that shows them."""

import time
from collections.abc import Callable, Sequence
from statistics import linear_regression
from typing import NamedTuple, Protocol

from tests.support import tiers
from tests.support.client import PATIENCE_S

IS_FULL = tiers.LOAD_IS_FULL
"""True in ``make load`` and in nightly runs."""


class Sample(NamedTuple):
    """Memory at a time."""

    at_s: float
    mib: float


def growth_mib(samples: Sequence[Sample]) -> float:
    """Return the growth of memory in the second half of the time, by linear regression."""
    middle = (samples[0].at_s + samples[-1].at_s) / 2
    half = [sample for sample in samples if sample.at_s >= middle]
    slope, _ = linear_regression([s.at_s for s in half], [s.mib for s in half])
    return slope * (half[-1].at_s - half[0].at_s)


class Holding(Protocol):
    """A process that can count the objects that it holds."""

    def holdings(self) -> dict[str, int]:
        """Return the number of held objects by kind."""


def settled(emulated: Holding, before: dict[str, int]) -> dict[str, int]:
    """Return the holdings once they equal `before`, or after ``PATIENCE_S`` seconds.

    A count takes a millisecond; a busy emulator notices a closed connection later than that.
    """
    ends = time.monotonic() + PATIENCE_S
    while (held := emulated.holdings()) != before and time.monotonic() < ends:
        pass
    return held


Record = Callable[[str, object], None]


def show(record: Record, title: str, **figures: object) -> None:
    """Record figures for the table in pytest's summary."""
    for name, figure in figures.items():
        shown = f"{figure:.1f}" if isinstance(figure, float) else str(figure)
        record("load", f"{title:<29} {name.replace('_', ' '):<44} {shown:>22}")
