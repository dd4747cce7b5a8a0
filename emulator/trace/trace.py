"""The trace: a bounded log of the last events, in order.

An entry stores values that exist anyway, so that adding it costs a message almost nothing. It is
formatted only when it is read (``as_json``, ``summary``). Names, frames and payloads come from
peers: escape them before they are shown.
"""

from collections import deque
from collections.abc import Callable
from itertools import chain, islice
from typing import NamedTuple, Protocol

from poker_signal.emulator.trace.entries import Entry, Forwarded, Kept
from poker_signal.emulator.trace.weight import weight_of

MAX_ENTRIES = 20_032
BLOCK = 16
"""Elements per block. Evicting whole blocks is cheaper than evicting single entries. Small, because
the newest block is not weighed before it is full."""
MAX_BYTES = 64 * 1024 * 1024
"""Most memory of the entries kept. A WebRTC handshake takes about 60 000 bytes."""


class Observer(Protocol):
    """A part that receives every entry as soon as it is added."""

    def observe(self, entry: Kept) -> None:
        """Handle an entry without blocking the caller."""


class _Block(NamedTuple):
    """A full block of elements, with its number of entries and their weight in bytes."""

    kept: list[Kept]
    entries: int
    weight: int


class Trace:
    """The last entries, numbered from 0 in the order in which they were added.

    They are stored and evicted in blocks, so that adding an entry is one append to a list.
    """

    def __init__(self, observer: Observer | None = None) -> None:
        self._blocks: deque[_Block] = deque()
        """Full blocks, the oldest first."""
        self._newest: list[Kept] = []
        self._first = 0
        """Number of the oldest entry kept."""
        self._entries = 0
        self._weight = 0
        """Entries in full blocks, and the bytes that they take."""
        self._observe = None if observer is None else observer.observe
        self._waiting: list[Callable[[], None]] = []

    def add(self, entry: Kept) -> None:
        """Add an entry; evict the oldest blocks if there are too many, or too heavy ones."""
        self._newest.append(entry)
        if len(self._newest) == BLOCK:
            self._close_block()
        if self._observe is not None:
            self._observe(entry)
        if self._waiting:
            self._tell()

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def _close_block(self) -> None:
        block = _Block(self._newest, _count(self._newest), sum(map(weight_of, self._newest)))
        self._newest = []
        self._blocks.append(block)
        self._entries += block.entries
        self._weight += block.weight
        while self._weight > MAX_BYTES or self._entries > MAX_ENTRIES:
            oldest = self._blocks.popleft()
            self._entries -= oldest.entries
            self._weight -= oldest.weight
            self._first += oldest.entries

    @property
    def next_number(self) -> int:
        """Number that the next entry will get."""
        return self._first + self._entries + _count(self._newest)

    def since(self, number: int, limit: int = MAX_ENTRIES) -> list[tuple[int, Entry]]:
        """Return the kept entries from ``number`` on, each with its number; at most ``limit``."""
        start = max(number, self._first)
        offset = start - self._first
        blocks = iter(self._blocks)
        kept: list[list[Kept]] = []
        for block in blocks:
            if offset < block.entries:
                kept.append(block.kept)
                break
            offset -= block.entries
        kept += [block.kept for block in blocks]
        kept.append(self._newest)
        entries = chain.from_iterable(map(entries_of, chain.from_iterable(kept)))
        return list(enumerate(islice(entries, offset, offset + limit), start))

    def when_something_happens(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once, when the next entry is added; return a function that cancels this."""
        self._waiting.append(callback)

        def call_off() -> None:
            if callback in self._waiting:
                self._waiting.remove(callback)

        return call_off


def entries_of(kept: Kept) -> tuple[Entry, ...]:
    """Return the one or two entries that an element stands for."""
    return kept.entries() if isinstance(kept, Forwarded) else (kept,)


def _count(kept: list[Kept]) -> int:
    return len(kept) + sum(type(each) is Forwarded for each in kept)
