"""Many at once: idle connections, games that begin, everybody at the same moment.

Bars are ratios, or as generous as the client in the field is patient: they have to hold on a
machine that does other things as well. The figures are in the table.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection

from tests.field.client import host_of, player_of, verdict_on
from tests.load.figures import IS_FULL, Record, Sample, growth_mib, in_the_middle, p99, show
from tests.load.observed import Observed, emulator
from tests.load.pair import GOES, Pair, healthy_pair, hold_up_nobody
from tests.support.client import peer, settle
from tests.support.process import allow_descriptors

IDLE = 5_000 if IS_FULL else 400
GAMES = 200 if IS_FULL else 20
SECONDS = 60 if IS_FULL else 8
AT_ONCE = 1_000

CONNECTING_AT_A_TIME = 50

PAUSE_S = 3
"""Between two handshakes of a game: the load is to be the emulator's, not ours."""

GIVES_UP_AFTER_S = 30
"""These hosts are more patient than the one in the field: 400 clients are one process here, which
may be busier than what it measures. How long the emulator takes, the pair knows."""

SAMPLE_EVERY_S = 0.25

SETTLES_WITHIN_S = 20

GROWTH_MIB = 6
"""In half of the time; at full size that would be 1 KiB for each handshake."""

TRACED = 20_000
"""Entries that the emulator keeps to show: they are no leak, but memory until there are so many."""


@asynccontextmanager
async def idle_ones(url: str, count: int) -> AsyncGenerator[list[ClientConnection], None]:
    """Keep connections open that say nothing, each a game's only player."""
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
    """Make the emulator remember as much as it ever does: three entries a ping."""

    async def ping_on(number: int) -> None:
        async with peer(url, "Ping", f"PING{number}") as client:
            for _ in range(TRACED // 3 // 4):
                await settle(client)

    await asyncio.gather(*map(ping_on, range(4)))


async def play(url: str, number: int, until: float) -> Counter[str]:
    """Let a player come, shake hands and go, again and again; return how often it ended how."""
    verdicts: Counter[str] = Counter()
    game = f"GAME{number}"
    await asyncio.sleep(PAUSE_S * number / GAMES)  # not all in step
    async with host_of(url, game, GIVES_UP_AFTER_S) as host:
        while time.monotonic() < until:
            name = f"Player {sum(verdicts.values())}"
            async with player_of(url, game, name, join_after_s=None) as player:
                verdicts[await verdict_on(host, player)] += 1
            host.peers.pop(name, None)
            await asyncio.sleep(PAUSE_S)
    return verdicts


async def sample(emulated: Observed, until: float) -> list[Sample]:
    """Look at the memory every now and then."""
    samples = []
    while (now := time.monotonic()) < until:
        samples.append(Sample(now, emulated.memory_mib()))
        await asyncio.sleep(SAMPLE_EVERY_S)
    return samples


def settled(emulated: Observed, before: dict[str, int]) -> dict[str, int]:
    """Return what is held once that is as before, or when it does not become so."""
    end = time.monotonic() + SETTLES_WITHIN_S
    while (held := emulated.holdings()) != before and time.monotonic() < end:
        pass  # counting takes its time
    return held


async def crowded(record_property: Record) -> Pair:
    """Let a crowd come and go; return the pair that has nothing to do with it."""
    with emulator() as emulated:
        before = emulated.holdings()
        await fill_the_trace(emulated.url)
        assert settled(emulated, before) == before
        empty_mib = emulated.memory_mib()
        with healthy_pair(emulated.url) as pair:
            async with idle_ones(emulated.url, IDLE) as idle:
                idle_mib, cpu_s = emulated.memory_mib(), emulated.cpu_s()
                until = time.monotonic() + SECONDS
                sampling = asyncio.create_task(sample(emulated, until))
                played = (play(emulated.url, number, until) for number in range(GAMES))
                total = sum(await asyncio.gather(*played), Counter[str]())
                samples = await sampling
                cpu_s = emulated.cpu_s() - cpu_s
                during = emulated.holdings()
                assert all(client.close_code is None for client in idle)
        after = settled(emulated, before)
        final_mib, peak_mib = emulated.memory_mib(), emulated.peak_mib()
    growth = growth_mib(samples)
    show(
        record_property,
        f"{IDLE} idle, {GAMES} games, {SECONDS} s",
        handshakes=f"{total['connected']} of {total.total()}",
        handshakes_per_s=total.total() / SECONDS,
        pair_median_ms=in_the_middle(pair.took_ms),
        pair_p99_ms=p99(pair.took_ms),
        memory_empty_MiB=empty_mib,
        memory_of_an_idle_one_KiB=(idle_mib - empty_mib) / IDLE * 1024,
        memory_peak_MiB=peak_mib,
        memory_growth_in_2nd_half_MiB=growth,
        memory_final_MiB=final_mib,
        emulators_share_of_a_core=f"{cpu_s / SECONDS:.0%}",
        **{f"{name} before, during, after": f"{before[name]}, {during[name]}, {after[name]}"
           for name in before},
    )  # fmt: skip
    assert after == before
    assert total["connected"] == total.total() >= GAMES
    assert growth < GROWTH_MIB
    return pair


@pytest.mark.timeout(GOES * (60 + 6 * SECONDS))
async def test_a_crowd_leaves_nothing_behind_and_delays_nobody(record_property: Record) -> None:
    """Thousands who are silent, hundreds who shake hands; and a pair whose way must stay short."""
    allow_descriptors(IDLE + 3 * GAMES)
    await hold_up_nobody(lambda: crowded(record_property))


@pytest.mark.timeout(120)
async def test_a_thousand_who_connect_at_once_are_all_let_in(record_property: Record) -> None:
    """And get an answer; when they have gone nothing is left of them."""
    allow_descriptors(AT_ONCE)
    took_ms = []

    async def visit(url: str, number: int) -> None:
        start = time.monotonic()
        async with peer(url, "Guest", f"GUEST{number}") as client:
            await settle(client)
            took_ms.append((time.monotonic() - start) * 1000)

    with emulator() as emulated:
        before = emulated.holdings()
        start = time.monotonic()
        await asyncio.gather(*(visit(emulated.url, number) for number in range(AT_ONCE)))
        seconds = time.monotonic() - start
        after, peak_mib = settled(emulated, before), emulated.peak_mib()
    show(
        record_property,
        f"{AT_ONCE} at once",
        connects_per_s=AT_ONCE / seconds,
        pong_p99_ms=p99(took_ms),
        memory_peak_MiB=peak_mib,
    )
    assert len(took_ms) == AT_ONCE
    assert after == before
