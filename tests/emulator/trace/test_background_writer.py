"""The queue between the event loop and a terminal or a disk: order, limits, and the end."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

import poker_signal.emulator.trace.background_writer as module
from poker_signal.emulator.trace.background_writer import BackgroundWriter

MANY = 10**6


class Held:
    """A ``write`` that keeps its rounds, and performs each when the test allows it."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)

    def __call__(self, items: Iterator[str]) -> None:
        """Take a round of items."""
        taken = next(items, None)
        self.begun.release()
        assert self.may_go_on.acquire(timeout=10)
        self.rounds.append([] if taken is None else [taken, *items])


def started(write: Callable[[Iterator[str]], None]) -> BackgroundWriter[str]:
    """Return a writer whose thread runs."""
    writer = BackgroundWriter("tested", write, max_weight=0, batch_s=0)
    writer.start()
    return writer


def test_a_producer_that_never_ends_does_not_keep_it_from_ending() -> None:
    """Closing ends although a handler's thread prints for ever."""
    rounds = [0]

    def write(items: Iterator[str]) -> None:
        rounds.append(sum(writer.put(item, 0, MANY) for item in items))

    writer = started(write)
    writer.put("a", 0, MANY)
    assert writer.close(10)
    assert rounds == [0, *[1] * (len(rounds) - 1)]


def test_a_signal_handler_may_put_while_another_item_is_put() -> None:
    """A signal handler may interrupt the thread that holds the lock."""

    def count(item: str) -> int:
        if item == "a":
            writer.put_newest("printed by a handler", 0, MANY)
        return 1

    writer = BackgroundWriter("tested", Held(), max_weight=1, batch_s=0, count=count)
    writer.put_newest("a", 1, MANY)
    writer.put_newest("b", 1, MANY)
    assert writer.take_dropped() == 1


class Joins:
    """Virtual time: a join lasts exactly its time-out, and calls ``happens``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], bool]) -> None:
        self.waited: list[float] = []
        join = threading.Thread.join

        def wait(thread: threading.Thread, timeout: float) -> None:
            self.waited.append(timeout)
            if happens():
                join(thread, 10)

        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: sum(self.waited)))
        monkeypatch.setattr(threading.Thread, "join", wait)


class Reader(Held):
    """A reader that takes pieces of two characters, each when the test allows it."""

    def __init__(self) -> None:
        super().__init__()
        self.took: list[str] = []
        self.writer = started(self)

    def __call__(self, items: Iterator[str]) -> None:
        """Take all pieces."""
        for piece in self.writer.pieces("".join(items), 2):
            self.begun.release()
            assert self.may_go_on.acquire(timeout=10)
            self.took.append(piece)


def test_a_slow_reader_is_waited_for_as_long_as_it_takes_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The wait goes on while pieces are taken, up to the total time-out."""
    reader = Reader()
    reader.writer.put("abcdefghi", 0, MANY)
    assert reader.begun.acquire(timeout=10)

    def take_a_piece() -> bool:
        reader.may_go_on.release()
        return len(joins.waited) == 5 or not reader.begun.acquire(timeout=10)

    joins = Joins(monkeypatch, take_a_piece)
    assert not reader.writer.close(1, 0.25)
    assert joins.waited == [0.25] * 4
    assert reader.writer.close(10, 0.25)
    assert joins.waited == [0.25] * 5
    assert reader.took == ["ab", "cd", "ef", "gh", "i"]


@pytest.mark.parametrize(("piece_s", "waited"), [(0.25, [0.25]), (None, [7])])
def test_a_reader_that_takes_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch, piece_s: float | None, waited: list[float]
) -> None:
    """The wait ends after the time for one piece, or after the total time."""
    reader = Reader()
    reader.writer.put("abc", 0, MANY)
    assert reader.begun.acquire(timeout=10)
    joins = Joins(monkeypatch, lambda: False)
    assert not reader.writer.close(7, piece_s)
    assert joins.waited == waited
    reader.may_go_on.release(9)


def test_a_thread_that_waits_for_the_processor_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread that is not writing a piece only lacks CPU time, so closing waits for it."""
    runs, taken = threading.Event(), threading.Event()

    def write(items: Iterator[str]) -> None:
        assert [[*writer.pieces(item, 2)] for item in items] in ([["ab", "c"]], [])
        taken.set()
        assert runs.wait(10)

    def run_after_three() -> bool:
        if len(joins.waited) == 3:
            runs.set()
        return runs.is_set()

    writer = started(write)
    writer.put("abc", 0, MANY)
    assert taken.wait(10)
    joins = Joins(monkeypatch, run_after_three)
    assert writer.close(10, 0.25)
    assert joins.waited == [0.25] * 3
