"""Fifty inspectors, and one that does not read: the game goes on as if nobody looked."""

import asyncio
import re
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.load.figures import Record, in_the_middle, p99, tell
from tests.load.pair import healthy_pair
from tests.load.process import emulator

LOOKERS = 50
ROUNDS = 3
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
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    until = since + count
    try:
        while since < until:
            path = f"/_inspect/api/entries?since={since}&wait=10"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            assert head.startswith(b"HTTP/1.1 200"), head
            assert length, head
            following = re.search(rb'"next":(\d+)', await reader.readexactly(int(length[1])))
            assert following
            since = int(following[1])
    finally:
        writer.close()
    return since


async def look_away(url: str) -> asyncio.StreamWriter:
    """Ask for everything, again and again, and never read a byte of it."""
    parts = urlsplit(url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
    writer.write(b"GET /_inspect/api/recording HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
    return writer


@pytest.mark.timeout(2 * ROUNDS * PATIENCE_S)
async def test_no_message_is_later_because_somebody_looks(record_property: Record) -> None:
    """Measured in turns: with one looker, and with fifty and a deaf one."""
    seen = 0
    alone: list[list[float]] = []
    watched: list[list[float]] = []
    with emulator() as emulated:
        for _ in range(ROUNDS):
            for lookers, took in ((1, alone), (LOOKERS, watched)):
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
    tell(
        record_property,
        f"{LOOKERS} inspectors and a deaf one",
        pair_median_alone_ms=min(map(in_the_middle, alone)),
        pair_median_watched_ms=min(map(in_the_middle, watched)),
        pair_p99_alone_ms=min(map(p99, alone)),
        pair_p99_watched_ms=min(map(p99, watched)),
    )
    # What differs between two rounds without them is no delay of theirs.
    assert min(map(in_the_middle, watched)) < max(map(in_the_middle, alone)) + UNSEEN_MS
    assert min(map(p99, watched)) < max(map(p99, alone)) + RARE_MS
