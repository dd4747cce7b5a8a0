"""Many inspectors, and one that does not read: the game goes on, and nothing is left of them."""

import asyncio
import re
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.load.figures import IS_FULL, Record, settled, show
from tests.load.observed import emulator
from tests.load.pair import healthy_pair
from tests.support.frames import read_answer

pytestmark = [pytest.mark.process, pytest.mark.timeout(200)]

LOOKERS = 50 if IS_FULL else 15
ENTRIES = 300
"""Of the trace: a hundred messages, in some seconds."""

PATIENCE_S = 150
"""For a busy machine."""

ANSWERS_MIB = 64
"""What may be held for one who asks for the whole trace twenty times, and never reads."""


async def follow(url: str, since: int) -> list[int]:
    """Look until so many entries were told; return their numbers."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    told: list[int] = []
    try:
        while len(told) < ENTRIES:
            path = f"/_inspect/api/entries?since={since}&wait=10"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = await read_answer(reader)
            assert answer.status == 200, answer
            following = re.search(rb'"next":(\d+)', answer.body)
            assert following
            told += range(since, int(following[1]))
            since = int(following[1])
    finally:
        writer.close()
    return told


async def look_away(url: str) -> asyncio.StreamWriter:
    """Ask for everything, again and again, and never read a byte of it."""
    parts = urlsplit(url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
    writer.write(b"GET /_inspect/api/recording HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
    return writer


async def test_a_game_goes_on_while_many_look_and_nothing_is_left_of_them(
    record_property: Record,
) -> None:
    """Each of them is told of everything; a pair misses no message meanwhile."""
    with emulator() as emulated:
        before, empty_mib = emulated.holdings(), emulated.memory_mib()
        deaf: asyncio.StreamWriter | None = None
        with healthy_pair(emulated.url) as pair:
            async with asyncio.timeout(PATIENCE_S):
                for since in (0, ENTRIES):
                    told = await asyncio.gather(
                        *(follow(emulated.url, since) for _ in range(LOOKERS))
                    )
                    assert all(
                        numbers[:ENTRIES] == [*range(since, since + ENTRIES)] for numbers in told
                    )
                    # In the second round there is something that is not read.
                    deaf = deaf or await look_away(emulated.url)
        assert deaf is not None
        deaf.transport.abort()
        with suppress(ConnectionError):
            await deaf.wait_closed()
        after = settled(emulated, before)
        peak_mib, cpu_s = emulated.peak_mib(), emulated.cpu_s()
    show(
        record_property,
        f"{LOOKERS} inspectors and a deaf one",
        messages_of_the_pair=pair.messages,
        memory_empty_MiB=empty_mib,
        memory_peak_MiB=peak_mib,
        emulators_CPU_s=cpu_s,
    )
    assert pair.messages * 3 >= 2 * ENTRIES
    assert after == before
    assert peak_mib - empty_mib < ANSWERS_MIB
