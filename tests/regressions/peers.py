"""Clients of these tests: a connection, and JSON in both directions."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.field.hosts import Weather
from tests.signaling.sockets import PATIENCE_S, query_of

GAME = "GAME01"


@asynccontextmanager
async def peer(
    weather: Weather, name: str, game: str = GAME, session: str | None = None
) -> AsyncGenerator[ClientConnection, None]:
    """Connect a player."""
    url = weather.url + query_of(name, game, session)
    options: dict[str, Any] = {"compression": None, "ping_interval": None}
    async with connect(url, open_timeout=PATIENCE_S, **options) as socket:
        yield socket


async def status_of(weather: Weather, name: str) -> int:
    """Return the status of a handshake; who is let in leaves."""
    try:
        async with peer(weather, name):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def tell(socket: ClientConnection, **message: Any) -> None:
    """Send a message."""
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection) -> Any:
    """Return the next frame. Numbers may be longer than int() takes."""
    async with asyncio.timeout(PATIENCE_S):
        return json.loads(await socket.recv(), parse_int=float)


async def code_heard(socket: ClientConnection) -> tuple[str, str]:
    """Return type and code of the next frame."""
    frame = await hear(socket)
    return frame["type"], frame["payload"]["code"]
