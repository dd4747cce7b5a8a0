"""Limits of frames, messages and time, and their close codes."""

import json
import uuid

import pytest
from websockets.asyncio.client import ClientConnection

from tests.conformance.harness import ECHO, Api, Endpoint, assert_echo
from tests.conformance.items import item
from tests.support.client import closed
from tests.support.client import hear_text as hear
from tests.support.frames import CLOSE, PING, PONG, TEXT


@pytest.fixture
def game() -> str:
    """Return the id of a new, empty game."""
    return str(uuid.uuid4())


PAYLOAD = "x" * 30_000
"""A payload within its limit, which is below that of a message: see README."""


def offer(size: int) -> str:
    """Return a message to HOST of exactly `size` bytes, its payload at the end."""
    head, tail = '{"type":"offer","ignored":"', f'","targetId":"HOST","payload":"{PAYLOAD}"}}'
    return head + "x" * (size - len(head) - len(tail)) + tail


def in_frames(text: str, size: int = 32_768) -> list[str]:
    """Return the fragments of a message."""
    return [text[start : start + size] for start in range(0, len(text), size)]


async def hears_only_the_next(host: ClientConnection, endpoint: Endpoint, game: str) -> bool:
    """Return whether HOST's next message is one that another player sends now."""
    async with endpoint.player("Witness", game) as witness:
        await witness.send('{"type":"offer","targetId":"HOST"}')
        return bool(json.loads(await hear(host))["senderId"] == "Witness")


@item("CONFIRMED", "4.2", "quotas")
async def test_069_a_frame_above_32_kib_is_closed_with_1009(endpoint: Endpoint, game: str) -> None:
    """A frame of 32,768 bytes is accepted; a longer one closes with 1009 and is not delivered."""
    async with endpoint.player("HOST", game) as host, endpoint.player("Alice", game) as alice:
        await alice.send(offer(32_768))
        assert json.loads(await hear(host))["payload"] == PAYLOAD
        await alice.send(offer(32_769))
        assert (await closed(alice))[0] == 1009
        assert await hears_only_the_next(host, endpoint, game)


@item("CONFIRMED", "4.2", "quotas")
async def test_070_a_message_may_come_in_several_frames(endpoint: Endpoint, game: str) -> None:
    """A message of 100 KiB in frames of at most 32 KiB is delivered as one event."""
    async with endpoint.player("HOST", game) as host, endpoint.player("Alice", game) as alice:
        await alice.send(in_frames(offer(102_400)))
        assert json.loads(await hear(host))["payload"] == PAYLOAD
        assert await hears_only_the_next(host, endpoint, game)


@item("CONFIRMED", "4.2", "quotas")
async def test_071_a_message_above_128_kib_is_closed_with_1009(
    endpoint: Endpoint, game: str
) -> None:
    """A message above 131,072 bytes closes with 1009, however small its frames are."""
    async with endpoint.player("HOST", game) as host, endpoint.player("Alice", game) as alice:
        await alice.send(in_frames(offer(131_073)))
        assert (await closed(alice))[0] == 1009
        assert await hears_only_the_next(host, endpoint, game)


@item("CONFIRMED", "4.2", "binary media types")
async def test_072_a_binary_message_is_closed_with_1003(endpoint: Endpoint, game: str) -> None:
    """A binary message closes with 1003, and no function gets it."""
    async with endpoint.player("HOST", game) as host, endpoint.player("Alice", game) as alice:
        await alice.send(b'{"type":"offer","targetId":"HOST"}')
        assert (await closed(alice))[0] == 1003
        assert await hears_only_the_next(host, endpoint, game)


@item("CONFIRMED", "4.2", "quotas")
async def test_073_ten_minutes_of_silence_are_closed_with_1001(api: Api) -> None:
    """After ten minutes without a message a client is closed with 1001 and `Going away`."""
    async with api.client() as client:
        for _ in range(2):
            api.clock.advance(599.9)
            await assert_echo(client)
        api.clock.advance(600)
        assert await closed(client) == (1001, "Going away")


@item("CONFIRMED", "4.2", "quotas")
async def test_074_two_hours_are_closed_with_1001(api: Api) -> None:
    """After two hours a client is closed with 1001, however busy it is."""
    async with api.client() as client:
        for _ in range(12):
            api.clock.advance(599)
            await assert_echo(client)
        api.clock.advance(7200 - 12 * 599)
        assert (await closed(client))[0] == 1001


@item("REPORTED", "5")
async def test_075_what_the_backend_sends_counts_too(api: Api) -> None:
    """A client that only receives posts of the backend is not idle."""
    async with api.client() as client:
        connection_id = await api.connected()
        for n in range(5):
            api.clock.advance(599)
            await api.backend.post(connection_id, str(n))
            assert await hear(client) == str(n)


@item("REPORTED", "5")
async def test_076_a_ping_is_answered(endpoint: Endpoint) -> None:
    """A ping is answered with a pong of the same payload."""
    async with endpoint.wire() as wire:
        assert (await wire.upgrade(endpoint.path + endpoint.query)).status == 101
        for payload in (b"", b"marco", bytes(125)):
            wire.send_frame(PING, payload)
            assert await wire.frame() == (PONG, payload)


@item("UNKNOWN", "5")
async def test_077_pings_are_no_sign_of_life(api: Api) -> None:
    """A client that sends only pings is idle, unless `--pings-reset-idle` is given."""
    async with api.wire() as wire:
        await wire.upgrade(api.path)
        api.clock.advance(599)
        wire.send_frame(PING)
        assert await wire.frame() == (PONG, b"")
        api.clock.advance(1)
        assert await wire.frame() == (CLOSE, b"\x03\xe9Going away")


@item("REPORTED", "5")
async def test_078_the_gateway_never_pings(api: Api) -> None:
    """The gateway never sends pings of its own."""
    async with api.wire() as wire:
        await wire.upgrade(api.path)
        for _ in range(12):
            api.clock.advance(599)
            wire.send_frame(TEXT, ECHO.encode())
            assert await wire.frame() == (TEXT, ECHO.encode())
        api.clock.advance(600)
        assert (await wire.frame()).opcode == CLOSE
