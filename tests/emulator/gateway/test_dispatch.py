"""Invocations: one result, a time-out, and serial order if configured."""

from collections.abc import Callable

import pytest

from poker_signal.emulator.aws.results import Result, Returned, Running, TimedOut
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.gateway.dispatch import Dispatcher, SerialQueues


def test_a_result_comes_once_even_if_it_comes_too_late() -> None:
    """After the time-out the function runs on, and its result is dropped."""
    clock, slow, results, done = VirtualClock(), Running(), list[Result](), list[int]()
    dispatcher = Dispatcher(clock, lambda: done.append(dispatcher.running))
    dispatcher.follow(slow, 29, results.append)
    clock.advance(28.9)
    assert (results, dispatcher.running) == ([], 1)
    clock.advance(0.1)
    slow.finish(Returned("late"))
    assert (results, done) == ([TimedOut()], [0])


def test_a_result_in_time_stops_the_clock() -> None:
    """No time-out follows a result."""
    clock, slow, results = VirtualClock(), Running(), list[Result]()
    Dispatcher(clock, lambda: None).follow(slow, 29, results.append)
    slow.finish(Returned(1))
    clock.advance(60)
    assert results == [Returned(1)]


@pytest.mark.parametrize("early", [False, True], ids=["known at once", "finished meanwhile"])
def test_a_result_that_is_there_is_handed_on(early: bool) -> None:
    """A result that is known already is delivered without waiting."""
    results, running = list[Result](), Running()
    dispatcher = Dispatcher(VirtualClock(), lambda: None)
    running.finish(Returned(1))
    dispatcher.follow(running if early else Returned(1), 29, results.append)
    assert (results, dispatcher.running) == ([Returned(1)], 0)


def noting(seen: list[str], job: str) -> Callable[[], None]:
    """Return a job that starts, and does not finish by itself."""
    return lambda: seen.append(job)


def test_jobs_of_a_connection_run_one_after_the_other() -> None:
    """Connections do not wait for each other."""
    queues, seen = SerialQueues(), list[str]()
    for job in ("a1", "a2", "b1", "a3"):
        queues.submit(job[0], noting(seen, job))
    assert seen == ["a1", "b1"]
    queues.finished("a")
    assert seen == ["a1", "b1", "a2"]
    queues.finished("a")
    queues.finished("a")
    queues.submit("a", noting(seen, "a4"))
    assert seen == ["a1", "b1", "a2", "a3", "a4"]


def test_any_number_of_jobs_that_end_at_once_run_in_order() -> None:
    """Jobs are not nested: ten thousand nested calls would overflow the stack."""
    queues, seen = SerialQueues(), list[int]()

    def ends_at_once(number: int) -> None:
        seen.append(number)
        queues.finished("a")

    queues.submit("a", lambda: None)
    for number in range(10_000):
        queues.submit("a", lambda number=number: ends_at_once(number))  # type: ignore[misc]
    assert seen == []
    queues.finished("a")
    assert seen == list(range(10_000))


def test_a_job_that_raises_is_over() -> None:
    """The waiting jobs of its connection run, and so do later ones."""
    queues, seen = SerialQueues(), list[str]()

    def fails() -> None:
        raise RuntimeError("a bug")

    queues.submit("a", noting(seen, "slow"))
    queues.submit("a", fails)
    queues.submit("a", noting(seen, "behind"))
    with pytest.raises(RuntimeError, match="a bug"):
        queues.finished("a")
    assert seen == ["slow", "behind"]
    queues.finished("a")
    queues.submit("a", noting(seen, "next"))
    assert seen == ["slow", "behind", "next"]
