"""What happened, in the order in which it happened: the last entries, for whoever looks.

An entry holds what was at hand, so that taking it costs a message next to nothing; what it
means is worked out when somebody looks (``trace_json``, ``console``). Names, frames and
payloads come from peers: escape them before they are shown.
"""

from collections import deque
from collections.abc import Callable
from itertools import chain, islice
from typing import NamedTuple, Protocol, runtime_checkable

from poker_signal.core.aws_event import AuthorizerEvent, LambdaEvent
from poker_signal.emulator.aws.results import Raised, Result, Returned
from poker_signal.emulator.trace.entries import (
    Asked,
    Entry,
    Finished,
    Posted,
    Received,
    Relayed,
    Unrouted,
)

MAX_ENTRIES = 20_032
BLOCK = 64
"""What is looked after together: one by one would cost as much as keeping them."""
MAX_TEXT = 32 * 1024 * 1024
"""Characters of messages and frames that are kept. A handshake has about 20 000."""


class Observer(Protocol):
    """Who is told at once."""

    def observe(self, entry: Entry) -> None:
        """Take an entry; do not keep the caller waiting."""


@runtime_checkable
class RelayObserver(Observer, Protocol):
    """Who can do with one call in place of three."""

    def observe_relayed(self, relayed: Relayed) -> None:
        """Take three entries."""


class _Block(NamedTuple):
    """Entries that are looked after together."""

    kept: list[Entry | Relayed]
    entries: int
    text: int


class Trace:
    """The last entries, numbered from 0 in the order in which they came.

    Kept in blocks, and dropped in blocks: to keep an entry is to append it to a list.
    """

    def __init__(self, observer: Observer | None = None) -> None:
        self._blocks: deque[_Block] = deque()
        """Those that are full."""
        self._newest: list[Entry | Relayed] = []
        self._first = 0
        """The number of the oldest entry that is kept."""
        self._entries = 0
        self._text = 0
        """How many entries are in full blocks, and how much text."""
        self._observe = None if observer is None else observer.observe
        self._observe_relayed = None if observer is None else self._observe_each
        if isinstance(observer, RelayObserver):
            self._observe_relayed = observer.observe_relayed
        self._waiting: list[Callable[[], None]] = []

    def add(self, entry: Entry) -> None:
        """Keep an entry; the oldest make room for it, a block at a time."""
        self._newest.append(entry)
        if len(self._newest) == BLOCK:
            self._close_block()
        if self._observe is not None:
            self._observe(entry)
        if self._waiting:
            self._tell()

    def add_relayed(self, relayed: Relayed) -> None:
        """Keep three entries."""
        self._newest.append(relayed)
        if len(self._newest) == BLOCK:
            self._close_block()
        if self._observe_relayed is not None:
            self._observe_relayed(relayed)
        if self._waiting:
            self._tell()

    def _observe_each(self, relayed: Relayed) -> None:
        assert self._observe is not None, "there is an observer"
        for entry in relayed.entries():
            self._observe(entry)

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def _close_block(self) -> None:
        block = _Block(self._newest, _count(self._newest), sum(map(_weight, self._newest)))
        self._newest = []
        self._blocks.append(block)
        self._entries += block.entries
        self._text += block.text
        while self._text > MAX_TEXT or self._entries > MAX_ENTRIES:
            oldest = self._blocks.popleft()
            self._entries -= oldest.entries
            self._text -= oldest.text
            self._first += oldest.entries

    @property
    def next_number(self) -> int:
        """The number of the entry that comes next."""
        return self._first + self._entries + _count(self._newest)

    def since(self, number: int, limit: int = MAX_ENTRIES) -> list[tuple[int, Entry]]:
        """Return the entries from a number on with their numbers, as far as they are kept."""
        start = max(number, self._first)
        offset = start - self._first
        blocks = iter(self._blocks)
        kept: list[list[Entry | Relayed]] = []
        for block in blocks:
            if offset < block.entries:
                kept.append(block.kept)
                break
            offset -= block.entries
        kept += [block.kept for block in blocks]
        kept.append(self._newest)
        entries = chain.from_iterable(map(_entries_of, chain.from_iterable(kept)))
        return list(enumerate(islice(entries, offset, offset + limit), start))

    def when_something_happens(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call once, with the next entry; return what calls it off."""
        self._waiting.append(callback)

        def call_off() -> None:
            if callback in self._waiting:
                self._waiting.remove(callback)

        return call_off


def _entries_of(kept: Entry | Relayed) -> tuple[Entry, ...]:
    return kept.entries() if isinstance(kept, Relayed) else (kept,)


def _count(kept: list[Entry | Relayed]) -> int:
    return len(kept) + 2 * sum(isinstance(each, Relayed) for each in kept)


def _weight(entry: Entry | Relayed) -> int:
    # For every message: isinstance() of a union would make that union anew each time.
    if isinstance(entry, Relayed):
        return len(entry.body) + len(entry.frame)
    if isinstance(entry, Posted):
        return len(entry.frame)
    if isinstance(entry, Received):
        return len(entry.body)
    if isinstance(entry, Finished):
        return _text_of_result(entry.result)
    if isinstance(entry, Unrouted):
        return len(entry.body)
    return _text_of_handshake(entry.event) if isinstance(entry, Asked) else 0


def _text_of_result(result: Result) -> int:
    """Count what a function of somebody's returned or raised; ours is always short."""
    if isinstance(result, Raised):
        return len(result.message)
    if isinstance(result, Returned) and result.outcome is None and isinstance(result.value, dict):
        body = result.value.get("body")
        return len(body) if isinstance(body, str) else 0
    return 0


def _text_of_handshake(event: LambdaEvent | AuthorizerEvent) -> int:
    """Count cookies, tokens and whatever else a URL and its headers can hold."""
    found = (event["headers"], event.get("queryStringParameters") or {})
    return sum(len(name) + len(value) for pairs in found for name, value in pairs.items())
