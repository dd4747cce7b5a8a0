"""HTTP and WebSocket frames as bytes, for cases that no client library sends or shows."""

import asyncio
import base64
import json
import socket
import struct
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from websockets.datastructures import Headers

from tests.support.client import PATIENCE_S, HasUrl

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

NOTHING: Mapping[str, str] = {}


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Headers
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Frame(NamedTuple):
    """A frame of the server."""

    opcode: int
    payload: bytes


def handshake(target: str) -> bytes:
    """Return an upgrade request."""
    return (
        f"GET {target} HTTP/1.1\r\nHost: example.org\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


HANDSHAKE = handshake("/prod?playerId=raw&gameId=GAME01")


def upgrade_headers() -> dict[str, str]:
    """Return the headers of an upgrade request, with a new key."""
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(uuid.uuid4().bytes).decode(),
    }


def frame(head: int, is_masked: bool, payload: bytes, announced: int | None = None) -> bytes:
    """Return a frame, perhaps with a wrong length; the mask is zero and changes nothing."""
    length = len(payload) if announced is None else announced
    mask_bit = 0x80 if is_masked else 0
    if length < 126:
        start = bytes([head, mask_bit | length])
    elif length < 65_536:
        start = bytes([head, mask_bit | 126]) + length.to_bytes(2, "big")
    else:
        start = bytes([head, mask_bit | 127]) + length.to_bytes(8, "big")
    return start + (b"\0\0\0\0" if is_masked else b"") + payload


def client_frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """Return a frame of a client."""
    return frame((0x80 if fin else 0) | opcode, True, payload)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read an HTTP answer."""
    async with asyncio.timeout(PATIENCE_S):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.split("\r\n")[:-2]
        headers = Headers()
        for line in lines:
            name, _, value = line.partition(":")
            headers[name] = value.strip()
        status = int(status_line.split()[1])
        length = 0 if status == 304 else int(headers.get("Content-Length", 0))
        return Answer(status, headers, await reader.readexactly(length))


@asynccontextmanager
async def raw_connection(
    server: HasUrl | str,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter], None]:
    """Open a bare connection, with TLS if the URL says so."""
    parts = urlsplit(server if isinstance(server, str) else server.url)
    secure = parts.scheme in {"wss", "https"}
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or (443 if secure else 80), ssl=secure or None
        )
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(server: HasUrl | str, request: bytes) -> Answer:
    """Return the answer to a raw request."""
    async with raw_connection(server) as (reader, writer):
        writer.write(request)
        return await read_answer(reader)


class Wire:
    """A bare connection on which requests and frames are sent."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        self.reader = reader
        self._writer = writer
        self._host = host

    async def ask(
        self, target: str, method: str = "GET", headers: Mapping[str, str] = NOTHING, body: str = ""
    ) -> Answer:
        """Send a request and return its answer."""
        self.send_request(target, method, headers, body)
        return await self.answer()

    async def upgrade(self, target: str, headers: Mapping[str, str] = NOTHING) -> Answer:
        """Send an upgrade request and return its answer."""
        return await self.ask(target, headers={**upgrade_headers(), **headers})

    def send_request(
        self, target: str, method: str = "GET", headers: Mapping[str, str] = NOTHING, body: str = ""
    ) -> None:
        """Send a request."""
        sent = {"Host": self._host, **headers}
        if body:
            sent["Content-Length"] = str(len(body.encode()))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {sent[name]}" for name in sent)]
        self._writer.write("\r\n".join([*lines, "", body]).encode())

    def send_frame(self, opcode: int, payload: bytes = b"") -> None:
        """Send a frame."""
        self._writer.write(client_frame(opcode, payload))

    async def answer(self) -> Answer:
        """Read an HTTP answer."""
        return await read_answer(self.reader)

    async def frame(self) -> Frame:
        """Read a whole frame."""
        async with asyncio.timeout(PATIENCE_S):
            first, length = await self.reader.readexactly(2)
            if length >= 126:
                extended = await self.reader.readexactly(2 if length == 126 else 8)
                length = int.from_bytes(extended, "big")
            payload = await self.reader.readexactly(length)
        assert first & 0x80, "a fragment"
        return Frame(first & 0x0F, payload)

    def abort(self, *, reset: bool = False) -> None:
        """Close the TCP connection without a close frame; ``reset`` sends a RST."""
        if reset:
            linger = struct.pack("ii", True, 0)
            connection = self._writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()


@asynccontextmanager
async def wire_to(url: str) -> AsyncGenerator[Wire, None]:
    """Open a bare connection to the server of a URL."""
    async with raw_connection(url) as (reader, writer):
        yield Wire(reader, writer, urlsplit(url).netloc)
