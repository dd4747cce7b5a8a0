"""Raw HTTP and raw frames, for what no client library sends or shows."""

import asyncio
import base64
import socket
import struct
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from websockets.datastructures import Headers

from tests.conformance.handlers import PATIENCE_S
from tests.support.frames import client_frame

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

NOTHING: Mapping[str, str] = {}


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Headers
    body: bytes


class Frame(NamedTuple):
    """A frame of the gateway's."""

    opcode: int
    payload: bytes


class Wire:
    """A TCP connection."""

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
        """Ask for a WebSocket."""
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
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status_line, *lines = head.split("\r\n")[:-2]
            headers = Headers()
            for line in lines:
                name, _, value = line.partition(":")
                headers[name] = value.strip()
            status = int(status_line.split()[1])
            length = 0 if status == 304 else int(headers.get("Content-Length", 0))
            body = await self.reader.readexactly(length)
        return Answer(status, headers, body)

    async def frame(self) -> Frame:
        """Read a frame; none of the gateway's is masked or, unless told to, in fragments."""
        async with asyncio.timeout(PATIENCE_S):
            first, length = await self.reader.readexactly(2)
            if length >= 126:
                extended = await self.reader.readexactly(2 if length == 126 else 8)
                length = int.from_bytes(extended, "big")
            payload = await self.reader.readexactly(length)
        assert first & 0x80, "a fragment"
        return Frame(first & 0x0F, payload)

    def abort(self, *, reset: bool = False) -> None:
        """End the connection without a word, or tear it down."""
        if reset:
            linger = struct.pack("ii", True, 0)
            connection = self._writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()


def upgrade_headers() -> dict[str, str]:
    """Return what asks for a WebSocket, with a key of its own."""
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(uuid.uuid4().bytes).decode(),
    }


@asynccontextmanager
async def wire_to(url: str) -> AsyncGenerator[Wire, None]:
    """Open a TCP connection to where a URL points."""
    parts = urlsplit(url)
    secure = parts.scheme in {"wss", "https"}
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or (443 if secure else 80), ssl=secure or None
        )
    try:
        yield Wire(reader, writer, parts.netloc)
    finally:
        writer.close()
