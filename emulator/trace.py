"""What happened, in the order in which it happened: the last entries, for whoever looks.

An entry holds what was at hand, so that taking it costs a message next to nothing; what it
means is worked out when somebody looks (``trace_json``, ``console``). Names, frames and
payloads come from peers: escape them before they are shown.
"""

from collections import deque
from collections.abc import Callable
from itertools import chain, islice
from typing import Literal, NamedTuple, Protocol

from poker_signal.core.gateway import AuthorizerEvent, LambdaEvent
from poker_signal.emulator.events import Facts
from poker_signal.emulator.integration import Raised, Result, Returned

MAX_ENTRIES = 20_032
BLOCK = 64
"""Entries that are looked after together: one by one would cost as much as keeping them."""
MAX_TEXT = 32 * 1024 * 1024
"""Characters of messages and frames that are kept. A handshake has about 20 000."""


class Asked(NamedTuple):
    """``$connect``, or before it the authorizer, was handed a handshake."""

    at_ms: int
    facts: Facts
    of: Literal["connect", "authorizer"]
    event: LambdaEvent | AuthorizerEvent


class Opened(NamedTuple):
    """101 was sent: the connection exists."""

    at_ms: int
    facts: Facts


class Refused(NamedTuple):
    """A request was refused before there was a connection."""

    at_ms: int
    facts: Facts | None
    method: str
    path: str
    """Without the query string, and not longer than what can be read."""
    status: int
    reason: str


class Received(NamedTuple):
    """A message was handed to its route; the parts that its event is made of."""

    at_ms: int
    facts: Facts
    route_key: str
    body: str
    request_id: str
    message_id: str


class Unrouted(NamedTuple):
    """A message reached no function."""

    at_ms: int
    facts: Facts
    body: str
    why: Literal["throttled", "no route"]


class Posted(NamedTuple):
    """A text frame was sent to a connection, or found none."""

    at_ms: int
    facts: Facts | None
    """None: the connection is not open."""
    connection_id: str
    frame: str


class Closed(NamedTuple):
    """A connection ended; ``$disconnect`` was handed this."""

    at_ms: int
    facts: Facts
    event: LambdaEvent


class Finished(NamedTuple):
    """A function returned, failed, or used up its time."""

    at_ms: int
    cause: "Asked | Received | Closed"
    """What it was invoked with."""
    result: Result

    @property
    def facts(self) -> Facts:
        """Whose connection it is."""
        return self.cause.facts


class Managed(NamedTuple):
    """A request of ``@connections`` was answered."""

    at_ms: int
    facts: Facts | None
    connection_id: str
    method: str
    status: int
    reason: str
    size: int
    """Bytes of the request's body."""


class Fault(NamedTuple):
    """A fault that was asked for struck."""

    at_ms: int
    facts: Facts | None
    fault: str
    detail: str


Entry = (
    Asked | Opened | Refused | Received | Unrouted | Posted | Closed | Finished | Managed | Fault
)


class Observer(Protocol):
    """Who is told at once."""

    def observe(self, entry: Entry) -> None:
        """Take an entry; do not keep the caller waiting."""


class Trace:
    """The last entries, numbered from 0 in the order in which they came.

    Kept in blocks, and dropped in blocks: to keep an entry is to append it to a list.
    """

    def __init__(self, observer: Observer | None = None) -> None:
        self._blocks: deque[tuple[list[Entry], int]] = deque()
        """Full blocks, and how much text each holds."""
        self._newest: list[Entry] = []
        self._first = 0
        """The number of the oldest entry that is kept."""
        self._text = 0
        self._observe = None if observer is None else observer.observe
        self._waiting: list[Callable[[], None]] = []

    def add(self, entry: Entry) -> None:
        """Keep an entry; the oldest make room for it, a block at a time."""
        self._newest.append(entry)
        if len(self._newest) == BLOCK:
            self._close_block()
        if self._observe is not None:
            self._observe(entry)
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for callback in waiting:
                callback()

    def _close_block(self) -> None:
        text = sum(map(_weight, self._newest))
        self._blocks.append((self._newest, text))
        self._newest = []
        self._text += text
        while self._text > MAX_TEXT or len(self._blocks) * BLOCK > MAX_ENTRIES:
            _, text = self._blocks.popleft()
            self._text -= text
            self._first += BLOCK

    @property
    def next_number(self) -> int:
        """The number of the entry that comes next."""
        return self._first + len(self._blocks) * BLOCK + len(self._newest)

    def since(self, number: int, limit: int = MAX_ENTRIES) -> list[tuple[int, Entry]]:
        """Return the entries from a number on with their numbers, as far as they are kept."""
        start = max(number, self._first)
        block, offset = divmod(start - self._first, BLOCK)
        blocks = [entries for entries, _ in islice(self._blocks, block, None)]
        if block <= len(self._blocks):
            blocks.append(self._newest)
        chosen = islice(chain.from_iterable(blocks), offset, offset + limit)
        return list(enumerate(chosen, start))

    def when_something_happens(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call once, with the next entry; return what calls it off."""
        self._waiting.append(callback)

        def call_off() -> None:
            if callback in self._waiting:
                self._waiting.remove(callback)

        return call_off


def _weight(entry: Entry) -> int:
    if isinstance(entry, Posted):
        return len(entry.frame)
    if isinstance(entry, Received | Unrouted):
        return len(entry.body)
    if isinstance(entry, Finished):
        return _text_of_result(entry.result)
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
