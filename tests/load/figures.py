"""Figures of memory and of what is held, and the table that shows them."""

import time
from collections.abc import Callable, Sequence
from statistics import linear_regression
from typing import NamedTuple, Protocol

from tests.support import tiers
from tests.support.client import PATIENCE_S

IS_FULL = tiers.LOAD_IS_FULL
"""Whether this is ``make load``."""


class Sample(NamedTuple):
    """Memory at a time."""

    at_s: float
    mib: float


def growth_mib(samples: Sequence[Sample]) -> float:
    """Return by how much memory grew in the second half of the time, by its trend."""
    middle = (samples[0].at_s + samples[-1].at_s) / 2
    half = [sample for sample in samples if sample.at_s >= middle]
    slope, _ = linear_regression([s.at_s for s in half], [s.mib for s in half])
    return slope * (half[-1].at_s - half[0].at_s)


class Holding(Protocol):
    """A process that can count what it holds."""

    def holdings(self) -> dict[str, int]:
        """Count it."""


def settled(emulated: Holding, before: dict[str, int]) -> dict[str, int]:
    """Return what is held once that is as before, or after ``PATIENCE_S`` seconds.

    A count takes a millisecond, and a busy emulator notices later than that who has left.
    """
    ends = time.monotonic() + PATIENCE_S
    while (held := emulated.holdings()) != before and time.monotonic() < ends:
        pass
    return held


Record = Callable[[str, object], None]


def show(record: Record, title: str, **figures: object) -> None:
    """Keep figures for the table at the end."""
    for name, figure in figures.items():
        shown = f"{figure:.1f}" if isinstance(figure, float) else str(figure)
        record("load", f"{title:<29} {name.replace('_', ' '):<44} {shown:>22}")
