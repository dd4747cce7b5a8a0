"""Frames, limits, and every way in which a connection ends."""

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.conftest import Records
from tests.support.client import hear, peer, settle, tell
from tests.support.frames import HANDSHAKE, client_frame, raw_connection

TEXT, BINARY = 1, 2


async def closed(client: ClientConnection) -> tuple[int | None, str | None]:
    """Return the close code and reason that the client received."""
    async with asyncio.timeout(10):
        await client.wait_closed()
    return client.close_code, client.close_reason


async def ended(emulator: Emulator, records: Records) -> str:
    """Return what the ``$disconnect`` event of the first connection that ended said."""
    async with peer(emulator, "Witness", "ELSEWHERE") as witness:
        # Two rounds of the emulator's loop, at least: a socket that is gone has been seen.
        while not any(record.kind == "disconnect" for record in records):
            await settle(witness)
    return next(record.outcome for record in records if record.kind == "disconnect")


@pytest.fixture
async def roomy(records: Records, clock: VirtualClock) -> AsyncGenerator[Emulator, None]:
    """An emulator whose rules pass on whatever its gateway takes."""
    settings = Settings(port=0, max_payload_bytes=131_072)
    async with Emulator(settings, records, clock) as emulator:
        yield emulator


def message_of(size: int) -> str:
    """Return a message of exactly so many bytes."""
    text = json.dumps({"type": "offer", "targetId": "HOST", "payload": ""})
    return text.replace('""', '"' + "x" * (size - len(text)) + '"')


MISTAKES = {
    "large-frame": (client_frame(TEXT, bytes(32_769)), b"\x03\xf1", "1009 message too big"),
    "large-message": (
        client_frame(TEXT, bytes(32_768), fin=False)
        + client_frame(0, bytes(32_768), fin=False) * 3
        + client_frame(0, b"x"),
        *(b"\x03\xf1", "1009 message too big"),
    ),
    "binary": (client_frame(BINARY, b"\0"), b"\x03\xeb", "1003 unsupported data"),
    "not-utf-8": (client_frame(TEXT, b"\xff"), b"\x03\xef", "1007 invalid frame payload data"),
    "unmasked": (b"\x81\x02hi", b"\x03\xea", "1002 protocol error"),
}


@pytest.mark.parametrize(("sent", "code", "told"), MISTAKES.values(), ids=MISTAKES.keys())
async def test_a_mistake_is_closed_with_its_code_and_told(
    emulator: Emulator, records: Records, sent: bytes, code: bytes, told: str
) -> None:
    """No function sees a message of it; what came before still counts."""
    good = client_frame(TEXT, json.dumps({"type": "join"}).encode())
    async with peer(emulator, "HOST") as host, raw_connection(emulator) as (reader, writer):
        async with asyncio.timeout(10):
            writer.write(HANDSHAKE + good + sent)
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.read() == b"\x88\x02" + code
        assert (await hear(host))["senderId"] == "raw"
        assert await ended(emulator, records) == told
    assert [r.who for r in records if r.kind == "message" and r.who == "raw"] == ["raw"]


async def test_a_compressed_message_is_measured_after_inflation(roomy: Emulator) -> None:
    """A frame is small on the wire, its message is not: only the message's limit counts."""
    deflate = {"extensions": [ClientPerMessageDeflateFactory()], "compression": None}
    url = f"{roomy.url}?playerId=Zip&gameId=GAME01"
    async with peer(roomy, "HOST") as host, connect(url, **deflate) as client:  # type: ignore[arg-type]
        await client.send(message_of(131_072))
        assert len((await hear(host))["payload"]) > 131_000
        await client.send(message_of(131_073))
        assert await closed(client) == (1009, "")


async def test_a_fragmented_compressed_message_cannot_inflate_past_the_limit(
    emulator: Emulator,
) -> None:
    """A hundred small frames must not become a message of megabytes."""
    url = f"{emulator.url}?playerId=Zip&gameId=GAME01"
    async with connect(url, extensions=[ClientPerMessageDeflateFactory()]) as client:
        await client.send("x" * 100_000 for _ in range(100))
        assert await closed(client) == (1009, "")


async def test_control_pings_keep_a_connection_open_if_told_so(clock: VirtualClock) -> None:
    """The other possibility can be tried as well."""
    async with Emulator(Settings(port=0, pings_reset_idle=True), clock=clock) as emulator:
        async with peer(emulator, "Alice") as alice:
            clock.advance(400)
            async with asyncio.timeout(10):
                await (await alice.ping())
            clock.advance(201)
            await settle(alice)


async def test_a_peer_that_does_not_answer_a_close_is_cut_off(clock: VirtualClock) -> None:
    """Nobody waits for ever: the TCP connection ends by itself."""
    settings = Settings(port=0, close_timeout_s=0.05)
    async with Emulator(settings, clock=clock) as emulator:
        async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
            writer.write(HANDSHAKE + client_frame(TEXT, b'{"type":"ping"}'))
            await reader.readuntil(b"pong")
            clock.advance(600)
            assert (await reader.read()).endswith(b"\x88\x0c\x03\xe9Going away")


@pytest.mark.parametrize("step", [1, 10_000], ids=["byte-by-byte", "at-once"])
async def test_a_frame_may_come_in_any_pieces(emulator: Emulator, step: int) -> None:
    """TCP keeps no boundaries; a client may also send it along with the handshake."""
    data = HANDSHAKE + client_frame(TEXT, b'{"type":"ping"}')
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
        for start in range(0, len(data), step):
            writer.write(data[start : start + step])
            await writer.drain()
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(17) == b'\x81\x0f{"type":"pong"}'


async def test_a_message_of_countless_empty_fragments_is_a_message(emulator: Emulator) -> None:
    """The time for it grows with their number, not with its square."""
    flood = client_frame(TEXT, b'{"type":', fin=False) + client_frame(0, b"", fin=False) * 50_000
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
        writer.write(HANDSHAKE + flood + client_frame(0, b'"ping"}'))
        assert await reader.readuntil(b"pong")


async def test_a_flood_of_messages_lets_others_have_their_turn(records: Records) -> None:
    """However much one peer sends at once: another one's message is not dealt with after it."""
    ping = client_frame(TEXT, b'{"type":"ping"}')
    async with Emulator(Settings(port=0, turn_s=0), records) as emulator:
        async with peer(emulator, "Alice") as alice, raw_connection(emulator) as (reader, writer):
            writer.write(HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ping * 2_000)
            await settle(alice)
            async with asyncio.timeout(10):
                for _ in range(2_000):
                    await reader.readuntil(b"pong")
    spoke = [record.who for record in records if record.kind == "message"]
    assert "raw" in spoke[spoke.index("Alice") :]


async def test_who_says_no_more_and_reads_nothing_is_cut_off(records: Records) -> None:
    """What waits for it cannot be delivered: from then on it is gone for everybody."""
    settings = Settings(port=0, close_timeout_s=0.05, max_unread_bytes=100_000_000)
    async with Emulator(settings, records) as emulator, peer(emulator, "HOST") as host:
        async with raw_connection(emulator) as (reader, writer):
            writer.write(HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            # More than the reader's buffer and the kernel's take.
            for _ in range(500):
                await tell(host, type="offer", targetId="raw", payload="x" * 30_000)
            await settle(host)
            writer.write_eof()
            async with asyncio.timeout(10):
                while not any(record.kind == "disconnect" for record in records):
                    await settle(host)
    assert [r.outcome for r in records if r.who == "raw" and r.kind == "disconnect"] == [
        "1006 Connection closed abnormally"
    ]


async def test_a_flood_is_closed_with_1008(records: Records, clock: VirtualClock) -> None:
    """More than so many messages in a second; what came before is dealt with, nothing after."""
    settings = Settings(port=0, flood_rate=2.5, message_burst=1, message_rate=1)
    async with Emulator(settings, records, clock) as emulator, peer(emulator, "Alice") as alice:
        for _ in range(3):
            await settle(alice)
        clock.advance(0.4)
        await settle(alice)
        async with peer(emulator, "Bob") as bob:
            await settle(bob)
            for _ in range(3):
                await tell(alice, type="ping")
            assert await closed(alice) == (1008, "")
            await settle(bob)
    assert len([r for r in records if r.kind == "message" and r.who == "Alice"]) == 4
    ends = [record.outcome for record in records if record.kind == "disconnect"]
    assert ends[0].startswith("1008")


async def test_by_default_nothing_is_a_flood(emulator: Emulator) -> None:
    """AWS does not say how many are too many; and a ping is answered at any rate."""
    async with peer(emulator, "Alice") as alice:
        for _ in range(1000):
            await tell(alice, type="ping")
        for _ in range(1000):
            assert await hear(alice) == {"type": "pong"}
