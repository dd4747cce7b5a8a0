"""A signaling client for tests, on the product's own connection: connect, tell, hear, settle."""

import asyncio
import json
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from poker_signal.emulator.client import connection

PATIENCE_S = 30
"""Seconds, for a busy machine; only a test that fails waits so long."""


class HasUrl(Protocol):
    """An emulator, or anything else that clients connect to."""

    @property
    def url(self) -> str:
        """The URL, without a query string."""


def query_of(player: str, game: str, session: str | None = None, **more: str) -> str:
    """Return a query string as the app in the field makes it; an empty session is none."""
    return connection.query_of(playerId=player, gameId=game, session=session or None, **more)


def peer(
    server: HasUrl | str, player: str, game: str = "GAME01", session: str | None = None, **more: str
) -> connect:
    """Return a client that connects as the app in the field; await it, or use `async with`."""
    url = server if isinstance(server, str) else server.url
    return connection.connect_to(url, query_of(player, game, session, **more), PATIENCE_S)


async def status_of(client: connect) -> int:
    """Return the status of a WebSocket handshake; an accepted client disconnects again."""
    try:
        async with client:
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def tell(client: ClientConnection, **message: Any) -> None:
    """Send a message of the wire protocol."""
    await client.send(json.dumps(message))


async def hear_text(client: ClientConnection) -> str:
    """Return the next frame, a text."""
    async with asyncio.timeout(PATIENCE_S):
        heard = await client.recv()
    assert isinstance(heard, str)
    return heard


async def hear(client: ClientConnection) -> Any:
    """Return the next frame, read as JSON; a number may be longer than int() takes."""
    text = await hear_text(client)
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(text, parse_int=float)


async def code_heard(client: ClientConnection) -> tuple[str, str]:
    """Return type and code of the next frame."""
    frame = await hear(client)
    return frame["type"], frame["payload"]["code"]


async def settle(client: ClientConnection) -> None:
    """Wait until all earlier messages were handled; check that the client got no frame."""
    await tell(client, type="ping")
    assert await hear(client) == {"type": "pong"}


async def closed(client: ClientConnection) -> tuple[int | None, str | None]:
    """Return code and reason of the server's close frame, once it has closed."""
    async with asyncio.timeout(PATIENCE_S):
        await client.wait_closed()
    return client.close_code, client.close_reason
