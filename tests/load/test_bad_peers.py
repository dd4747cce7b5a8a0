"""Peers that do not read, and peers that vanish without closing their connection."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.trace.entries import Asked, Closed, Entry, Finished, Received
from tests.field.hosts import OURS, Weather, serving
from tests.load.figures import IS_FULL, Record, settled, show
from tests.load.observed import emulator
from tests.load.pair import healthy_pair
from tests.load.proxy import proxy_to
from tests.support.client import (
    PATIENCE_S,
    code_heard,
    hear,
    peer,
    query_of,
    settle,
    tell,
)
from tests.support.frames import handshake

SLOW = 40 if IS_FULL else 5

MESSAGE_BYTES = 30_000
MESSAGES = 100
"""Three times the limit of the write buffer: the kernel buffers a part."""

UNREAD_MIB = 1
"""Limit of a peer's write buffer, above which it is disconnected."""

IDLE_S = 600
GOODBYE_S = 1
"""Seconds that the emulator waits for the answer to its close frame."""


@asynccontextmanager
async def lost(url: str, player: str, session: str = "") -> AsyncGenerator[None, None]:
    """Connect a player whose network will freeze, so that it cannot answer a close frame."""
    client = await peer(url, player, session=session)
    try:
        yield
    finally:
        client.transport.abort()
        await client.wait_closed()


@asynccontextmanager
async def deaf(url: str, player: str, game: str) -> AsyncGenerator[socket.socket, None]:
    """Connect a client that reads only the answer to the handshake."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, (parts.hostname, parts.port))
        target = parts.path + query_of(player, game)
        await loop.sock_sendall(client, handshake(target))
        async with asyncio.timeout(PATIENCE_S):
            assert (await loop.sock_recv(client, 12)).endswith(b"101")
        yield client


async def overwhelm(url: str, number: int) -> int:
    """Send to a client that does not read until it is disconnected; return the message count."""
    game = f"SLOW{number}"
    payload = "x" * MESSAGE_BYTES
    async with peer(url, "HOST", game) as host, deaf(url, "Deaf", game):
        for sent in range(1, 2 * MESSAGES):
            await tell(host, type="offer", targetId="Deaf", payload=payload, id=str(sent))
            if (await hear(host))["type"] == "undelivered":
                return sent
    raise AssertionError("it was never cut off")


@pytest.mark.process
@pytest.mark.timeout(240)
async def test_who_does_not_read_is_cut_off_and_harms_nobody(record_property: Record) -> None:
    """The write buffer of a slow reader is bounded, and an unrelated pair is not affected."""
    with emulator() as emulated:
        before, empty_mib = emulated.holdings(), emulated.memory_mib()
        with healthy_pair(emulated.url) as pair:
            needed = await asyncio.gather(*(overwhelm(emulated.url, n) for n in range(SLOW)))
        peak_mib = emulated.peak_mib()
        after = settled(emulated, before)
    show(
        record_property,
        f"{SLOW} slow readers",
        MiB_until_cut_off=max(needed) * MESSAGE_BYTES / 2**20,
        messages_of_the_pair=pair.messages,
        memory_empty_MiB=empty_mib,
        memory_peak_MiB=peak_mib,
    )
    assert after == before
    assert peak_mib - empty_mib < 48 + 2 * UNREAD_MIB * SLOW, "the trace has 32 of it"


async def until(weather: Weather, is_so: Callable[[list[Entry]], bool]) -> None:
    """Wait until the trace entries satisfy a condition."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so([entry for _, entry in weather.trace.since(0)]):
            happened = asyncio.Event()
            weather.trace.when_something_happens(happened.set)
            await happened.wait()


def count_of(entries: list[Entry], *kinds: type[Entry]) -> int:
    """Return the number of entries of these kinds."""
    return sum(isinstance(entry, kinds) for entry in entries)


def is_quiet(entries: list[Entry]) -> bool:
    """Return whether no invocation runs: one would time out when the clock is advanced."""
    return count_of(entries, Asked, Received, Closed) == count_of(entries, Finished)


def left(weather: Weather) -> list[str]:
    """Return the players whose ``$disconnect`` was recorded."""
    return [record.who for record in weather.records if record.kind == "disconnect"]


async def idle_timeout(weather: Weather, clock: VirtualClock, awake: ClientConnection) -> None:
    """Let the idle time-out of one player pass, to the second, while another is active."""
    await until(weather, is_quiet)
    before = left(weather)
    for seconds in (IDLE_S / 2, IDLE_S / 2 - 1):
        await settle(awake)
        await until(weather, is_quiet)
        clock.advance(seconds)
    assert left(weather) == before
    clock.advance(1 + GOODBYE_S)
    await until(weather, lambda entries: count_of(entries, Closed) > len(before))
    await until(weather, is_quiet)
    assert left(weather) == [*before, "Alice"]


@pytest.mark.parametrize("handler", OURS)
async def test_the_other_side_of_a_silent_peer_is_told(handler: str) -> None:
    """After a silent peer's idle time-out, its sender gets ``undelivered`` and its name is free."""
    clock = VirtualClock()
    quiet = serving(handler, clock=clock, later=False)
    async with quiet as weather, proxy_to(weather.url) as (proxy, url):
        async with (
            peer(weather.url, "HOST") as host,
            lost(url, "Alice"),
            peer(weather.url, "Alice") as again,
        ):
            proxy.freeze()
            await tell(again, type="join")
            assert await code_heard(again) == ("error", "DUPLICATE_NAME")
            await again.close()
            await until(weather, lambda entries: count_of(entries, Closed) == 1)
            await idle_timeout(weather, clock, host)
            await tell(host, type="offer", targetId="Alice", payload=1)
            assert await code_heard(host) == ("undelivered", "TARGET_NOT_FOUND")
            async with peer(weather.url, "Alice") as newcomer:
                await tell(newcomer, type="join")
                assert (await hear(host))["type"] == "join"
                await tell(host, type="offer", targetId="Alice", payload=1)
                assert (await hear(newcomer))["type"] == "offer"


@pytest.mark.parametrize("handler", OURS)
async def test_who_has_a_session_need_not_wait_for_the_idle_timeout(handler: str) -> None:
    """With a session, a newcomer takes over its own silent connection at once, also as HOST."""
    async with serving(handler) as weather, proxy_to(weather.url) as through:
        proxy, url = through
        phone, tablet = "phone-of-alice", "tablet-at-home"
        async with (
            lost(url, "HOST", session=tablet),
            lost(url, "Alice", session=phone),
        ):
            proxy.freeze()
            async with (
                peer(weather, "HOST", session=tablet) as host,
                peer(weather, "Alice", session=phone) as alice,
            ):
                await tell(alice, type="join")
                assert (await hear(host))["type"] == "join"
                await tell(host, type="offer", targetId="Alice", payload=1)
                assert (await hear(alice))["type"] == "offer"
