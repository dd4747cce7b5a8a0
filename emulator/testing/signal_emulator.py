"""An emulator for one test, in this process."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.client.connection import signal_client
from poker_signal.emulator.clock import Clock, LoopClock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.testing.background import Background, Stuck
from poker_signal.emulator.testing.failure_report import transcript
from poker_signal.emulator.testing.marker_options import Setup
from poker_signal.emulator.testing.signal_clock import SignalClock
from poker_signal.emulator.testing.signal_faults import SignalFaults
from poker_signal.emulator.testing.signal_peer import PATIENCE_S, SignalPeer
from poker_signal.emulator.trace.as_json import as_json
from poker_signal.emulator.wiring import types_known_to

T = TypeVar("T")

GAME = "GAME01"
"""Default game of peers. Emulators do not share games."""


class ConnectPeer(Protocol):
    """Type of the fixture ``signal_peer``."""

    async def __call__(
        self,
        player: str,
        game: str = GAME,
        *,
        session: str | None = None,
        ticket: str | None = None,
        within: float = PATIENCE_S,
    ) -> SignalPeer:
        """Connect a player; see ``SignalEmulator.connect``."""


class Refused(PokerSignalError):
    """The WebSocket handshake was refused."""

    def __init__(self, player: str, response: Response) -> None:
        super().__init__(player, response)
        self.player = player
        self.status = response.status_code
        """HTTP status of the answer."""
        self.said = response.body.decode(errors="replace")
        """Body of the answer."""

    def __str__(self) -> str:
        said = f": {self.said}" if self.said else ""
        return f"{self.player} was refused with {self.status}{said}"


class EmulatorFailed(PokerSignalError, AssertionError):
    """An error in the emulator itself that no code caught, while the test ran."""


class SignalEmulator:
    """The fixture ``signal_emulator``: API Gateway and poker-signal's rules, in this process.

    It runs in a background thread, so that tests can use it with any event loop, or without one.
    """

    def __init__(self, setup: Setup, clock: SignalClock | None = None) -> None:
        self.peers: list[SignalPeer] = []
        """All peers from ``connect``, in this order."""
        self._setup = setup
        self._signal_clock = clock
        self._stack = AsyncExitStack()
        self._clock: Clock
        self._emulator: Emulator
        self.url = ""
        """URL for WebSocket clients; empty before ``start``."""
        self._background = Background()

    def start(self) -> None:
        """Start to accept connections.

        Raises:
            CannotStart: a handler cannot be loaded, or the port is taken.
        """
        if self._signal_clock is not None:
            self._signal_clock.attach(self._background)
        try:
            self._background.run(self._start())
        except BaseException:
            self._background.stop()
            raise

    @property
    def management_url(self) -> str:
        """``endpoint_url`` for an ``apigatewaymanagementapi`` client of boto3."""
        return self._emulator.management_url

    @property
    def port(self) -> int:
        """Port of the emulator, on 127.0.0.1 unless a marker has another ``host``."""
        return int(urlsplit(self.url).port or 0)

    async def connect(
        self,
        player: str,
        game: str = GAME,
        *,
        session: str | None = None,
        ticket: str | None = None,
        within: float = PATIENCE_S,
    ) -> SignalPeer:
        """Connect a player as the app does; the connection is closed when the test ends.

        ``within``: timeout of the handshake in seconds.

        Raises:
            Refused: the handshake was answered with a status other than 101.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        connecting = self._connect(player, game, session, ticket, within)
        try:
            return await self._background.wait(connecting)
        except InvalidStatus as error:
            raise Refused(player, error.response) from None

    @property
    def faults(self) -> SignalFaults:
        """The fixture ``signal_faults``."""
        return SignalFaults(self._emulator.faults, self._background)

    def trace(self) -> list[dict[str, Any]]:
        """Return all kept trace entries, as the JSON objects of docs/trace.md."""
        return self._in_thread(
            lambda: [as_json(number, entry) for number, entry in self._emulator.trace.since(0)]
        )

    def transcript(self) -> str:
        """Return the events and the frames of each peer as text for people."""
        try:
            return self._in_thread(self._transcript)
        except Stuck as stuck:
            return str(stuck)

    def stop(self) -> None:
        """Close all connections and stop.

        Raises:
            EmulatorFailed: there was an error in it that no code caught.
        """
        if not self._background.is_running:
            return
        try:
            self._background.run(self._stack.aclose())
        finally:
            self._background.stop()
        if self._background.failures:
            raise EmulatorFailed("\n".join(self._background.failures))

    def _in_thread(self, look: Callable[[], T]) -> T:
        return self._background.call(look) if self._background.is_running else look()

    def _transcript(self) -> str:
        entries = [entry for _, entry in self._emulator.trace.since(0)]
        return transcript(self.url, entries, self.peers)

    async def _start(self) -> None:
        setup = self._setup
        self._clock = LoopClock() if self._signal_clock is None else self._signal_clock.virtual
        self._emulator = await self._stack.enter_async_context(
            Emulator(
                setup.settings,
                clock=self._clock,
                api=setup.api,
                folder=setup.folder,
                faults=Faults(setup.faults, setup.seed, types_known_to(setup.api)),
            )
        )
        self.url = self._emulator.url

    async def _connect(
        self, player: str, game: str, session: str | None, ticket: str | None, within: float
    ) -> SignalPeer:
        client = await self._stack.enter_async_context(
            signal_client(self.url, player, game, session, within, ticket=ticket)
        )
        peer = SignalPeer(client, game, self._clock, self._background)
        self.peers.append(peer)
        return peer
