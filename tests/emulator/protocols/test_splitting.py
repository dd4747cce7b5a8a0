"""Differential fuzzers: what bytes mean does not depend on how the network splits them.

HTTP: a head that comes whole takes the fast path, one that comes in pieces is parsed by h11.
WebSocket: frames that come whole are read at once, others by websockets, which is the model too.
"""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from poker_signal.emulator.aws.events import Facts
from poker_signal.emulator.aws.http import Answer, Request
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.protocols.http_connection import HttpConnection, Switch
from poker_signal.emulator.protocols.upgrade import Upgrade, negotiate
from poker_signal.emulator.protocols.websocket_connection import (
    SHORT_BYTES,
    Closing,
    InputTurns,
    WebSocketConnection,
)
from poker_signal.emulator.settings import Settings
from tests.support import tiers
from tests.support.frames import HANDSHAKE
from tests.support.frames import frame as wire_frame

CASES = settings(max_examples=tiers.DIFFERENTIAL, deadline=None)
SETTINGS = Settings()


class Wire(asyncio.Transport):
    """A transport that remembers what was written, and whether it is closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1)})
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Remember data."""
        self.written += bytes(data)

    def close(self) -> None:
        """Remember the end."""
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self.is_closed

    def can_write_eof(self) -> bool:
        """Return True, as TCP does."""
        return True

    def write_eof(self) -> None:
        """Ignore it: what follows is ignored anyway."""

    def pause_reading(self) -> None:
        """Ignore it."""

    def resume_reading(self) -> None:
        """Ignore it."""

    def is_reading(self) -> bool:
        """Return False."""
        return False

    def get_write_buffer_size(self) -> int:
        """Return 0: all is sent at once."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Ignore them."""


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return data in pieces; a cut is taken modulo the length."""
    places = sorted({cut % max(len(data), 1) for cut in cuts} | {0})
    return [data[a:b] for a, b in zip(places, [*places[1:], len(data)], strict=True)]


async def turns() -> None:
    """Let the event loop do what was put off."""
    for _ in range(20):
        await asyncio.sleep(0)


# HTTP.


class Recorder:
    """A responder that refuses each request, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def respond(self, request: Request, reply: Callable[[Answer | Switch], None]) -> None:
        """Answer at once."""
        self.asked.append((request.method, request.target, request.headers, request.http_version))
        self.asked.append((request.body, request.query, request.wants_upgrade))
        reply(Answer(403, b"no"))

    def http_opened(self, connection: HttpConnection) -> None:
        """Ignore it."""

    def http_failed(self, words: str) -> None:
        """Ignore it."""

    def http_closed(self, connection: HttpConnection) -> None:
        """Ignore it."""


def heard(pieces: list[bytes]) -> tuple[list[tuple[Any, ...]], bytes]:
    """Return the requests that a connection reads from pieces, and its answers."""

    async def scene() -> tuple[list[tuple[Any, ...]], bytes]:
        wire, responder = Wire(), Recorder()
        connection = HttpConnection(responder, SETTINGS)
        connection.connection_made(wire)
        for piece in pieces:
            connection.data_received(piece)
            await asyncio.sleep(0)
        await turns()
        connection.connection_lost(None)
        # Ids and dates differ from answer to answer. The reason of a 400 may name a line's part.
        told = re.sub(rb"x-amzn-RequestId: [^\r]+|Date: [^\r]+", b"", wire.written)
        told = re.sub(rb'Content-Length: \d+|"Not a valid[^}]*', b"", told)
        return responder.asked, told

    return asyncio.run(scene())


HEADERS = [
    *("Host: x", "host: y", "Upgrade: websocket", "Connection: Upgrade", "Content-Length: 3"),
    *("content-length: 0", "Transfer-Encoding: chunked", "Expect: 100-continue", "Cookie: a=b"),
    *(
        " folded",
        "\tfolded",
        "X:",
        "X: ",
        "X:  a ",
        "X : a",
        "é: a",
        "X: \xe9",
        "X: \x00",
        "X: a\rb",
    ),
    *("X: " + "a" * 5000, "Origin: null", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "X: a\nb"),
]
LINES = [
    *("GET /prod HTTP/1.1", "GET /prod?a=b&a=&%zz HTTP/1.1", "POST /prod HTTP/1.1"),
    *("GET /prod HTTP/1.0", "GET  /prod HTTP/1.1", "GET /é HTTP/1.1", "get / HTTP/1.1", ""),
    *("GET / HTTP/2.0", "GET http://x/ HTTP/1.1", "DELETE * HTTP/1.1", "\x16\x03\x01"),
]
END = st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n\r\n", ""])
requests = st.builds(
    lambda line, headers, ends, last: (
        line + ends[0] + "".join(a + b for a, b in zip(headers, ends[1:], strict=False)) + last
    ).encode("latin-1"),
    st.sampled_from(LINES),
    st.lists(st.sampled_from(HEADERS), max_size=6),
    st.lists(END, min_size=7, max_size=7),
    st.sampled_from(["\r\n", "\r\n", "\n", "", "\r\nabc", "\r\n3\r\nabc\r\n0\r\n\r\n"]),
)
edited = st.builds(
    lambda at, byte: HANDSHAKE[: at % len(HANDSHAKE)] + byte + HANDSHAKE[at % len(HANDSHAKE) + 1 :],
    st.integers(0, 10_000),
    st.binary(max_size=2),
)
streams = st.lists(requests | edited | st.just(HANDSHAKE), min_size=1, max_size=3).map(b"".join)


@CASES
@given(streams, st.lists(st.integers(0, 2000), max_size=4))
@example(HANDSHAKE + HANDSHAKE, [1])
def test_a_request_is_the_same_however_it_is_split(data: bytes, cuts: list[int]) -> None:
    """Whole, in a few pieces, and byte by byte: the same requests, and the same answers."""
    whole = heard([data])
    assert heard(split(data, cuts)) == whole
    if len(data) < 400:
        assert heard([data[i : i + 1] for i in range(len(data))]) == whole


# WebSocket.

FACTS = Facts("OhDyxN6BIAMCJaA=", 0, "prod", "x", "pokerlocal", {"sourceIp": "192.0.2.1"})


class Listening:
    """A gateway that remembers messages and the end."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.end: Closing | None = None

    def message_received(self, connection: WebSocketConnection, text: str) -> None:
        """Remember a message."""
        self.heard.append(text)

    def connection_closing(self, connection: WebSocketConnection) -> None:
        """Ignore it."""

    def connection_closed(self, connection: WebSocketConnection, closing: Closing) -> None:
        """Remember the end."""
        self.end = closing


def upgraded(is_deflated: bool) -> ServerProtocol:
    """Return the protocol of a handshake."""
    head = HANDSHAKE.decode().split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in head[1:-2])]
    if is_deflated:
        headers.append(("Sec-WebSocket-Extensions", "permessage-deflate"))
    found = negotiate(Request("GET", "/prod", headers, "192.0.2.1"), SETTINGS)
    assert isinstance(found, Upgrade)
    return found.protocol


def understood(pieces: list[bytes], is_deflated: bool) -> tuple[list[str], bytes, Closing | None]:
    """Return the messages of a connection, its frames, and its end."""

    async def scene() -> tuple[list[str], bytes, Closing | None]:
        wire, gateway = Wire(), Listening()
        protocol = upgraded(is_deflated)
        connection = WebSocketConnection(
            FACTS, protocol, gateway, SETTINGS, VirtualClock(), InputTurns()
        )
        connection.connection_made(wire)
        for piece in pieces:
            if not wire.is_closing():
                connection.data_received(piece)
                await asyncio.sleep(0)
        await turns()
        connection.connection_lost(None)
        await turns()
        return gateway.heard, wire.written, gateway.end

    return asyncio.run(scene())


DATA = {Opcode.TEXT, Opcode.CONT, Opcode.BINARY}


def modelled(data: bytes) -> list[str]:
    """Return the text messages that websockets reads, up to the first mistake."""
    sizes = (SETTINGS.max_message_bytes, SETTINGS.max_frame_bytes)
    protocol = ServerProtocol(state=OPEN, max_size=sizes)
    protocol.receive_data(data)
    found, parts = list[str](), list[bytes]()
    for event in protocol.events_received():
        if not isinstance(event, Frame) or event.opcode not in DATA:
            continue
        if event.opcode is Opcode.BINARY:
            # API Gateway has no binary messages: the connection ends.
            break
        parts.append(bytes(event.data))
        if event.fin:
            try:
                found.append(b"".join(parts).decode())
            except UnicodeDecodeError:
                break
            parts = []
    return found


def frame(head: int, payload: bytes, *, is_masked: bool = True) -> bytes:
    """Return a frame with any first byte."""
    return wire_frame(head, is_masked, payload)


TEXTS = ["", "{}", '{"type":"ping"}', "ä🃏", "x" * 125, "x" * 126, "x" * 32_768, "x" * 32_769]
payloads = st.sampled_from([text.encode() for text in TEXTS]) | st.binary(max_size=9)
good = st.builds(frame, st.just(0x81), payloads)
fragments = st.lists(payloads, min_size=2, max_size=4).map(
    lambda parts: b"".join(
        frame((0x80 if i == len(parts) - 1 else 0) | (0 if i else 1), part)
        for i, part in enumerate(parts)
    )
)
control = st.builds(frame, st.sampled_from([0x89, 0x8A]), st.binary(max_size=130))
closing = st.builds(
    lambda code, reason: frame(0x88, code.to_bytes(2, "big") + reason),
    st.sampled_from([1000, 1001, 1005, 1006, 999, 1012, 3000, 4999, 5000, 65_535]),
    st.sampled_from([b"", b"bye", "ä".encode(), b"\xff", b"x" * 123, b"x" * 124]),
)
odd = st.builds(wire_frame, st.integers(0, 255), st.booleans(), payloads)
raw = st.binary(max_size=16)
scripts = st.lists(good | good | fragments | control | closing | odd | raw, max_size=5)
texts_only = st.lists(good | good | fragments | control | raw, max_size=5)


@CASES
@given(scripts.map(b"".join), st.lists(st.integers(0, 40_000), max_size=4), st.booleans())
def test_frames_are_the_same_however_they_are_split(
    data: bytes, cuts: list[int], is_deflated: bool
) -> None:
    """Whole, in a few pieces, and byte by byte: the same messages, frames and close code."""
    whole = understood([data], is_deflated)
    assert understood(split(data, cuts), is_deflated) == whole
    if len(data) < 300:
        assert understood([data[i : i + 1] for i in range(len(data))], is_deflated) == whole


@CASES
@given(texts_only.map(b"".join))
@example(frame(0x82, b"{}") + frame(0x81, b""))
def test_messages_are_what_websockets_reads(data: bytes) -> None:
    """Up to the first mistake, each message is one for websockets as well."""
    heard_, _, _ = understood([data], is_deflated=False)
    assert heard_ == modelled(data)


@CASES
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4), st.integers(0, 50))
def test_compressed_messages_are_inflated(texts: list[str], cut: int) -> None:
    """A client with or without context takeover is understood."""
    deflate = PerMessageDeflate(False, False, 15, 15)
    data = b""
    for text in texts:
        coded = deflate.encode(Frame(Opcode.TEXT, text.encode()))
        data += frame(0xC1, bytes(coded.data))
    whole, _, _ = understood([data], is_deflated=True)
    assert whole == texts
    assert understood(split(data, [cut]), is_deflated=True)[0] == texts
    assert json.dumps(whole)


async def test_a_short_message_waits_for_one_long_one_at_most() -> None:
    """However many connections send long ones at once; those take turns."""
    gateway, shared = Listening(), InputTurns()

    def connected() -> WebSocketConnection:
        connection = WebSocketConnection(
            FACTS, upgraded(False), gateway, SETTINGS, VirtualClock(), shared
        )
        connection.connection_made(Wire())
        return connection

    long = SHORT_BYTES * "x"
    for _ in range(6):
        connected().data_received(frame(0x81, long.encode()))
    other = connected()
    asyncio.get_running_loop().call_soon(other.data_received, frame(0x81, b"ping"))
    await turns()
    assert gateway.heard == [long, "ping", *[long] * 5]
