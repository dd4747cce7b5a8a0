"""The far end of a handshake: what it does when something is odd."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from poker_signal.core.model import HOST
from poker_signal.emulator.client.connection import Client, signal_client
from poker_signal.emulator.client.webrtc import (
    BadIceServer,
    Happened,
    Peer,
    check_ice_server,
    taking_part,
)
from poker_signal.emulator.server import Emulator

GAME = "GAME01"


class Story(asyncio.Queue[Happened]):
    """A queue of what happened."""

    async def next(self) -> Happened:
        async with asyncio.timeout(50):
            return await self.get()


@asynccontextmanager
async def seat(emulator: Emulator, name: str) -> AsyncGenerator[tuple[Peer, Client, Story], None]:
    """Take a seat at the table."""
    story = Story()
    async with signal_client(emulator.url, name, GAME) as client:
        peer = Peer(client, story.put_nowait)
        async with taking_part(peer):
            yield peer, client, story


async def test_what_happens_is_told(emulator: Emulator) -> None:
    """Channels that open, what is said on them, and that they close; then there is a new one."""
    async with seat(emulator, HOST) as (host, _, at_host):
        for cards in ("Your cards", "Your new cards"):
            async with seat(emulator, "Alice") as (alice, _, at_alice):
                await alice.join()
                assert await at_host.next() == Happened("open", "Alice", "table")
                assert await at_alice.next() == Happened("open", HOST, "table")
                host.say("Alice", cards)
                assert await at_alice.next() == Happened("message", HOST, cards)
                assert (await alice.channel(HOST)) is not None
            assert await at_host.next() == Happened("closed", "Alice", "table")


@pytest.mark.parametrize(
    ("type_", "payload", "says"),
    [
        ("ice-candidate", {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host"}, "came before"),
        ("offer", {"type": "offer"}, "offer cannot be used: KeyError"),
        ("offer", None, "offer cannot be used: TypeError"),
        ("offer", {"type": "offer", "sdp": "v=0\r\nm=x\r\n"}, "ValueError('this is not SDP')"),
        ("offer", {"type": "offer", "sdp": 1}, "ValueError('this is not SDP')"),
        ("offer", {"type": "fold", "sdp": "v=0"}, "offer cannot be used: ValueError"),
        ("answer", {"type": "answer", "sdp": "v=0"}, "answer cannot be used: KeyError"),
    ],
)
async def test_what_cannot_be_used_is_told(
    emulator: Emulator, type_: str, payload: object, says: str
) -> None:
    """And the next handshake works all the same."""
    async with signal_client(emulator.url, "Mallory", GAME) as mallory:
        async with seat(emulator, "Alice") as (alice, _, at_alice):
            await mallory.send(type_, "Alice", payload)
            kind, other, text = await at_alice.next()
            assert (kind, other) == ("problem", "Mallory")
            assert says in text
            async with seat(emulator, HOST):
                await alice.join()
                assert (await at_alice.next()).kind == "open"


async def test_the_servers_own_words_are_told(emulator: Emulator) -> None:
    """But not its answers to pings."""
    async with seat(emulator, "Alice") as (alice, client, at_alice):
        await client.send("ping")
        await alice.join()
        happened = await at_alice.next()
    assert (happened.kind, happened.other) == ("problem", "")
    assert "HOST_NOT_FOUND" in happened.text


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"candidate": "nonsense", "sdpMid": "0"}, "ValueError('this is not SDP')"),
        ({"candidate": 1}, "ValueError('this is not SDP')"),
        ({}, None),
        (None, None),
        ({"candidate": ""}, None),
    ],
)
async def test_candidates_are_read_with_care(
    emulator: Emulator, payload: object, problem: str | None
) -> None:
    """The end of candidates is none of them; others may be broken."""
    async with (
        seat(emulator, HOST) as (_, host, at_host),
        signal_client(emulator.url, "Mallory", GAME) as mallory,
    ):
        async with seat(emulator, "Alice") as (alice, _, at_alice):
            await alice.join()
            assert (await at_alice.next()).kind == "open"
            assert (await at_host.next()).kind == "open"
            await host.send("ice-candidate", "Alice", payload)
            await mallory.send("ice-candidate", "Alice", payload)
            happened = await at_alice.next()
            if problem is not None:
                assert problem in happened.text
                happened = await at_alice.next()
            # Nothing more was told of HOST's, or this would not be next.
            assert (happened.other, happened.kind) == ("Mallory", "problem")


GOOD = ("stun:stun.example.org:3478", "stuns:192.0.2.1", "turn:example.org:9?transport=tcp")
BAD = ("garbage", "http://x", "stun:", "stun:x:y", "stun:x:0", "turn:x:65536", "stun://x:3478", "")


def test_ice_servers_have_urls_of_their_own_kind() -> None:
    """The port may be left out; another is told what is one."""
    for url in GOOD:
        check_ice_server(url)
    for url in BAD:
        with pytest.raises(BadIceServer, match="stun:HOST:PORT or turn:HOST:PORT"):
            check_ice_server(url)
