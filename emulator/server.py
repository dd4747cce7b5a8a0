"""The emulator as a server: bind, serve, stop."""

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator import wiring
from poker_signal.emulator.aws.events import Label
from poker_signal.emulator.clock import Clock, LoopClock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.gateway.gateway import Gateway
from poker_signal.emulator.gateway.routes import Api
from poker_signal.emulator.inspector import PREFIX
from poker_signal.emulator.protocols.http_connection import HttpConnection
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.trace import Observer, Trace

if TYPE_CHECKING:
    from poker_signal.emulator.functions.handler_loader import Handler, HandlerImports
    from poker_signal.emulator.gateway.config import ApiConfig
    from poker_signal.emulator.inspector.api import Inspector
    from poker_signal.emulator.protocols.tls import Certificate
    from poker_signal.emulator.reload.reloader import CodeStatus, Reloader

STOP_TIMEOUT_S = 1.5
"""Seconds that closing handshakes and ``$disconnect`` may take when the emulator stops."""


class CannotStart(PokerSignalError):
    """The emulator cannot start; the text says why and what to do."""


class Emulator:
    """Local API Gateway, which runs as long as the ``async with`` block.

    Example::

        async with Emulator(Settings(port=0)) as emulator:
            print(emulator.url)  # ws://127.0.0.1:54321/prod

    ``api``: configuration with functions and routes; None: our own rules.

    Raises:
        CannotStart: on entering, if a handler cannot be loaded or the port cannot be bound.
    """

    def __init__(
        self,
        settings: Settings,
        observer: Observer | None = None,
        clock: Clock | None = None,
        *,
        api: "ApiConfig | None" = None,
        folder: Path | None = None,
        certificate: "Certificate | None" = None,
        faults: Faults | None = None,
    ) -> None:
        self._settings = settings
        self.trace = Trace(observer)
        """The last events."""
        self._clock = clock
        self._api = api
        self._folder = folder or Path.cwd()
        """Base folder of the handlers' files."""
        self._certificate = certificate
        self.faults = Faults(types=wiring.types_known_to(api)) if faults is None else faults
        """The active faults, which may be changed at any time."""
        self._environment: dict[str, str | None] = {}
        """Earlier values of the environment variables set for handlers. None: it was not set."""
        self._imports: HandlerImports | None = None
        self._handlers: dict[str, Handler] = {}
        """By name of the function."""
        self._reloader: Reloader | None = None
        self._may_leave = asyncio.Event()
        self._server: asyncio.Server
        self._gateway: Gateway

    @property
    def port(self) -> int:
        """Port that was bound, also if the setting is 0."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connected(self) -> list[Label]:
        """Player and game of each open connection."""
        return [each.facts.label for each in self._gateway.open_connections.values()]

    @property
    def url(self) -> str:
        """URL for WebSocket clients."""
        return f"ws{self._secure}://{self._authority}/{self._settings.stage}"

    @property
    def management_url(self) -> str:
        """``endpoint_url`` for an ``apigatewaymanagementapi`` client."""
        return f"http{self._secure}://{self._authority}/{self._settings.stage}"

    @property
    def inspector_url(self) -> str:
        """URL of the inspector, for a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._settings.host)
        authority = self._authority if host is None else f"{host}:{self.port}"
        return f"http{self._secure}://{authority}{PREFIX}/"

    @property
    def play_url_of_lan(self) -> str | None:
        """URL of the play page for a phone, with token; None if other machines have no access."""
        token = self._settings.inspector_token
        if token is None:
            return None
        return f"http{self._secure}://{self._authority}{PREFIX}/play?token={token}"

    @property
    def authority(self) -> Path | None:
        """Path of the certificate (PEM) to trust; None without TLS."""
        return self._certificate.authority if self._certificate else None

    @property
    def _secure(self) -> str:
        return "s" if self._certificate else ""

    @property
    def _authority(self) -> str:
        host = self._settings.shown_host or self._settings.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    async def __aenter__(self) -> "Emulator":
        self.faults.call_soon = asyncio.get_running_loop().call_soon_threadsafe
        clock = self._clock = self._clock or LoopClock()
        gateway = wiring.make_gateway(self._settings, clock, self.trace, self.faults)
        self._server = await self._bind(gateway)
        try:
            gateway.domain_name = self._settings.domain_name or self._authority
            gateway.api = self._build_api(gateway)
            wiring.mount_inspector(gateway, lambda: self._inspector)
            await self._server.start_serving()
        except BaseException:
            self._server.close()
            self._restore_environment()
            raise
        self._gateway = gateway
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        if self._reloader is not None:
            self._reloader.close()
        for route in self._gateway.api.routes.values():
            # Of the signaling function; handlers have none.
            getattr(route.integration, "end_waits", int)()
        self._gateway.stop(self._may_leave.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._may_leave.wait(), STOP_TIMEOUT_S)
        self._restore_environment()

    def hurry(self) -> None:
        """Stop without waiting for closing handshakes and ``$disconnect``."""
        self._may_leave.set()

    async def _bind(self, gateway: Gateway) -> asyncio.Server:
        try:
            return await asyncio.get_running_loop().create_server(
                partial(HttpConnection, gateway, self._settings),
                self._settings.host,
                self._settings.port,
                # Many players may connect at once. The kernel lowers this to its own limit.
                backlog=4096,
                ssl=self._certificate.context() if self._certificate else None,
                # Handlers are imported first, and their environment contains the port.
                start_serving=False,
            )
        except (OSError, OverflowError, UnicodeError) as error:
            raise CannotStart(_explain(error, self._settings)) from error

    @property
    def code_status(self) -> "CodeStatus | None":
        """Outcome of the last edit; None unless ``reload_on_change`` was called."""
        return None if self._reloader is None else self._reloader.status

    def reload_on_change(self, report: "Callable[[CodeStatus], None]") -> None:
        """Swap rules and handlers whenever they are edited, from now on; call on the event loop.

        ``report`` is called with each outcome, in another thread.
        """
        import poker_signal.emulator.reload.reloader as reload

        gateway, loop = self._gateway, asyncio.get_running_loop()

        def serve(api: Api) -> None:
            gateway.api = api

        code = reload.Code(
            self._api,
            self._folder,
            self._imports.load if self._imports else None,
            self._handlers,
            api=lambda: gateway.api,
            rebuild=lambda handlers: self._assemble(gateway, handlers),
            serve=serve,
        )
        self._reloader = reload.Reloader(code, loop.call_soon_threadsafe, report)

    def _build_api(self, gateway: Gateway) -> Api:
        if self._api is None:
            return self._assemble(gateway, {})
        # Imported here: an emulator without handlers starts without it.
        from poker_signal.emulator.functions.handler_loader import BadHandler, HandlerImports
        from poker_signal.emulator.functions.lambda_function import environment_for

        environment = environment_for(
            self.management_url, self._settings.region, self._certificate, os.environ
        )
        self._environment = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        self._imports = HandlerImports(self._folder)
        try:
            for name, reference in self._api.handlers.items():
                self._handlers[name] = self._imports.load(reference)
        except BadHandler as error:
            raise CannotStart(str(error)) from error
        return self._assemble(gateway, self._handlers)

    def _assemble(self, gateway: Gateway, handlers: "Mapping[str, Handler]") -> Api:
        """Return the API to serve, with these handlers by function."""
        settings, connections = self._settings, gateway.connections
        if self._api is None:
            api = wiring.signaling_api(settings, connections, self.faults)
        else:
            api = wiring.configured_api(self._api, settings, connections, handlers, self.faults)
        assert self._clock is not None, "it is set before anything is assembled"
        wiring.show_notes(api, gateway, self.trace, self._clock)
        return api

    @cached_property
    def _inspector(self) -> "Inspector":
        """The inspector, created with its first request."""
        import poker_signal.emulator.inspector.api as api

        settings = self._settings
        about = api.About(
            url=self.url,
            origin=self.inspector_url.removesuffix(f"{PREFIX}/"),
            host=settings.shown_host or settings.host,
            token=settings.inspector_token,
            settings=settings,
        )
        return api.Inspector(
            self._gateway, self.trace, about, self.faults, lambda: self.code_status
        )

    def _restore_environment(self) -> None:
        if self._imports is not None:
            self._imports.forget()
        for name, value in self._environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


async def serve(emulator: Emulator, ready: Callable[[Emulator], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        CannotStart: before ``ready`` is called.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Handlers are imported on entering, which may take for ever and blocks the loop. So until then
    # Ctrl-C raises KeyboardInterrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupted() -> None:
        if stop.is_set():
            emulator.hurry()
        stop.set()

    async with emulator:
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, interrupted)
        ready(emulator)
        await stop.wait()


def run(emulator: Emulator, ready: Callable[[Emulator], None]) -> None:
    """Serve on a new event loop: uvloop if it is installed, or else asyncio's.

    Raises:
        CannotStart: before ``ready`` is called.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(emulator, ready))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _explain(error: Exception, settings: Settings) -> str:
    address = f"{settings.host}:{settings.port}"
    if isinstance(error, OSError):
        if error.errno == errno.EADDRINUSE:
            return (
                f"{address} is taken; choose another --port, or --port 0 for any free one "
                '(make emulate ARGS="--port 0")'
            )
        if error.errno == errno.EACCES:
            return f"{address} needs privileges; choose a --port above 1023"
        # asyncio of Python 3.13 raises an error without a number if it could bind to no address.
        if error.errno == errno.EADDRNOTAVAIL or "could not bind on any address" in str(error):
            return f"{settings.host} is not an address of this machine; choose another --host"
    return f"cannot listen on {address}: {error}"
