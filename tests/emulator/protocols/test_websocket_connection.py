"""Frames, limits, and the ways in which a connection ends."""

import asyncio
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ProtocolError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Close, Frame, Opcode

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.protocols.websocket_connection import (
    MAX_PLAIN_BYTES,
    length_at,
    may_close_with,
    text_at,
    whole_text,
)
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.conftest import Records
from tests.support.client import closed, hear, peer, settle, tell
from tests.support.frames import HANDSHAKE, client_frame, raw_connection

TEXT, BINARY = 1, 2


async def ended(emulator: Emulator, records: Records) -> str:
    """Return the outcome of the first ``$disconnect`` event."""
    async with peer(emulator, "Witness", "ELSEWHERE") as witness:
        # At least two rounds of the emulator's loop: it has noticed a closed socket.
        while not any(record.kind == "disconnect" for record in records):
            await settle(witness)
    return next(record.outcome for record in records if record.kind == "disconnect")


MISTAKES = {
    "binary": (client_frame(BINARY, b"\0"), b"\x03\xeb", "1003 unsupported data"),
    "not-utf-8": (client_frame(TEXT, b"\xff"), b"\x03\xef", "1007 invalid frame payload data"),
    "unmasked": (b"\x81\x02hi", b"\x03\xea", "1002 protocol error"),
}


@pytest.mark.parametrize(("sent", "code", "told"), MISTAKES.values(), ids=MISTAKES.keys())
async def test_a_mistake_is_closed_with_its_code_and_told(
    emulator: Emulator, records: Records, sent: bytes, code: bytes, told: str
) -> None:
    """No function gets the wrong frame; messages before it are handled."""
    good = client_frame(TEXT, json.dumps({"type": "join"}).encode())
    async with peer(emulator, "HOST") as host, raw_connection(emulator) as (reader, writer):
        async with asyncio.timeout(30):
            writer.write(HANDSHAKE + good + sent)
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.read() == b"\x88\x02" + code
        assert (await hear(host))["senderId"] == "raw"
        assert await ended(emulator, records) == told
    assert [r.who for r in records if r.kind == "message" and r.who == "raw"] == ["raw"]


async def test_a_compressed_message_is_measured_after_inflation() -> None:
    """A small frame may hold a large message: only the limit of the message counts."""
    async with Emulator(Settings(port=0, max_payload_bytes=131_072)) as roomy:
        url = f"{roomy.url}?playerId=Zip&gameId=GAME01"
        deflate = connect(url, extensions=[ClientPerMessageDeflateFactory()], compression=None)
        head, tail = '{"type":"offer","targetId":"HOST","payload":"', '"}'
        rest = 131_072 - len(head + tail)
        async with peer(roomy, "HOST") as host, deflate as client:
            await client.send(head + "x" * rest + tail)
            assert len((await hear(host))["payload"]) == rest
            await client.send(head + "x" * (rest + 1) + tail)
            assert await closed(client) == (1009, "")
        # A hundred small frames must not become a message of megabytes either.
        async with connect(url, extensions=[ClientPerMessageDeflateFactory()]) as client:
            await client.send("x" * 100_000 for _ in range(100))
            assert await closed(client) == (1009, "")


async def test_control_pings_keep_a_connection_open_if_told_so(clock: VirtualClock) -> None:
    """The setting reverses the default, in which pings do not count."""
    async with Emulator(Settings(port=0, pings_reset_idle=True), clock=clock) as emulator:
        async with peer(emulator, "Alice") as alice:
            clock.advance(400)
            async with asyncio.timeout(30):
                await (await alice.ping())
            clock.advance(201)
            await settle(alice)


async def test_a_peer_that_does_not_answer_a_close_is_cut_off(clock: VirtualClock) -> None:
    """The TCP connection is closed after the close time-out."""
    settings = Settings(port=0, close_timeout_s=0.05)
    async with Emulator(settings, clock=clock) as emulator:
        async with raw_connection(emulator) as (reader, writer), asyncio.timeout(30):
            writer.write(HANDSHAKE + client_frame(TEXT, b'{"type":"ping"}'))
            await reader.readuntil(b"pong")
            clock.advance(600)
            assert (await reader.read()).endswith(b"\x88\x0c\x03\xe9Going away")


@pytest.mark.parametrize("step", [1, 10_000], ids=["byte-by-byte", "at-once"])
async def test_a_frame_may_come_in_any_pieces(emulator: Emulator, step: int) -> None:
    """TCP keeps no boundaries; a frame may also come together with the handshake."""
    data = HANDSHAKE + client_frame(TEXT, b'{"type":"ping"}')
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(30):
        for start in range(0, len(data), step):
            writer.write(data[start : start + step])
            await writer.drain()
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(17) == b'\x81\x0f{"type":"pong"}'


async def test_a_message_of_countless_empty_fragments_is_a_message(emulator: Emulator) -> None:
    """The time grows with the number of fragments, not with its square."""
    flood = client_frame(TEXT, b'{"type":', fin=False) + client_frame(0, b"", fin=False) * 50_000
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(30):
        writer.write(HANDSHAKE + flood + client_frame(0, b'"ping"}'))
        assert await reader.readuntil(b"pong")


async def test_a_flood_of_messages_lets_others_have_their_turn(records: Records) -> None:
    """Another peer's message does not wait for the flood; by default there is no flood limit."""
    ping = client_frame(TEXT, b'{"type":"ping"}')
    async with Emulator(Settings(port=0, turn_s=0), records) as emulator:
        async with peer(emulator, "Alice") as alice, raw_connection(emulator) as (reader, writer):
            writer.write(HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ping * 2_000)
            await settle(alice)
            async with asyncio.timeout(30):
                for _ in range(2_000):
                    await reader.readuntil(b"pong")
    spoke = [record.who for record in records if record.kind == "message"]
    assert "raw" in spoke[spoke.index("Alice") :]


async def test_who_says_no_more_and_reads_nothing_is_cut_off(records: Records) -> None:
    """Data for the client cannot be delivered, so it is disconnected with 1006."""
    settings = Settings(port=0, close_timeout_s=0.05, max_unread_bytes=100_000_000)
    async with Emulator(settings, records) as emulator, peer(emulator, "HOST") as host:
        async with raw_connection(emulator) as (reader, writer):
            writer.write(HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            # More than fits into the reader's buffer and the kernel's.
            for _ in range(500):
                await tell(host, type="offer", targetId="raw", payload="x" * 30_000)
            await settle(host)
            writer.write_eof()
            async with asyncio.timeout(30):
                while not any(record.kind == "disconnect" for record in records):
                    await settle(host)
    assert [r.outcome for r in records if r.who == "raw" and r.kind == "disconnect"] == [
        "1006 Connection closed abnormally"
    ]


async def test_a_flood_is_closed_with_1008(records: Records, clock: VirtualClock) -> None:
    """Messages before the limit are handled, and none after it."""
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


# Parsing of frame headers, compared with the library websockets.

SIZES = st.sampled_from([0, 1, 125, 126, 127, 0xFFFF, 0x10000])


@given(size=SIZES, opcode=st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
       fin=st.booleans(), before=st.binary(max_size=3))  # fmt: skip
def test_a_frame_ends_where_the_library_ends_it(
    size: int, opcode: Opcode, fin: bool, before: bytes
) -> None:
    """The frame may have any kind and size, and begin anywhere."""
    frame = Frame(opcode, b"x" * size, fin).serialize(mask=True)
    assert length_at(before + frame + b"more", len(before)) == len(frame)
    text = text_at(before + frame + b"more", len(before), 0xFFFF)
    is_whole_text = opcode is Opcode.TEXT and fin and size <= 0xFFFF
    end = len(before) + len(frame)
    assert text == ((end - size, end) if is_whole_text else None)
    if is_whole_text:
        assert text_at(before + frame, len(before), size) == text
        assert text_at(before + frame, len(before), size - 1) is None
        assert text_at((before + frame)[:-1], len(before), size) is None


@pytest.mark.parametrize("size", [0, 126, 0x10000])
def test_a_header_that_is_not_all_there_has_no_length_yet(size: int) -> None:
    """The length is None until the header is complete."""
    frame = Frame(Opcode.TEXT, b"x" * size).serialize(mask=True)
    header = len(frame) - size
    assert [length_at(frame[:cut], 0) for cut in range(header)] == [None] * header
    assert length_at(frame[:header], 0) == len(frame)
    assert [text_at(frame[:cut], 0, 0x10000) for cut in range(header)] == [None] * header


@pytest.mark.parametrize(
    "start", [b"\x81\x01", b"\x83\x80", b"\x91\x80", b"\x08\x80", b"GE"],
    ids=["unmasked", "reserved opcode", "reserved bit", "fragmented close", "http"],
)  # fmt: skip
def test_what_can_be_no_frame_is_handed_over_at_once(start: bytes) -> None:
    """The library refuses it without waiting for the rest of a header."""
    assert length_at(start, 0) == sys.maxsize
    assert text_at(start, 0, 131_072) is None


@pytest.mark.parametrize(
    "frame", [b"\xc1\x81maskx", Frame(Opcode.PING, b"x").serialize(mask=True), b""],
    ids=["compressed", "ping", "nothing"],
)  # fmt: skip
def test_anything_else_is_left_to_others(frame: bytes) -> None:
    """Compressed frames, pings and empty data are left to the library's parser."""
    assert text_at(frame, 0, 131_072) is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 255, 256, MAX_PLAIN_BYTES])
def test_a_message_is_sent_as_the_library_would(size: int) -> None:
    """All bytes are the same."""
    data = b"x" * size
    assert whole_text(data) == Frame(Opcode.TEXT, data).serialize(mask=False)


def test_a_close_frame_can_have_the_codes_that_websockets_sends() -> None:
    """Any other code would raise an exception when it is sent."""

    def is_sent(code: int) -> bool:
        try:
            Close(code, "").check()
        except ProtocolError:
            return False
        return True

    codes = range(-1, 0x10000)
    assert [*filter(may_close_with, codes)] == [*filter(is_sent, codes)]
