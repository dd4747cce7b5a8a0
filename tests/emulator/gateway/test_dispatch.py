"""Invocations: once, for so long, and in order where that is asked."""

import pytest

from poker_signal.emulator.aws.results import Result, Returned, Running, TimedOut
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.gateway.dispatch import Dispatcher


def test_a_result_comes_once_even_if_it_comes_too_late() -> None:
    """The function runs on after the time-out; what it returns then is nobody's."""
    clock, slow, results, done = VirtualClock(), Running(), list[Result](), list[int]()
    invoker = Dispatcher(clock, False, lambda: done.append(invoker.running))
    invoker.follow(slow, 29, results.append)
    clock.advance(28.9)
    assert (results, invoker.running) == ([], 1)
    clock.advance(0.1)
    slow.finish(Returned("late"))
    assert (results, done) == ([TimedOut()], [0])


def test_a_result_in_time_stops_the_clock() -> None:
    """Nothing more comes of it."""
    clock, slow, results = VirtualClock(), Running(), list[Result]()
    invoker = Dispatcher(clock, False, lambda: None)
    invoker.follow(slow, 29, results.append)
    slow.finish(Returned(1))
    clock.advance(60)
    assert results == [Returned(1)]


@pytest.mark.parametrize("early", [False, True], ids=["known at once", "finished meanwhile"])
def test_a_result_that_is_there_is_handed_on(early: bool) -> None:
    """Nothing is waited for."""
    results = list[Result]()
    invoker = Dispatcher(VirtualClock(), False, lambda: None)
    running = Running()
    running.finish(Returned(1))
    invoker.follow(running if early else Returned(1), 29, results.append)
    assert (results, invoker.running) == ([Returned(1)], 0)


@pytest.mark.parametrize(
    ("serial", "started"),
    [(False, ["a1", "a2", "b1", "a3"]), (True, ["a1", "b1", "a2", "a3"])],
    ids=["concurrent", "serial"],
)
def test_serial_dispatch_is_one_after_the_other_of_each_connection(
    serial: bool, started: list[str]
) -> None:
    """Connections do not wait for each other."""
    invoker, seen = Dispatcher(VirtualClock(), serial, lambda: None), list[str]()
    for job in ("a1", "a2", "b1", "a3"):
        invoker.submit(job[0], lambda job=job: seen.append(job))  # type: ignore[misc]
    for _ in range(3):
        invoker.finished("a")
    assert seen == started
