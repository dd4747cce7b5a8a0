"""Servers that break a rule: a proxy with a fault in front of a correct emulator."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

from poker_signal.core.configuration import Topology
from poker_signal.emulator.client.check.runner import FIRST, RULES, Rule, RuleResult, check
from poker_signal.emulator.client.check.scene import Server
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.client.check import idle

TIMEOUT_S = 1.0
"""Seconds to wait for a frame that may never come."""


Frame = dict[str, Any]


@dataclass
class Fault:
    """Behaviour of a proxy; the defaults relay everything unchanged."""

    topology: Topology = Topology.MESH
    query: Callable[[str], str] = lambda path: path
    """Returns the path and query to connect with."""
    up: Callable[[str], list[str]] = lambda text: [text]
    """Returns the messages that the server gets for a client's message."""
    down: Callable[[Frame], list[Frame]] = lambda frame: [frame]
    """Returns the frames that a client gets for a frame of the server."""
    text_down: Callable[[str], list[str]] | None = None
    """The same for the text of a frame. None: ``down`` is used."""
    status: Callable[[int], int] = lambda status: status
    """Returns the status that the client gets for a refusal; 101 accepts the handshake."""
    stays: bool = False
    """True: the server does not notice that a client has left."""

    def passed_down(self, text: str) -> list[str]:
        """Return the texts that a client gets for a frame."""
        if self.text_down is not None:
            return self.text_down(text)
        frames = self.down(json.loads(text))
        # An unchanged frame is relayed as the same text, so its payload is not rewritten.
        return [text] if frames == [json.loads(text)] else [json.dumps(frame) for frame in frames]


@asynccontextmanager
async def serving(fault: Fault) -> AsyncGenerator[str, None]:
    """Serve an emulator with a fault; yield its URL."""
    settings = Settings(port=0, topology=fault.topology)
    async with Emulator(settings) as emulator, contextlib.AsyncExitStack() as stack:
        upstreams: dict[ServerConnection, ClientConnection] = {}

        async def connect_upstream(client: ServerConnection, request: Request) -> Response | None:
            path = fault.query(request.path).removeprefix("/prod")
            try:
                upstream = await connect(emulator.url + path, compression=None, proxy=None)
            except InvalidStatus as refusal:
                status = fault.status(refusal.response.status_code)
                return None if status == 101 else client.respond(HTTPStatus(status), "")
            upstreams[client] = await stack.enter_async_context(upstream)
            return None

        async def proxy(client: ServerConnection) -> None:
            if upstream := upstreams.pop(client, None):
                await _pass_on(client, upstream, fault)

        async with serve(
            proxy, "127.0.0.1", 0, process_request=connect_upstream, compression=None
        ) as server:
            yield url_of(server)


@asynccontextmanager
async def refusing(
    status: int,
    text: str = "",
    admits: Callable[[Request], bool] = lambda request: False,
    handler: Callable[[ServerConnection], Awaitable[None]] = ServerConnection.wait_closed,
) -> AsyncGenerator[str, None]:
    """Serve a server that refuses handshakes, except those it admits; yield its URL."""

    def answer(client: ServerConnection, request: Request) -> Response | None:
        return None if admits(request) else client.respond(HTTPStatus(status), text)

    async with serve(handler, "127.0.0.1", 0, process_request=answer) as server:
        yield url_of(server)


def url_of(server: Any) -> str:
    """Return the URL of a server on this machine."""
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/prod"


async def _pass_on(client: ServerConnection, upstream: ClientConnection, fault: Fault) -> None:
    async def down() -> None:
        async for text in upstream:
            for frame in fault.passed_down(str(text)):
                await client.send(frame)
        await client.close(upstream.close_code or 1000)

    async def up() -> None:
        async for text in client:
            for message in fault.up(str(text)):
                await upstream.send(message)

    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(_until_closed(down))
        await _until_closed(up)
        if not fault.stays:
            await upstream.close()
        listening.cancel()


async def _until_closed(pump: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(ConnectionClosed):
        await pump()


def found(fault: Fault) -> dict[str, RuleResult]:
    """Return the rules that fail with a fault, by name; waiting takes no time (``idle``)."""

    async def play() -> dict[str, RuleResult]:
        async with serving(fault) as url:
            return await failures(url)

    return idle.run(play())


async def failures(
    url: str, rules: tuple[Rule, ...] = RULES, timeout_s: float = TIMEOUT_S
) -> dict[str, RuleResult]:
    """Return the rules that fail at a server, by name."""
    rows = [row async for row in check(Server(url, timeout_s), rules)]
    # Without a first connection, no other rule is played.
    played = rules[:1] if rows[0].rule is FIRST and rows[0].outcome == "FAILED" else rules
    assert [row.rule for row in rows] == list(played)
    return {row.rule.name: row for row in rows if row.outcome == "FAILED"}
