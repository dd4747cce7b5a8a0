"""Three hosts of the same rules: what a transcript is played on.

- ``core``: the emulator with the core in process, over sockets;
- ``lambda``: the emulator with the Lambda function and moto's DynamoDB, over sockets;
- ``events``: the Lambda function alone, called with events, without any socket.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from typing import Any
from unittest import mock

from poker_signal.core.configuration import Rules
from poker_signal.core.model import ConnectionId
from poker_signal.core.tickets import Keys, read_keys
from poker_signal.emulator.aws.events import Facts, connect_event, disconnect_event, message_event
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.gateway.config import ApiConfig, of_handler
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Closed, Finished, Kept
from poker_signal.lambda_app.clients import management_client
from poker_signal.lambda_app.environment import (
    MANAGEMENT_ENDPOINT,
    TABLE_NAME,
    TICKET_SECRET_PARAMETER,
    FunctionSettings,
    environment_of,
)
from poker_signal.lambda_app.handler import SignalingHandler, make_handler
from poker_signal.lambda_app.table import DynamoTable
from poker_signal.lambda_app.ticket_keys import TicketKeys
from tests.signaling.sockets import Host, SocketHost
from tests.support.dynamodb import TABLE, client_at

PARAMETER = "/poker-signaling/tickets"


class _Watch:
    """An observer that can be waited for."""

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
    """An emulator, which says when somebody has left."""

    def __init__(self, emulator: Emulator, watch: _Watch, stack: AsyncExitStack) -> None:
        super().__init__(emulator.url, stack)
        self._watch = watch

    async def leave(self, key: str) -> None:
        """Close; return once ``$disconnect`` has run."""
        ended = self._watch.ended
        await super().leave(key)
        await self._watch.until_ended(ended + 1)


_numbers = itertools.count()
"""All tests share a table, and API Gateway gives no connection id twice."""


class EventHost:
    """The Lambda function alone: events in, and what it would post."""

    def __init__(
        self, table: DynamoTable, rules: Rules, ticket_keys: TicketKeys | None = None
    ) -> None:
        settings = FunctionSettings(TABLE, rules, "http://nowhere")
        # A candidate waits as long as it must; nothing else happens meanwhile.
        self._handler = SignalingHandler(
            settings,
            table,
            lambda _: self,  # type: ignore[arg-type,return-value]
            sleep=lambda _: None,
            ticket_keys=ticket_keys,
        )
        self._ids: dict[str, str] = {}
        self._heard: dict[str, list[str]] = {}
        self._closed: set[str] = set()
        self._now_ms = 1_700_000_000_000

    def _facts(self, key: str) -> Facts:
        self._now_ms += 10
        identity: Any = {"sourceIp": "192.0.2.1"}
        return Facts(self._ids[key], self._now_ms, "prod", "x", "pokerlocal", identity)

    async def connect(self, key: str, query: str, origin: str | None = None) -> int:
        """Connect; return 101 or the status of a refusal."""
        self._ids[key] = f"{next(_numbers):015d}="
        facts = self._facts(key)
        headers = [("Host", "x"), *([("Origin", origin)] if origin else [])]
        request = Request("GET", f"/prod{query}", headers, "192.0.2.1")
        response = self._handler(connect_event(facts, request, "r", "t", self._now_ms), None)
        if response["statusCode"] != 200:
            return response["statusCode"]
        self._heard[self._ids[key]] = []
        return 101

    async def say(self, key: str, text: str) -> None:
        """Send a message."""
        event = message_event(self._facts(key), "$default", text, "r", "m", self._now_ms)
        assert self._handler(event, None)["statusCode"] == 200

    async def hear(self, key: str) -> str:
        """Return the next frame that arrives, as text."""
        return self._heard[self._ids[key]].pop(0)

    async def leave(self, key: str) -> None:
        """Close; return once ``$disconnect`` has run."""
        self._closed.add(self._ids[key])
        self._handler(disconnect_event(self._facts(key), 1001, "", "r", self._now_ms), None)

    async def is_closed(self, key: str) -> int:
        """Return the code with which the host closes the connection, once it does."""
        return 1000 if self._ids[key] in self._closed else 0

    def now_s(self) -> int:
        """Return the time of the host, in epoch seconds."""
        return self._now_ms // 1000

    # What the function does with its connections.

    def post(self, connection_id: ConnectionId, data: str) -> bool:
        """Deliver a frame."""
        if not self.is_open(connection_id):
            return False
        self._heard[connection_id].append(data)
        return True

    def is_open(self, connection_id: ConnectionId) -> bool:
        """Tell whether the connection is open."""
        return connection_id in self._heard and connection_id not in self._closed

    def close(self, connection_id: ConnectionId) -> bool:
        """Close a connection."""
        self._closed.add(connection_id)
        return True


def _put_secret(endpoint: str, secret: str) -> None:
    with closing(client_at(endpoint, "ssm")) as ssm:
        ssm.put_parameter(Name=PARAMETER, Value=secret, Type="SecureString", Overwrite=True)


_current: Callable[[Any, Any], Any]


def current(event: Any, context: Any) -> Any:
    """Call the handler of the test that runs."""
    return _current(event, context)


@asynccontextmanager
async def core_host(
    rules: Rules, endpoint: str, ticket_secret: str | None = None
) -> AsyncGenerator[Host, None]:
    """The emulator with the core in process."""
    keys = None if ticket_secret is None else read_keys(ticket_secret)
    async with _socket_host(rules, None, keys) as host:
        yield host


@asynccontextmanager
async def lambda_host(
    rules: Rules, endpoint: str, ticket_secret: str | None = None
) -> AsyncGenerator[Host, None]:
    """The emulator with the Lambda function behind it."""
    global _current
    # What the function keeps open is closed when nobody is left to be told of anything; else it
    # would stay at a port that may be a later test's.
    with ExitStack() as at_last:
        async with _socket_host(rules, of_handler(f"{__name__}:current")) as host:
            management_endpoint = os.environ[MANAGEMENT_ENDPOINT]
            environ = {TABLE_NAME: TABLE, **environment_of(rules)}
            environ[MANAGEMENT_ENDPOINT] = management_endpoint
            if ticket_secret is not None:
                environ[TICKET_SECRET_PARAMETER] = PARAMETER
                _put_secret(endpoint, ticket_secret)
            endpoints = {f"AWS_ENDPOINT_URL_{name}": endpoint for name in ("DYNAMODB", "SSM")}
            with mock.patch.dict(os.environ, endpoints):
                _current = make_handler(environ)
            at_last.callback(management_client(management_endpoint).close)
            yield host


@asynccontextmanager
async def event_host(
    rules: Rules, endpoint: str, ticket_secret: str | None = None
) -> AsyncGenerator[Host, None]:
    """The Lambda function alone."""
    with (
        closing(client_at(endpoint)) as client,
        closing(client_at(endpoint, "ssm")) as ssm,
    ):
        ticket_keys = None
        if ticket_secret is not None:
            _put_secret(endpoint, ticket_secret)
            ticket_keys = TicketKeys(ssm, PARAMETER)
        yield EventHost(DynamoTable(client, TABLE), rules, ticket_keys)


@asynccontextmanager
async def _socket_host(
    rules: Rules, api: ApiConfig | None, ticket_keys: Keys | None = None
) -> AsyncGenerator[Host, None]:
    watch = _Watch()
    settings = Settings(
        port=0,
        topology=rules.topology,
        seats=rules.seats,
        message_rate=rules.message_rate,
        message_burst=rules.message_burst,
        max_payload_bytes=rules.max_payload_bytes,
        allowed_origins=",".join(rules.origins),
        ticket_keys=ticket_keys,
    )
    async with Emulator(settings, watch, api=api) as emulator, AsyncExitStack() as stack:
        yield EmulatorHost(emulator, watch, stack)
