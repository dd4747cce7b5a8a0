"""A network that silently stops forwarding, without closing a connection."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """A TCP proxy that forwards both ways until `freeze`, which closes no connection."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._pumps: set[asyncio.Task[None]] = set()

    def freeze(self) -> None:
        """Stop forwarding in both directions, also the end of a connection."""
        self._flows.clear()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client to the target."""
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, far_writer]
        for pump in (self._pump(reader, far_writer), self._pump(far_reader, writer)):
            self._pumps.add(asyncio.create_task(pump))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self._flows.wait()
            writer.write(data)
        await self._flows.wait()
        writer.close()

    async def close(self) -> None:
        """Stop forwarding and abort all connections."""
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def proxy_to(url: str) -> AsyncGenerator[tuple[Proxy, str], None]:
    """Yield a proxy and the URL that leads through it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = Proxy(parts.hostname, parts.port)
    async with await asyncio.start_server(proxy.accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            yield proxy, urlunsplit(parts._replace(netloc=f"127.0.0.1:{port}"))
        finally:
            await proxy.close()
