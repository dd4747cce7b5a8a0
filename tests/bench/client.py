"""The driver's WebSocket client, with as little Python per message as possible.

The server must be the bottleneck. Frames are serialized before the measurement, and the client
reads only unfragmented, unmasked, uncompressed messages: the servers here send no others.
"""

import asyncio
import base64
import os
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import uvloop
from websockets.frames import Close, CloseCode, Frame, Opcode

from tests.bench.processes import cores, pinned
from tests.bench.workload import Dialect

TIMEOUT_S = 30

T = TypeVar("T")

Heard = Callable[[bytes], None]

_CLOSE = Frame(Opcode.CLOSE, Close(CloseCode.NORMAL_CLOSURE, "").serialize()).serialize(mask=True)


class Client(asyncio.Protocol):
    """One connection; calls ``heard`` with every text message that it receives."""

    def __init__(self, request: bytes, heard: Heard, *, greeted: bool) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.heard = heard
        self._request = request
        self._greeted = greeted
        self._switched = False
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the upgrade request."""
        # uvloop's transports are not a subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.write = self._transport.write
        self.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Complete the futures `opened` and `closed`."""
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(f"closed during the handshake: {exc}"))
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Parse the response to the upgrade, then each complete frame."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        if not self._switched:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            self._switch(head)
        start, size = 0, len(data)
        while size - start >= 2:
            length, body = data[start + 1], start + 2
            if length >= 126:
                body += 2 if length == 126 else 8
                # If bytes of the length are missing, it is wrong, but `body > size` ends the loop.
                length = int.from_bytes(data[start + 2 : body], "big")
            end_ = body + length
            if end_ > size or body > size:
                break
            self._frame(data[start], data[body:end_])
            start = end_
        self._rest = data[start:]

    def _switch(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 101"):
            self._transport.abort()
            self._fail(ConnectionError(f"refused: {head[:100]!r}"))
            return
        self._switched = True
        if not self._greeted:
            self.opened.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)

    def _frame(self, first: int, body: bytes) -> None:
        if first == 0x80 | Opcode.TEXT:
            if self.opened.done():
                self.heard(body)
            else:
                self.opened.set_result(None)
        elif first == 0x80 | Opcode.PING:
            self.write(Frame(Opcode.PONG, body).serialize(mask=True))
        elif first == 0x80 | Opcode.CLOSE:
            if not self._transport.is_closing():
                self.write(Frame(Opcode.CLOSE, body).serialize(mask=True))
            self._transport.close()
        else:
            raise ValueError(f"a frame that this client does not understand: {first:#x}")

    async def close(self) -> None:
        """Close as a browser does, and wait until the server has closed too."""
        if not self._transport.is_closing():
            self.write(_CLOSE)
        async with asyncio.timeout(TIMEOUT_S):
            await self.closed


class Address:
    """A server's address and its dialect."""

    def __init__(self, url: str, dialect: Dialect) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path or "/"
        self.dialect = dialect

    def _request(self, game: str, player: str) -> bytes:
        key = base64.b64encode(os.urandom(16)).decode()
        return (
            f"GET {self._path}{self.dialect.path(game, player)} HTTP/1.1\r\n"
            f"Host: {self._host}:{self._port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()

    async def connect(self, game: str, player: str, heard: Heard) -> Client:
        """Open one connection; return once the server reads messages."""
        loop = asyncio.get_running_loop()
        request = self._request(game, player)
        async with asyncio.timeout(TIMEOUT_S):
            _, client = await loop.create_connection(
                lambda: Client(request, heard, greeted=self.dialect.greets), self._host, self._port
            )
            await client.opened
        return client

    async def connect_all(self, seats: Iterable[tuple[str, str, Heard]]) -> list[Client]:
        """Open connections, sixteen at once; return them in the order of `seats`."""
        waiting = list(enumerate(seats))
        clients: dict[int, Client] = {}
        todo = iter(waiting)

        async def work() -> None:
            for number, (game, player, heard) in todo:
                clients[number] = await self.connect(game, player, heard)

        async with asyncio.TaskGroup() as group:
            for _ in range(16):
                group.create_task(work())
        return [clients[number] for number, _ in waiting]


async def close_all(clients: Iterable[Client]) -> None:
    """Close connections, all at once."""
    await asyncio.gather(*(client.close() for client in clients))


def drive(load: Coroutine[Any, Any, T]) -> T:
    """Run a load on the driver's core; an error in a callback ends it and is raised."""
    wrong: list[BaseException] = []

    async def watched() -> T:
        task = asyncio.ensure_future(load)

        def failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            wrong.append(context.get("exception") or RuntimeError(context["message"]))
            task.cancel()

        asyncio.get_running_loop().set_exception_handler(failed)
        try:
            return await task
        except BaseException:
            # The first error is the cause of the others.
            if wrong:
                raise wrong[0] from None
            raise

    with pinned(cores()[1]):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(watched())
