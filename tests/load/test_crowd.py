"""Many clients at once: idle connections, games that start, simultaneous connects.

Bars are counts, memory and CPU time, which also hold on a machine that runs other programs.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection

from tests.field.client import CANDIDATES, host_of, player_of, verdict_on
from tests.load.figures import (
    IS_FULL,
    Record,
    Sample,
    growth_mib,
    settled,
    show,
)
from tests.load.observed import Observed, emulator
from tests.load.pair import healthy_pair
from tests.support.client import peer, settle
from tests.support.process import allow_descriptors

pytestmark = pytest.mark.process

IDLE = 5_000 if IS_FULL else 200
GAMES = 200 if IS_FULL else 20
HANDSHAKES = 20 if IS_FULL else 4
"""Handshakes of each game."""

AT_ONCE = 1_000 if IS_FULL else 300

CONNECTING_AT_A_TIME = 50

PAUSE_S = 3 if IS_FULL else 0.5
"""Seconds between two handshakes of a game, so that the clients are not the bottleneck."""

GIVES_UP_AFTER_S = 30
"""Longer than in the field, because all clients are one process, which may be busy."""

SAMPLE_EVERY_S = 0.25

GROWTH_MIB = 6
"""Limit for the second half of the time; at full size this is 1 KiB for each handshake."""

MESSAGES_OF_A_HANDSHAKE = 3 + 2 * CANDIDATES
CPU_OF_A_MESSAGE_MS = 3
"""Includes an HTTP handshake and three trace entries; a server that visits every connection for
each message needs more."""

TRACED = 20_000
"""Entries that the trace keeps: no leak, but memory grows until there are so many."""


@asynccontextmanager
async def idle_ones(url: str, count: int) -> AsyncGenerator[list[ClientConnection], None]:
    """Keep connections open that send nothing, each the only player of its game."""
    gate = asyncio.Semaphore(CONNECTING_AT_A_TIME)

    async def open_one(number: int) -> ClientConnection:
        async with gate:
            return await peer(url, "Idle", f"IDLE{number}")

    async with AsyncExitStack() as stack:
        opened = await asyncio.gather(*map(open_one, range(count)))
        for client in opened:
            stack.push_async_callback(client.close)
        yield opened


async def fill_the_trace(url: str) -> None:
    """Fill the emulator's trace with pings, of three entries each."""

    async def ping_on(number: int) -> None:
        async with peer(url, "Ping", f"PING{number}") as client:
            for _ in range(TRACED // 3 // 4):
                await settle(client)

    await asyncio.gather(*map(ping_on, range(4)))


async def play(url: str, number: int) -> Counter[str]:
    """Let one player after the other connect and leave; return the number of each verdict."""
    verdicts: Counter[str] = Counter()
    game = f"GAME{number}"
    await asyncio.sleep(PAUSE_S * number / GAMES)  # games out of step
    async with host_of(url, game, GIVES_UP_AFTER_S) as host:
        for time in range(HANDSHAKES):
            name = f"Player {time}"
            async with player_of(url, game, name, join_after_s=None) as player:
                verdicts[await verdict_on(host, player)] += 1
            host.peers.pop(name, None)
            await asyncio.sleep(PAUSE_S)
    return verdicts


async def sample(emulated: Observed, samples: list[Sample]) -> None:
    """Sample the memory every SAMPLE_EVERY_S."""
    while True:
        samples.append(Sample(len(samples) * SAMPLE_EVERY_S, emulated.memory_mib()))
        await asyncio.sleep(SAMPLE_EVERY_S)


@pytest.mark.timeout(240 + 10 * HANDSHAKES * PAUSE_S)
async def test_a_crowd_leaves_nothing_behind_and_delays_nobody(record_property: Record) -> None:
    """Idle and active clients leave nothing in memory, and an unrelated pair loses no message."""
    allow_descriptors(IDLE + 3 * GAMES)
    samples: list[Sample] = []
    with emulator() as emulated:
        before = emulated.holdings()
        if IS_FULL:
            await fill_the_trace(emulated.url)
            assert settled(emulated, before) == before
        empty_mib = emulated.memory_mib()
        with healthy_pair(emulated.url) as pair:
            async with idle_ones(emulated.url, IDLE) as idle:
                idle_mib, cpu_s = emulated.memory_mib(), emulated.cpu_s()
                sampling = asyncio.create_task(sample(emulated, samples))
                played = (play(emulated.url, number) for number in range(GAMES))
                total = sum(await asyncio.gather(*played), Counter[str]())
                sampling.cancel()
                cpu_s = emulated.cpu_s() - cpu_s
                during = emulated.holdings()
                assert all(client.close_code is None for client in idle)
        after = settled(emulated, before)
        final_mib, peak_mib = emulated.memory_mib(), emulated.peak_mib()
    messages = total.total() * MESSAGES_OF_A_HANDSHAKE + pair.messages
    growth = growth_mib(samples)
    show(
        record_property,
        f"{IDLE} idle, {GAMES} games",
        handshakes=f"{total['connected']} of {total.total()}",
        messages_of_the_pair=pair.messages,
        memory_empty_MiB=empty_mib,
        memory_of_an_idle_one_KiB=(idle_mib - empty_mib) / IDLE * 1024,
        memory_peak_MiB=peak_mib,
        memory_growth_in_2nd_half_MiB=growth,
        memory_final_MiB=final_mib,
        emulators_CPU_of_a_message_ms=cpu_s / messages * 1000,
        **{f"{name} before, during, after": f"{before[name]}, {during[name]}, {after[name]}"
           for name in before},
    )  # fmt: skip
    assert after == before
    assert total["connected"] == total.total() == GAMES * HANDSHAKES
    assert growth < GROWTH_MIB
    assert cpu_s / messages * 1000 < CPU_OF_A_MESSAGE_MS


@pytest.mark.timeout(120)
async def test_all_who_connect_at_once_are_let_in(record_property: Record) -> None:
    """All simultaneous clients are accepted and answered, and leave nothing in memory."""
    allow_descriptors(AT_ONCE)

    async def visit(url: str, number: int) -> None:
        async with peer(url, "Guest", f"GUEST{number}") as client:
            await client.send('{"type":"ping"}')
            assert await client.recv() == '{"type":"pong"}'

    with emulator() as emulated:
        before = emulated.holdings()
        await asyncio.gather(*(visit(emulated.url, number) for number in range(AT_ONCE)))
        after = settled(emulated, before)
        peak_mib, cpu_s = emulated.peak_mib(), emulated.cpu_s()
    show(record_property, f"{AT_ONCE} at once", memory_peak_MiB=peak_mib, emulators_CPU_s=cpu_s)
    assert after == before
