"""Fifty inspectors, and one that does not read: the game goes on as if nobody looked."""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.load.figures import Record, in_the_middle, p99, show
from tests.load.observed import emulator
from tests.load.pair import healthy_pair
from tests.support.frames import raw_connection, read_answer

LOOKERS = 50
ROUNDS = 3
MOST_ROUNDS = 9
"""What lookers do to a pair, they do every time; a machine that does ten other things takes a
seventh of a second for one message in a hundred now with them, now without.
"""
ENTRIES = 900
"""Of the trace, in a round: three hundred messages, in some three seconds."""

UNSEEN_MS = 1.0
"""What nobody notices, and what one machine takes longer from one minute to the next."""

RARE_MS = 8.0
"""By so much one message in a hundred may be later: half a frame of a screen."""

PATIENCE_S = 150
"""Fifty who are told of three hundred messages, on a machine that does ten other things."""


async def follow(url: str, since: int, count: int) -> int:
    """Look until so many more entries were told; return the number of the next."""
    until = since + count
    async with raw_connection(url) as (reader, writer):
        while since < until:
            path = f"/_inspect/api/entries?since={since}&wait=10"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            told = await read_answer(reader)
            assert told.status == 200, told
            following = re.search(rb'"next":(\d+)', told.body)
            assert following
            since = int(following[1])
    return since


async def look_away(url: str) -> asyncio.StreamWriter:
    """Ask for everything, again and again, and never read a byte of it."""
    parts = urlsplit(url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
    writer.write(b"GET /_inspect/api/recording HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
    return writer


class Delay:
    """What a pair's messages took, by round: while one looks, and while fifty do."""

    def __init__(self) -> None:
        self.alone: list[list[float]] = []
        self.watched: list[list[float]] = []

    def of(self, measure: Callable[[Sequence[float]], float]) -> float:
        """Return by how many milliseconds more it is with fifty.

        What differs between two rounds without them is no delay of theirs.
        """
        return min(map(measure, self.watched)) - max(map(measure, self.alone))

    def is_unnoticed(self) -> bool:
        """Return whether the lookers delay nobody."""
        return self.of(in_the_middle) < UNSEEN_MS and self.of(p99) < RARE_MS


@pytest.mark.timeout(2 * MOST_ROUNDS * PATIENCE_S)
async def test_no_message_is_later_because_somebody_looks(record_property: Record) -> None:
    """Measured in turns: with one looker, and with fifty and a deaf one."""
    seen = 0
    delay = Delay()
    with emulator() as emulated:
        while len(delay.alone) < ROUNDS or (
            len(delay.alone) < MOST_ROUNDS and not delay.is_unnoticed()
        ):
            for lookers, took in ((1, delay.alone), (LOOKERS, delay.watched)):
                deaf = await look_away(emulated.url) if lookers > 1 else None
                with healthy_pair(emulated.url) as pair:
                    async with asyncio.timeout(PATIENCE_S):
                        told = await asyncio.gather(
                            *(follow(emulated.url, seen, ENTRIES) for _ in range(lookers))
                        )
                seen = min(told)
                took.append(pair.took_ms)
                if deaf is not None:
                    deaf.transport.abort()
                    with suppress(ConnectionError):
                        await deaf.wait_closed()
    show(
        record_property,
        f"{LOOKERS} inspectors and a deaf one",
        rounds=len(delay.alone),
        pair_median_alone_ms=min(map(in_the_middle, delay.alone)),
        pair_median_watched_ms=min(map(in_the_middle, delay.watched)),
        pair_p99_alone_ms=min(map(p99, delay.alone)),
        pair_p99_watched_ms=min(map(p99, delay.watched)),
    )
    assert delay.of(in_the_middle) < UNSEEN_MS
    assert delay.of(p99) < RARE_MS
