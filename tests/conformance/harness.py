"""Tools of the conformance tests: an API, its clients, and a backend."""

import asyncio
import uuid
from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError
from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import Headers

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.gateway.config import (
    ApiConfig,
    AuthorizerConfig,
    FunctionConfig,
    RouteConfig,
)
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.conformance import handlers
from tests.conformance.handlers import Script, scripts
from tests.support.client import PATIENCE_S, hear_text
from tests.support.frames import NOTHING, Answer, Wire, wire_to

ROOT = Path(__file__).parents[2]

NAMES = ("connect", "disconnect", "default", "join", "echo", "authorizer")
FUNCTIONS = {name: FunctionConfig(handler=f"tests.conformance.handlers:{name}") for name in NAMES}
ROUTES = {
    **{f"${name}": RouteConfig(function=name) for name in ("connect", "disconnect", "default")},
    "join": RouteConfig(function="join"),
    "echo": RouteConfig(function="echo", two_way=True),
}
"""The default routes of an API under test."""

ECHO = '{"action":"echo"}'
"""A message that the API under test sends back."""

AUTHORIZER = AuthorizerConfig(function="authorizer")


def routes_without(*keys: str) -> dict[str, RouteConfig]:
    """Return the default routes without some."""
    return {key: route for key, route in ROUTES.items() if key not in keys}


def client_of(url: str, **options: Any) -> connect:
    """Return a client that by default sends no pings and does not compress."""
    usual = {"ping_interval": None, "compression": None, "open_timeout": PATIENCE_S}
    return connect(url, **(usual | options))


async def assert_echo(client: ClientConnection) -> None:
    """Check that a client is connected and has read all earlier messages."""
    await client.send(ECHO)
    assert await hear_text(client) == ECHO


class Backend:
    """A boto3 client of @connections, called off the event loop."""

    def __init__(self, endpoint_url: str, *, own_credentials: bool = False) -> None:
        self.client = _session(own_credentials).client(
            "apigatewaymanagementapi",
            endpoint_url=endpoint_url,
            region_name=_region_of(endpoint_url),
        )

    async def post(self, connection_id: str, data: str | bytes) -> Any:
        """Send a message to a client."""
        return await self._call(self.client.post_to_connection, connection_id, Data=data)

    async def get(self, connection_id: str) -> Any:
        """Return the state of a connection."""
        return await self._call(self.client.get_connection, connection_id)

    async def delete(self, connection_id: str) -> Any:
        """Close a connection."""
        return await self._call(self.client.delete_connection, connection_id)

    def close(self) -> None:
        """Close the HTTP connections of the client."""
        self.client.close()

    async def _call(self, operation: Any, connection_id: str, **more: object) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.to_thread(operation, ConnectionId=connection_id, **more)


class Refusal(NamedTuple):
    """The facts of a request that boto3 reports as refused."""

    exception: str
    code: str
    message: str
    status: int
    headers: Headers


async def refusal_of(request: Awaitable[object]) -> Refusal:
    """Send a request that must be refused; return the facts."""
    with pytest.raises(ClientError) as refused:
        await request
    response = refused.value.response
    return Refusal(
        type(refused.value).__name__,
        response["Error"]["Code"],
        response["Error"].get("Message", ""),
        response["ResponseMetadata"]["HTTPStatusCode"],
        Headers(response["ResponseMetadata"]["HTTPHeaders"]),
    )


@cache
def _session(own_credentials: bool) -> Any:
    session = boto3.session.Session
    if own_credentials and session().get_credentials() is not None:
        return session()
    return session(aws_access_key_id="anybody", aws_secret_access_key="anything")


def _region_of(url: str) -> str:
    _, _, after = (urlsplit(url).hostname or "").partition(".execute-api.")
    return after.partition(".")[0] or "us-west-2"


class Target:
    """An API that clients connect to."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def path(self) -> str:
        """The path of the URL, without a slash at the end."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def query(self) -> str:
        """The default query string of a handshake."""
        return ""

    def wire(self) -> AbstractAsyncContextManager[Wire]:
        """Open a TCP connection."""
        return wire_to(self.url)

    async def handshake(
        self, query: str | None = None, headers: Mapping[str, str] = NOTHING, path: str = ""
    ) -> Answer:
        """Do a WebSocket handshake, close the connection, and return the answer."""
        async with self.wire() as wire:
            target = (path or self.path) + (self.query if query is None else query)
            return await wire.upgrade(target, headers)


class Endpoint(Target):
    """poker-signal's own API: started for a test, or at the URL of --endpoint."""

    def __init__(self, url: str, management_url: str, *, is_foreign: bool) -> None:
        super().__init__(url)
        self.management_url = management_url
        self.is_foreign = is_foreign

    @property
    def query(self) -> str:
        """The query string of a host, in a new game."""
        return f"?playerId=HOST&gameId={uuid.uuid4()}"

    def player(self, name: str, game: str) -> connect:
        """Return the client of a player."""
        return client_of(f"{self.url}?playerId={quote(name)}&gameId={quote(game)}")

    def backend(self, management_url: str = "") -> "closing[Backend]":
        """Return a backend of the URL, by default of this API."""
        url = management_url or self.management_url
        return closing(Backend(url, own_credentials=self.is_foreign))


class Api(Target):
    """An API for one test, with scripted functions and its own clock."""

    def __init__(
        self, url: str, backend: Backend, clock: VirtualClock, script: Script, stack: AsyncExitStack
    ) -> None:
        super().__init__(url)
        self.backend = backend
        self.clock = clock
        self.script = script
        self.stop = stack.aclose

    def client(self, query: str = "", **options: Any) -> connect:
        """Return a WebSocket client."""
        return client_of(self.url + query, **options)

    async def connected(self) -> str:
        """Wait for the next ``$connect``; return its connection id."""
        event = await self.script.called("connect")
        return str(event["requestContext"]["connectionId"])


class Serve:
    """A function that starts APIs, which are stopped at the end of the test."""

    _numbers = count()

    def __init__(self, stack: AsyncExitStack, *, is_skipped: bool) -> None:
        self._stack = stack
        self._is_skipped = is_skipped

    async def __call__(self, *, real_time: bool = False, **more: Any) -> Api:
        """Start an API; ``more`` are members of ApiConfig and of Settings."""
        if self._is_skipped:
            pytest.skip("needs handlers, settings or a clock of its own, which no URL offers")
        members: dict[str, Any] = {"functions": FUNCTIONS, "routes": ROUTES}
        members |= {key: more.pop(key) for key in ApiConfig.__struct_fields__ if key in more}
        api_id = f"api{next(self._numbers):07}"
        script = scripts[api_id] = Script()
        self._stack.callback(scripts.pop, api_id)
        clock = VirtualClock()
        emulator = Emulator(
            Settings(port=0, api_id=api_id, allowed_origins="*", **more),
            clock=None if real_time else clock,
            api=ApiConfig(**members),
            folder=ROOT,
            handlers={
                name: getattr(handlers, name)
                for name, each in members["functions"].items()
                if each.handler != "core"
            },
        )
        stack = await self._stack.enter_async_context(AsyncExitStack())
        await stack.enter_async_context(emulator)
        stack.callback(script.release)
        backend = stack.enter_context(closing(Backend(emulator.management_url)))
        return Api(emulator.url, backend, clock, script, stack)
