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
    from poker_signal.emulator.functions.lambda_function import Handler
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

    ``api``: configuration with functions and routes; None: our own rules. ``handlers``: callables
    by function, which are called in threads of this process; other handlers are processes.
    ``services``: endpoints of AWS's services for them, by variable. ``real_aws``: they get the
    user's credentials.

    Raises:
        CannotStart: on entering, if a handler cannot be started or the port cannot be bound.
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
        handlers: "Mapping[str, Handler] | None" = None,
        services: Mapping[str, str] | None = None,
        real_aws: bool = False,
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
        self._handlers = handlers or {}
        self._services = services or {}
        self._real_aws = real_aws
        self._functions: wiring.Functions | None = None
        """None: our own rules only."""
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
        return f"ws{self._secure}://{self._authority}{self._settings.path}"

    @property
    def management_url(self) -> str:
        """``endpoint_url`` for an ``apigatewaymanagementapi`` client."""
        return f"http{self._secure}://{self._authority}{self._settings.path}"

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
            gateway.api = await self._build_api(gateway)
            wiring.mount_inspector(gateway, lambda: self._inspector)
            await self._server.start_serving()
        except BaseException:
            self._server.close()
            self._stop_functions()
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
        self._stop_functions()

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
                ssl=self._certificate.context(gateway.http_failed) if self._certificate else None,
                # Functions start first, and their environment contains the port.
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

        gateway = self._gateway

        def rebuild() -> Api:
            if self._functions is not None:
                self._functions.load_own()
            return self._assemble(gateway)

        def serve(api: Api) -> None:
            gateway.api = api

        code = reload.Code(
            {} if self._functions is None else self._functions.processes,
            self._has_own_code,
            lambda: gateway.api,
            rebuild,
            serve,
        )
        self._reloader = reload.Reloader(code, report)

    @property
    def _has_own_code(self) -> bool:
        own = {wiring.CORE, wiring.OWN_LAMBDA}
        return self._api is None or any(
            each.handler in own for each in self._api.functions.values()
        )

    async def _build_api(self, gateway: Gateway) -> Api:
        if self._api is None:
            return self._assemble(gateway)
        # Imported here: an emulator without handlers starts without it.
        from poker_signal.emulator.functions.references import BadHandler
        from poker_signal.emulator.functions.variables import environment_for

        functions = self._functions = wiring.Functions(
            self._api, self._settings, self._folder, self._clock or LoopClock(), self._handlers
        )
        if functions.are_called_here:
            environment = environment_for(
                self.management_url, self._settings.region, self._certificate, os.environ
            )
            self._environment = {name: os.environ.get(name) for name in environment}
            os.environ.update(environment)
        try:
            await functions.start(
                wiring.Endpoints(
                    self.management_url,
                    gateway.domain_name,
                    self._certificate,
                    self._services,
                    self._real_aws,
                )
            )
        except BadHandler as error:
            raise CannotStart(str(error)) from error
        return self._assemble(gateway)

    def _assemble(self, gateway: Gateway) -> Api:
        """Return the API to serve."""
        settings, connections = self._settings, gateway.connections
        if self._api is None or self._functions is None:
            api = wiring.signaling_api(settings, connections, self.faults)
        else:
            functions = self._functions.integrations
            api = wiring.configured_api(self._api, settings, connections, functions, self.faults)
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

    def _stop_functions(self) -> None:
        if self._functions is not None:
            self._functions.stop()
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
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None, "it is a coroutine"
    came_early: list[signal.Signals] = []

    def interrupted() -> None:
        if stop.is_set():
            emulator.hurry()
        stop.set()

    def interrupted_early(number: signal.Signals) -> None:
        came_early.append(number)
        task.cancel()

    # Functions start on entering, which may take seconds. Their processes must not stay.
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted_early, number)
    try:
        await emulator.__aenter__()
    except asyncio.CancelledError:
        if not came_early:
            raise
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        if came_early[0] is signal.SIGINT:
            raise KeyboardInterrupt from None
        signal.raise_signal(came_early[0])
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupted)
        ready(emulator)
        await stop.wait()
    finally:
        await emulator.__aexit__(None, None, None)


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
