"""A queue that a thread of its own empties: the event loop waits for no terminal and no disk."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class BackgroundWriter(Generic[Item]):
    """Takes items and hands them, in batches, to ``write`` in a daemon thread.

    ``write`` gets an iterator; an item waits until it is taken from it. ``write`` may return the
    seconds after which it is called again though no item was put. An OSError that it raises ends
    the thread: the reader is gone. ``count`` is the number that a dropped item counts for.
    """

    # The thread is in one of three states until it ends:
    #   idle       no item has come since the last round began
    #   gathering  `_something` is set: more items come for `batch_s`, unless `close` is called.
    #              Each awakening costs the event loop a switch of threads: one serves them all
    #   writing    one round: `write` is given the items that waited when the round began. Items
    #              that come meanwhile are of the next round; else a fast producer would keep a
    #              round from ending. The round that begins after `close` is the last.
    # The producer that finds `_needs_waking` sets `_something`; the thread sets `_needs_waking`
    # before it counts what waits, so that an item is counted or wakes it.
    # Appending to a deque needs no lock. `_weight_put` belongs to the one thread that puts items
    # of weight, or to the holder of `_lock` where several do (`put_newest`). `_weight_taken`,
    # `_dropped` and the left end of the deque belong to the holder: the thread, or a producer
    # that drops. It is an RLock: a signal handler that interrupts its holder may print.

    def __init__(
        self,
        name: str,
        write: Callable[[Iterator[Item]], float | None],
        *,
        max_weight: int,
        batch_s: float,
        count: Callable[[Item], int] = lambda _: 1,
    ) -> None:
        self._write, self._count = write, count
        self._max_weight, self._batch_s = max_weight, batch_s
        self._waiting: deque[tuple[Item, int]] = deque()
        self._weight_put = self._weight_taken = 0
        self._dropped = 0
        self._lock = threading.RLock()
        self._piece: object | None = None
        self._needs_waking = True
        self._something = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name=name, daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    @property
    def is_stopping(self) -> bool:
        """True from ``close`` on."""
        return self._stopping.is_set()

    def put(self, item: Item, weight: int, most: int) -> bool:
        """Take an item if fewer than ``most`` wait and its weight has room; tell so."""
        if len(self._waiting) >= most:
            return False
        if weight:
            if weight > self._max_weight - self._weight_put + self._weight_taken:
                return False
            self._weight_put += weight
        self._waiting.append((item, weight))
        if self._needs_waking:
            self._needs_waking = False
            self._something.set()
        return True

    def put_newest(self, item: Item, weight: int, most: int) -> None:
        """Take an item of any thread; the oldest are dropped until there is room for it."""
        with self._lock:
            while not self.put(item, weight, most):
                # Nothing is left to drop but an item that is too large by itself.
                oldest = next(self._take(1), item)
                self._dropped += self._count(oldest)
                if oldest is item:
                    break

    def take_dropped(self) -> int:
        """Return what the items dropped since the last call count for."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def pieces(self, text: str, size: int) -> Iterator[str]:
        """Yield a text in pieces to ``write``, so that ``close`` sees a reader take them."""
        for start in range(0, len(text), size):
            self._piece = object()
            yield text[start : start + size]
        self._piece = None

    def close(self, within_s: float, piece_s: float | None = None) -> bool:
        """Write what waits, for ``within_s`` at most; tell whether the thread has ended.

        A reader that takes no piece for ``piece_s`` is given up earlier.
        """
        self._stopping.set()
        self._something.set()
        ends = time.monotonic() + within_s
        while self._thread.is_alive() and time.monotonic() < ends:
            piece = self._piece
            self._thread.join(within_s if piece_s is None else piece_s)
            # Without a piece the thread only waits for the processor: that ends.
            if piece is not None and piece is self._piece:
                break
        return not self._thread.is_alive()

    def _write_all(self) -> None:
        rest_s: float | None = None
        is_last = False
        while not is_last:
            self._something.wait(rest_s)
            self._stopping.wait(self._batch_s)
            self._something.clear()
            self._needs_waking = True
            is_last = self._stopping.is_set()
            try:
                rest_s = self._write(self._take(len(self._waiting)))
            except OSError:
                return

    def _take(self, most: int) -> Iterator[Item]:
        for _ in range(most):
            with self._lock:
                # Empty where the other side has just dropped, or written, the last.
                if not self._waiting:
                    return
                item, weight = self._waiting.popleft()
                self._weight_taken += weight
            yield item
