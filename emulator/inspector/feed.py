"""Long polling: a request for newer entries than there are is answered when the next one comes.

Each entry is encoded as JSON once for all readers. Without readers this module does no work.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from poker_signal.emulator.inspector.turns import PIECE_S, Turns
from poker_signal.emulator.trace.as_json import as_json, encode
from poker_signal.emulator.trace.trace import Trace

MAX_ENTRIES = 200
MAX_BYTES = 131_072
"""Bytes of a chunk; a single entry may be larger."""
MAX_CHUNKS = 8
MAX_ANSWER_BYTES = 4 * MAX_BYTES
"""Bytes of an answer to a reader that is behind. Each of its chunks takes a turn of its own; with
more chunks, and many readers, a page would wait too long."""
BATCH_S = 0.05
"""Seconds for which entries are collected before waiting requests are answered: twenty updates a
second look continuous."""
MAX_WAIT_S = 25.0
MAX_WAITING = 500

_CACHED = 16

Send = Callable[[bytes], None]


class Chunk(NamedTuple):
    """Successive entries, as JSON separated by commas."""

    next: int
    """The number of the entry after it."""
    text: bytes
    is_last: bool
    """True if the trace had no entry after it when it was made."""


class _Waiting:
    def __init__(self, since: int, send: Send) -> None:
        self.since = since
        self.send = send
        self.timer: asyncio.TimerHandle


class TooManyWait(Exception):
    """``MAX_WAITING`` requests are waiting already, more than any number of real pages."""


class Feed:
    """The entries of a trace, for any number of readers."""

    def __init__(self, trace: Trace, turns: Turns, run: str, now_ms: Callable[[], int]) -> None:
        self._trace = trace
        self._turns = turns
        self._run = run
        self._now_ms = now_ms
        self._waiting: set[_Waiting] = set()
        self._cache: OrderedDict[int, Chunk] = OrderedDict()
        self._is_armed = False

    def ask(self, since: int, wait_s: float, send: Send) -> None:
        """Call ``send`` with the entries from a number on: now, or as soon as there are any.

        After ``wait_s`` seconds without any, ``send`` gets an empty list.

        Raises:
            TooManyWait: ``send`` is not called.
        """
        if wait_s <= 0 or self._trace.next_number > since:
            self._turns.soon(partial(self._gather, since, [], send))
            return
        if len(self._waiting) >= MAX_WAITING:
            raise TooManyWait
        waiting = _Waiting(since, send)
        loop = asyncio.get_running_loop()
        waiting.timer = loop.call_later(min(wait_s, MAX_WAIT_S), self._give_up, waiting)
        self._waiting.add(waiting)
        if not self._is_armed:
            self._is_armed = True
            self._trace.when_something_happens(self._soon)

    def chunk(self, since: int) -> Chunk:
        """Return the entries from a number on, as many as fit into one turn."""
        known = self._cache.get(since)
        if known is None or (known.is_last and known.next < self._trace.next_number):
            known = self._make(since)
            self._cache[since] = known
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return known

    def _make(self, since: int) -> Chunk:
        texts: list[bytes] = []
        size, following = 0, since
        end = time.perf_counter() + PIECE_S
        for number, entry in self._trace.since(since, MAX_ENTRIES):
            text = encode(as_json(number, entry))
            if texts and size + len(text) > MAX_BYTES:
                break
            texts.append(text)
            size += len(text)
            following = number + 1
            if time.perf_counter() >= end:
                break
        following = following if texts else self._trace.next_number
        return Chunk(following, b",".join(texts), following == self._trace.next_number)

    def _gather(self, since: int, texts: list[bytes], send: Send) -> None:
        """Add a chunk to ``texts``; send them if the answer is full or has the last entry."""
        chunk = self.chunk(since)
        if chunk.text:
            texts.append(chunk.text)
        has_room = sum(map(len, texts)) + MAX_BYTES <= MAX_ANSWER_BYTES
        if has_room and len(texts) < MAX_CHUNKS and not chunk.is_last:
            self._turns.go_on(partial(self._gather, chunk.next, texts, send))
            return
        head = {
            "run": self._run,
            "now": self._now_ms(),
            "next": chunk.next,
            "end": self._trace.next_number,
        }
        send(encode(head)[:-1] + b',"entries":[' + b",".join(texts) + b"]}")

    def _soon(self) -> None:
        asyncio.get_running_loop().call_later(BATCH_S, self._tell)

    def _tell(self) -> None:
        self._is_armed = False
        waiting, self._waiting = self._waiting, set()
        for each in waiting:
            each.timer.cancel()
            self._turns.soon(partial(self._tell_one, each))

    def _give_up(self, waiting: _Waiting) -> None:
        if waiting in self._waiting:
            self._waiting.discard(waiting)
            self._turns.soon(partial(self._tell_one, waiting))

    def _tell_one(self, waiting: _Waiting) -> None:
        self._gather(waiting.since, [], waiting.send)
