"""What the tests connect with: WebSocket clients, and raw sockets for what no client sends."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from poker_signal.emulator.client.connection import connect_to, query_of
from poker_signal.emulator.server import Emulator


def peer(emulator: Emulator, player: str, game: str = "GAME01", **more: str) -> connect:
    """Return a client that connects as the app in the field does."""
    return connect_to(emulator.url, query_of(playerId=player, gameId=game, **more))


async def tell(client: ClientConnection, **message: Any) -> None:
    """Send a message of the wire protocol."""
    await client.send(json.dumps(message))


async def hear(client: ClientConnection) -> Any:
    """Return the next frame that arrives, read as JSON."""
    async with asyncio.timeout(10):
        return json.loads(await client.recv())


async def settle(client: ClientConnection) -> None:
    """Return once everything that this client sent before has been dealt with."""
    await tell(client, type="ping")
    assert await hear(client) == {"type": "pong"}


@asynccontextmanager
async def raw_connection(
    emulator: Emulator,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter], None]:
    """Connect a bare TCP socket."""
    parts = urlsplit(emulator.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.close()


HANDSHAKE = (
    b"GET /prod?playerId=raw&gameId=GAME01 HTTP/1.1\r\nHost: example.org\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def answer(emulator: Emulator, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers (lower case) and body that a raw request gets."""
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
        writer.write(request)
        return await read_answer(reader)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one HTTP answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status_line, *lines = head.split("\r\n")[:-2]
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(status_line.split()[1]), headers, body


def client_frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """Return a masked frame; the mask is zero, which leaves the payload as it is."""
    head = bytes([(0x80 if fin else 0) | opcode])
    length = len(payload)
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65536:
        head += bytes([0x80 | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + length.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload
