"""Both hosts of the rules, on which a transcript is played.

- ``core``: the emulator with the core in process;
- ``lambda``: the emulator with the Lambda function and moto's DynamoDB.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    closing,
)
from typing import Any
from unittest import mock

from poker_signal.core.configuration import Rules
from poker_signal.core.tickets import Keys, read_keys
from poker_signal.emulator.gateway.config import of_handler
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Closed, Finished, Kept
from poker_signal.emulator.trace.trace import Observer
from poker_signal.lambda_app.clients import management_client
from poker_signal.lambda_app.environment import (
    MANAGEMENT_ENDPOINT,
    READ_TIMEOUT_S,
    TABLE_NAME,
    TICKET_SECRET_PARAMETER,
    FunctionSettings,
    environment_of,
)
from poker_signal.lambda_app.handler import SignalingHandler, make_handler
from poker_signal.lambda_app.management_api import ManagementApi
from poker_signal.lambda_app.table import DynamoTable
from tests.signaling.sockets import SocketHost
from tests.support.dynamodb import TABLE, client_at

PARAMETER = "/poker-signaling/tickets"


class _Watch:
    """An observer that counts ended ``$disconnect`` invocations, and can be awaited."""

    def __init__(self) -> None:
        self.ended = 0
        self._news = asyncio.Event()

    def observe(self, entry: Kept) -> None:
        if isinstance(entry, Finished) and isinstance(entry.cause, Closed):
            self.ended += 1
            self._news.set()

    async def until_ended(self, count: int) -> None:
        async with asyncio.timeout(10):
            while self.ended < count:
                self._news.clear()
                await self._news.wait()


class EmulatorHost(SocketHost):
    """An emulator as a host, on which a test can wait for ``$disconnect``."""

    def __init__(self, emulator: Emulator, watch: _Watch, stack: AsyncExitStack) -> None:
        super().__init__(emulator.url, stack)
        self._watch = watch

    async def leave(self, key: str) -> None:
        """Close; return once ``$disconnect`` has run."""
        ended = self._watch.ended
        await super().leave(key)
        await self._watch.until_ended(ended + 1)


def _put_secret(endpoint: str, secret: str) -> None:
    with closing(client_at(endpoint, "ssm")) as ssm:
        ssm.put_parameter(Name=PARAMETER, Value=secret, Type="SecureString", Overwrite=True)


_current: Callable[[Any, Any], Any]


def current(event: Any, context: Any) -> Any:
    """Call the handler of the running test."""
    return _current(event, context)


@asynccontextmanager
async def core_host(
    rules: Rules, endpoint: str, ticket_secret: str | None = None
) -> AsyncGenerator[SocketHost, None]:
    """Run the emulator with the core in process."""
    keys = None if ticket_secret is None else read_keys(ticket_secret)
    watch = _Watch()
    async with Emulator(_settings(rules, keys), watch) as emulator, AsyncExitStack() as stack:
        yield EmulatorHost(emulator, watch, stack)


@asynccontextmanager
async def lambda_host(
    rules: Rules, endpoint: str, ticket_secret: str | None = None
) -> AsyncGenerator[SocketHost, None]:
    """Run the emulator with the Lambda function behind it."""

    def make(environ: dict[str, str]) -> SignalingHandler:
        if ticket_secret is not None:
            environ[TICKET_SECRET_PARAMETER] = PARAMETER
            _put_secret(endpoint, ticket_secret)
        endpoints = {f"AWS_ENDPOINT_URL_{name}": endpoint for name in ("DYNAMODB", "SSM")}
        with mock.patch.dict(os.environ, endpoints):
            return make_handler(environ)

    watch = _Watch()
    async with _lambda(rules, watch, make) as emulator:
        async with AsyncExitStack() as stack:
            yield EmulatorHost(emulator, watch, stack)


def core_emulator(rules: Rules) -> Callable[[Observer], AbstractAsyncContextManager[str]]:
    """Return a function that runs the emulator of ``core_host`` and yields its URL."""

    @asynccontextmanager
    async def run(observer: Observer) -> AsyncGenerator[str, None]:
        async with Emulator(_settings(rules), observer) as emulator:
            yield emulator.url

    return run


def lambda_emulator(
    rules: Rules, table: DynamoTable
) -> Callable[[Observer], AbstractAsyncContextManager[str]]:
    """Return a function that runs the Lambda function on a table and yields the emulator's URL."""

    def make(environ: dict[str, str]) -> SignalingHandler:
        management = ManagementApi(management_client(environ[MANAGEMENT_ENDPOINT]))
        return SignalingHandler(FunctionSettings.from_env(environ), table, lambda _: management)

    @asynccontextmanager
    async def run(observer: Observer) -> AsyncGenerator[str, None]:
        async with _lambda(rules, observer, make) as emulator:
            yield emulator.url

    return run


@asynccontextmanager
async def _lambda(
    rules: Rules, observer: Observer, make: Callable[[dict[str, str]], SignalingHandler]
) -> AsyncGenerator[Emulator, None]:
    """Run the emulator with the handler that ``make`` returns for an environment."""
    global _current
    api = of_handler("current:handler")
    # The function's HTTP connections are closed last, after all its invocations. Otherwise they
    # would stay open to a port that a later test may get.
    with ExitStack() as at_last:
        async with Emulator(
            _settings(rules), observer, api=api, handlers={"current": current}
        ) as emulator:
            management_endpoint = os.environ[MANAGEMENT_ENDPOINT]
            environ = {TABLE_NAME: TABLE, **environment_of(rules)}
            environ[MANAGEMENT_ENDPOINT] = management_endpoint
            # Its calls come back to this process, which a busy machine may keep from answering.
            with mock.patch.dict(os.environ, {READ_TIMEOUT_S: "10"}):
                _current = make(environ)
                management_client(management_endpoint)
            at_last.callback(management_client(management_endpoint).close)
            yield emulator


def _settings(rules: Rules, ticket_keys: Keys | None = None) -> Settings:
    return Settings(
        port=0,
        topology=rules.topology,
        seats=rules.seats,
        message_rate=rules.message_rate,
        message_burst=rules.message_burst,
        max_payload_bytes=rules.max_payload_bytes,
        allowed_origins=",".join(rules.origins),
        ticket_keys=ticket_keys,
    )
