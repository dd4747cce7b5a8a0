"""The WebRTC peer: its events, and its errors."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from poker_signal.core.model import HOST
from poker_signal.emulator.client.connection import Client, NotHeard, signal_client
from poker_signal.emulator.client.webrtc import (
    BadIceServer,
    Happened,
    Peer,
    check_ice_server,
    taking_part,
)
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.trace.entries import Received

GAME = "GAME01"


class Story(asyncio.Queue[Happened]):
    """A queue of events."""

    async def next(self) -> Happened:
        """Return the next event."""
        async with asyncio.timeout(50):
            return await self.get()


@asynccontextmanager
async def seat(emulator: Emulator, name: str) -> AsyncGenerator[tuple[Peer, Client, Story], None]:
    """Connect a player with a WebRTC peer; yield the peer, the client and the events."""
    story = Story()
    async with signal_client(emulator.url, name, GAME, wants="presence") as client:
        peer = Peer(client, story.put_nowait)
        async with taking_part(peer):
            yield peer, client, story


async def until_waiting(sender: Client, clock: VirtualClock) -> None:
    """Let the emulator receive all that was sent, and pass the second of an early candidate."""
    await sender.send("ping")
    await sender.expect("pong")
    clock.advance(1)


async def test_what_happens_is_told(emulator: Emulator) -> None:
    """A channel's opening, messages and closing are reported, also of a second handshake."""
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
    emulator: Emulator, clock: VirtualClock, type_: str, payload: object, says: str
) -> None:
    """An unusable message is reported, and the next handshake works."""
    async with signal_client(emulator.url, "Mallory", GAME) as mallory:
        async with seat(emulator, "Alice") as (alice, _, at_alice):
            await mallory.send(type_, "Alice", payload)
            await until_waiting(mallory, clock)
            kind, other, text = await at_alice.next()
            assert (kind, other) == ("problem", "Mallory")
            assert says in text
            async with seat(emulator, HOST):
                await alice.join()
                assert (await at_alice.next()).kind == "open"


async def test_the_servers_own_words_are_told(emulator: Emulator) -> None:
    """The server's errors are reported, its pongs are not."""
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
    emulator: Emulator, clock: VirtualClock, payload: object, problem: str | None
) -> None:
    """The end of candidates is not a candidate; a broken candidate is reported."""
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
            await until_waiting(mallory, clock)
            happened = await at_alice.next()
            if problem is not None:
                assert problem in happened.text
                happened = await at_alice.next()
            # HOST's candidate caused no other event, or it would be next.
            assert (happened.other, happened.kind) == ("Mallory", "problem")


GOOD = ("stun:stun.example.org:3478", "stuns:192.0.2.1", "turn:example.org:9?transport=tcp")
BAD = ("garbage", "http://x", "stun:", "stun:x:y", "stun:x:0", "turn:x:65536", "stun://x:3478", "")


def test_ice_servers_have_urls_of_their_own_kind() -> None:
    """The port may be left out; the error for a wrong URL has the format."""
    for url in GOOD:
        check_ice_server(url)
    for url in BAD:
        with pytest.raises(BadIceServer, match="stun:HOST:PORT or turn:HOST:PORT"):
            check_ice_server(url)


def reports(emulator: Emulator) -> list[tuple[str, str]]:
    """Return the reports so far: sender, and state."""
    bodies = [
        (entry.facts.label[0], json.loads(entry.body))
        for _, entry in emulator.trace.since(0)
        if isinstance(entry, Received)
    ]
    return [
        (player, body["payload"]["state"]) for player, body in bodies if body["type"] == "report"
    ]


async def test_a_player_joins_a_host_that_comes_later(
    emulator: Emulator, clock: VirtualClock
) -> None:
    """Then the same player joins the HOST that comes after it, once the channel has closed."""
    async with seat(emulator, "Alice") as (alice, client, at_alice):
        await alice.join()
        assert "HOST_NOT_FOUND" in (await at_alice.next()).text
        for _ in range(2):
            async with seat(emulator, HOST) as (host, _, _):
                clock.advance(0)
                assert await at_alice.next() == Happened("open", HOST, "table")
                assert await host.channel("Alice") is not None
            assert await at_alice.next() == Happened("closed", HOST, "table")
        clock.advance(5)
        await client.send("ping")
        assert await at_alice.next() == Happened("left", HOST, "left")
        assert at_alice.empty()


async def test_a_player_joins_again_when_the_server_has_given_up(
    emulator: Emulator, clock: VirtualClock
) -> None:
    """The first HOST never answered; the second join has its offer."""
    async with (
        signal_client(emulator.url, HOST, GAME) as silent,
        seat(emulator, "Alice") as (alice, _, at_alice),
    ):
        await alice.join()
        await silent.expect("join")
        clock.advance(18)
        assert "NO_ANSWER" in (await at_alice.next()).text
        await silent.expect("join")
        async with seat(emulator, HOST):
            clock.advance(3)
            assert (await at_alice.next()).kind == "open"


async def test_a_host_forgets_a_player_that_leaves_during_its_handshake(
    emulator: Emulator, clock: VirtualClock
) -> None:
    """The player sends its join twice, and gets one offer."""
    async with seat(emulator, HOST) as (host, _, at_host):
        async with signal_client(emulator.url, "Alice", GAME) as alice:
            await alice.send("join", id_="1")
            await alice.expect("offer")
            await alice.send("join", id_="2")
            await alice.expect("ack")
            await alice.expect("ack")
            async with seat(emulator, "Bob") as (bob, _, _):
                await bob.join()
                assert await at_host.next() == Happened("open", "Bob", "table")
                with pytest.raises(NotHeard):
                    await alice.expect("offer", within=0)
            assert await at_host.next() == Happened("closed", "Bob", "table")
        clock.advance(5)
        left = {(await at_host.next()) for _ in range(2)}
        assert left == {Happened("left", name, "left") for name in ("Alice", "Bob")}
        assert host._connections == {}


async def test_a_connection_that_fails_is_reported_and_made_anew(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fingerprint of the first offer is another one's, so that DTLS fails."""
    async with (
        seat(emulator, HOST) as (host, host_client, _),
        seat(emulator, "Alice") as (alice, _, at_alice),
    ):
        send = host_client.send
        offers: list[str | None] = []

        async def forge(type_: str, target: str | None = None, *more: Any, **named: Any) -> None:
            if type_ == "offer" and not offers:
                offers.append(target)
                more = ({**more[0], "sdp": more[0]["sdp"].replace("sha-256 ", "sha-256 00:", 1)},)
            await send(type_, target, *more, **named)

        monkeypatch.setattr(host_client, "send", forge)
        for peer in (host, alice):
            await peer.hello()
        await alice.join()
        told = [await at_alice.next() for _ in range(2)]
        assert told == [
            Happened("problem", HOST, "the connection has failed"),
            Happened("open", HOST, "table"),
        ]
        await host.channel("Alice")
    assert reports(emulator).count(("Alice", "failed")) == 1
    assert {(HOST, "connected"), ("Alice", "connected")} <= set(reports(emulator))
