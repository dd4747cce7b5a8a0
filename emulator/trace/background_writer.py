"""A queue that a background thread empties: the event loop waits for no terminal and no disk."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class BackgroundWriter(Generic[Item]):
    """Queue of items that a daemon thread passes to ``write`` in batches.

    ``write`` gets an iterator; an item stays in the queue until ``write`` takes it from there.
    ``write`` may return a delay in seconds, after which it is called even if no item was put. An
    OSError from ``write`` ends the thread: the reader of the output is gone. ``count`` returns
    the number that a dropped item counts for.
    """

    # Producers put items: the event loop, and for the console any thread that prints. The writer
    # thread takes them. It is in one of three states until it ends:
    #   idle       waits for `_something`, or for the delay that `write` returned
    #   gathering  waits `batch_s` for more items, because each wake-up costs the event loop a
    #              thread switch; `close` ends this wait
    #   writing    passes the items that are in the queue to `write`. Later items belong to the next
    #              round, or a fast producer would keep this one from ending. The round that begins
    #              after `close` is the last
    # Wake-up: a producer appends, then reads `_needs_waking`. The writer sets `_needs_waking`, then
    # counts the queue. So an item is counted, or its producer wakes the writer (`_something`).
    # Written by producers: `_weight_put`, by the only one that puts items with a weight, or with
    # several under `_lock` (`put_newest`). By the writer: `_piece`, which `close` reads. By the
    # writer or a producer that drops items, under `_lock`: `_weight_taken`, `_dropped` and the
    # left end of `_waiting`. Its right end needs no lock, because `append` is atomic.
    # `_lock` is an RLock: a signal handler that interrupts its holder may print.

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
        """Start the writer thread."""
        self._thread.start()

    @property
    def is_stopping(self) -> bool:
        """True after ``close`` was called."""
        return self._stopping.is_set()

    def put(self, item: Item, weight: int, most: int) -> bool:
        """Add an item if fewer than ``most`` wait and its weight fits; return whether it was."""
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
        """Add an item, from any thread; drop the oldest items until it fits."""
        with self._lock:
            while not self.put(item, weight, most):
                # If the queue is empty, the item is too large by itself: drop it.
                oldest = next(self._take(1), item)
                self._dropped += self._count(oldest)
                if oldest is item:
                    break

    def take_dropped(self) -> int:
        """Return the total ``count`` of the items dropped since the last call."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def pieces(self, text: str, size: int) -> Iterator[str]:
        """Yield a text in pieces, for ``write``: ``close`` sees whether the reader takes them."""
        for start in range(0, len(text), size):
            self._piece = object()
            yield text[start : start + size]
        self._piece = None

    def close(self, within_s: float, piece_s: float | None = None) -> bool:
        """Write the remaining items, for ``within_s`` at most; return whether the thread ended.

        Stop waiting if the reader takes no piece for ``piece_s`` seconds. None: no such limit.
        """
        self._stopping.set()
        self._something.set()
        ends = time.monotonic() + within_s
        while self._thread.is_alive() and time.monotonic() < ends:
            piece = self._piece
            self._thread.join(within_s if piece_s is None else piece_s)
            # No piece in progress: the thread is only waiting for CPU, so keep waiting.
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
                # The other thread may have taken the last item meanwhile.
                if not self._waiting:
                    return
                item, weight = self._waiting.popleft()
                self._weight_taken += weight
            yield item
