"""An endpoint with clients, as transcripts use it."""

from contextlib import AsyncExitStack

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.support.client import closed, hear_text


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
        return await hear_text(self._clients[key])

    async def leave(self, key: str) -> None:
        """Close; a subclass also waits until ``$disconnect`` has run."""
        await self._clients[key].close()

    async def is_closed(self, key: str) -> int:
        """Wait until the host closes the connection; return the close code."""
        code, _ = await closed(self._clients[key])
        return code or 0
