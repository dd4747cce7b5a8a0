"""What a transcript is played on, and the part of it that any endpoint has: clients."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Protocol
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

PATIENCE_S = 30
"""A function that starts anew on a busy machine takes its time."""


class Host(Protocol):
    """What a transcript needs."""

    async def connect(self, key: str, query: str, origin: str | None = None) -> int:
        """Connect; return 101 or the status of a refusal."""

    async def say(self, key: str, text: str) -> None:
        """Send a message."""

    async def hear(self, key: str) -> str:
        """Return the next frame that arrives, as text."""

    async def leave(self, key: str) -> None:
        """Close; return once ``$disconnect`` has run."""

    async def is_closed(self, key: str) -> int:
        """Return the code with which the host closes the connection, once it does."""

    def now_s(self) -> int:
        """Return the time of the host, in epoch seconds."""


class SocketHost:
    """An endpoint, and the clients that are connected to it."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self._url = url
        self._stack = stack
        self._clients: dict[str, ClientConnection] = {}

    async def connect(self, key: str, query: str, origin: str | None = None) -> int:
        """Connect; return 101 or the status of a refusal."""
        try:
            client = await connect(
                f"{self._url}{query}", compression=None, origin=Origin(origin) if origin else None
            )
        except InvalidStatus as refused:
            return refused.response.status_code
        self._clients[key] = await self._stack.enter_async_context(client)
        return 101

    async def say(self, key: str, text: str) -> None:
        """Send a message."""
        await self._clients[key].send(text)

    async def hear(self, key: str) -> str:
        """Return the next frame that arrives, as text."""
        async with asyncio.timeout(PATIENCE_S):
            return str(await self._clients[key].recv())

    async def leave(self, key: str) -> None:
        """Close; who knows when ``$disconnect`` has run, waits for it."""
        await self._clients[key].close()

    async def is_closed(self, key: str) -> int:
        """Return the code with which the host closes the connection, once it does."""
        async with asyncio.timeout(PATIENCE_S):
            await self._clients[key].wait_closed()
        return self._clients[key].close_code or 0

    def now_s(self) -> int:
        """Return the time of the host, in epoch seconds."""
        return int(time.time())


def query_of(player: str, game: str, session: str | None) -> str:
    """Return a query string as the app in the field makes it."""
    more = f"&session={quote(session, safe='')}" if session else ""
    return f"?playerId={quote(player, safe='')}&gameId={quote(game, safe='')}{more}"
