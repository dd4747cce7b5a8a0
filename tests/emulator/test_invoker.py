"""Invocations: once, for so long, and in order where that is asked."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.integration import Result, Returned, TimedOut
from poker_signal.emulator.invoker import Invoker


class Slow:
    """A function that returns when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[Result], None]] = []

    def invoke(self, event: Mapping[str, Any], done: Callable[[Result], None]) -> None:
        """Remember whom to tell."""
        self.waiting.append(done)


def test_a_result_comes_once_even_if_it_comes_too_late() -> None:
    """The function runs on after the time-out; what it returns then is nobody's."""
    clock, slow, results, done = VirtualClock(), Slow(), list[Result](), list[int]()
    invoker = Invoker(clock, False, lambda: done.append(invoker.running))
    invoker.invoke(slow, {}, 29, results.append)
    clock.advance(28.9)
    assert (results, invoker.running) == ([], 1)
    clock.advance(0.1)
    slow.waiting[0](Returned("late"))
    assert (results, done) == ([TimedOut()], [0])


def test_a_result_in_time_stops_the_clock() -> None:
    """Nothing more comes of it."""
    clock, slow, results = VirtualClock(), Slow(), list[Result]()
    invoker = Invoker(clock, False, lambda: None)
    invoker.invoke(slow, {}, 29, results.append)
    slow.waiting[0](Returned(1))
    clock.advance(60)
    assert results == [Returned(1)]


@pytest.mark.parametrize(
    ("serial", "started"),
    [(False, ["a1", "a2", "b1", "a3"]), (True, ["a1", "b1", "a2", "a3"])],
    ids=["concurrent", "serial"],
)
def test_serial_dispatch_is_one_after_the_other_of_each_connection(
    serial: bool, started: list[str]
) -> None:
    """Connections do not wait for each other."""
    invoker, seen = Invoker(VirtualClock(), serial, lambda: None), list[str]()
    for job in ("a1", "a2", "b1", "a3"):
        invoker.submit(job[0], lambda job=job: seen.append(job))  # type: ignore[misc]
    for _ in range(3):
        invoker.finished("a")
    assert seen == started
