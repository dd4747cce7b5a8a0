"""Many inspectors, and one that does not read: the game continues, and no object leaks."""

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
"""Trace entries: a hundred messages, which take some seconds."""

PATIENCE_S = 150
"""Seconds, for a busy machine."""

ANSWERS_MIB = 64
"""Memory limit for a client that requests the whole trace twenty times and never reads."""


async def follow(url: str, since: int) -> list[int]:
    """Read entries until there are ENTRIES of them; return their numbers."""
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
    """Request the whole recording twenty times, and read nothing."""
    parts = urlsplit(url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
    writer.write(b"GET /_inspect/api/recording HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
    return writer


async def test_a_game_goes_on_while_many_look_and_nothing_is_left_of_them(
    record_property: Record,
) -> None:
    """Every inspector gets all entries, and a pair loses no message meanwhile."""
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
                    # From the second round on, one client does not read.
                    deaf = deaf or await look_away(emulated.url)
        assert deaf is not None
        deaf.transport.abort()
        with suppress(ConnectionError):
            await deaf.wait_closed()
        after = settled(emulated, before)
        peak_mib, cpu_s = emulated.peak_mib(), emulated.cpu_s()
    show(
        record_property,
        f"{LOOKERS} inspectors, 1 not reading",
        messages_of_the_pair=pair.messages,
        memory_empty_MiB=empty_mib,
        memory_peak_MiB=peak_mib,
        emulators_CPU_s=cpu_s,
    )
    assert pair.messages * 3 >= 2 * ENTRIES
    assert after == before
    assert peak_mib - empty_mib < ANSWERS_MIB
