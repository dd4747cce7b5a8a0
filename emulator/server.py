"""Binds, serves, and stops."""

import asyncio
import contextlib
import errno
import signal
from collections.abc import Callable
from types import TracebackType

from poker_signal.emulator.clock import Clock, LoopClock
from poker_signal.emulator.core_host import CoreHost
from poker_signal.emulator.gateway import Gateway
from poker_signal.emulator.http_connection import HttpConnection
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace import Nobody, Observer

STOP_TIMEOUT_S = 1.5
"""How long peers may take to say goodbye when the emulator stops."""


class CannotListen(Exception):
    """The address cannot be bound; the text says why and what to do."""


class Emulator:
    """API Gateway on this machine, as long as the ``async with`` block lasts. ::

        async with Emulator(Settings(port=0)) as emulator:
            print(emulator.url)  # ws://127.0.0.1:54321/prod

    Raises:
        CannotListen: on entering.
    """

    def __init__(
        self, settings: Settings, observer: Observer | None = None, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._observer = Nobody() if observer is None else observer
        self._clock = clock
        self._server: asyncio.Server
        self._gateway: Gateway

    @property
    def port(self) -> int:
        """The port that was bound, also where any free one was asked for."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """What a WebSocket client connects to."""
        return f"ws://{self._authority}/{self._settings.stage}"

    @property
    def _authority(self) -> str:
        host = self._settings.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    async def __aenter__(self) -> "Emulator":
        loop = asyncio.get_running_loop()
        gateway = Gateway(self._settings, self._clock or LoopClock(), self._observer)
        gateway.integration = CoreHost(gateway, self._settings.topology, self._observer)
        try:
            self._server = await loop.create_server(
                lambda: HttpConnection(gateway, self._settings),
                self._settings.host,
                self._settings.port,
                # The kernel's own limit cuts this down: a whole party may connect at once.
                backlog=4096,
            )
        except (OSError, OverflowError) as error:
            raise CannotListen(_explain(error, self._settings)) from error
        gateway.domain_name = self._authority
        self._gateway = gateway
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        empty = asyncio.Event()
        self._gateway.stop(empty.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(empty.wait(), STOP_TIMEOUT_S)


async def serve(settings: Settings, observer: Observer, ready: Callable[[Emulator], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        CannotListen: before ``ready`` is called.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stop.set)
    async with Emulator(settings, observer) as emulator:
        ready(emulator)
        await stop.wait()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            # The second Ctrl-C does not wait for anybody's goodbye.
            loop.remove_signal_handler(signal_number)


def run(settings: Settings, observer: Observer, ready: Callable[[Emulator], None]) -> None:
    """Serve on an event loop of its own, the fastest that is installed.

    Raises:
        CannotListen: before ``ready`` is called.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(settings, observer, ready))


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
            return f"{address} is taken; choose another --port, or --port 0 for any free one"
        if error.errno == errno.EACCES:
            return f"{address} needs privileges; choose a --port above 1023"
        if error.errno == errno.EADDRNOTAVAIL:
            return f"{settings.host} is no address of this machine; choose another --host"
    return f"cannot listen on {address}: {error}"
