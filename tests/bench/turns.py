"""Measurement in turns, A B A B: a disturbance of the machine affects all servers alike."""

import statistics
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from tests.bench.processes import Server, Spec, running

T = TypeVar("T")


def in_turns(
    things: Sequence[T], rounds: int, measure: Callable[[T], Sequence[float]]
) -> list[list[float]]:
    """Measure each thing, round after round; return the medians of its quantities."""
    taken: list[list[Sequence[float]]] = [[] for _ in things]
    for _ in range(rounds):
        for own, thing in zip(taken, things, strict=True):
            own.append(measure(thing))
    return [[*map(statistics.median, zip(*own, strict=True))] for own in taken]


@contextmanager
def all_running(*specs: Spec) -> Generator[list[Server], None, None]:
    """Run several servers at the same time."""
    with ExitStack() as stack:
        yield [stack.enter_context(running(spec)) for spec in specs]
