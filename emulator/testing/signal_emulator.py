"""An emulator for one test, in this process."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.aws.events import Label
from poker_signal.emulator.client.connection import signal_client
from poker_signal.emulator.clock import Clock, LoopClock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.testing.background import Background, Stuck
from poker_signal.emulator.testing.failure_report import transcript
from poker_signal.emulator.testing.marker_options import Setup
from poker_signal.emulator.testing.signal_clock import SignalClock
from poker_signal.emulator.testing.signal_faults import SignalFaults
from poker_signal.emulator.testing.signal_peer import PATIENCE_S, SignalPeer, words_of
from poker_signal.emulator.trace.as_json import as_json
from poker_signal.emulator.trace.entries import Opened
from poker_signal.emulator.wiring import types_known_to

T = TypeVar("T")

GAME = "GAME01"
"""Default game of peers. Emulators do not share games."""

STRIKE_S = 0.5
"""Seconds that a fault may take to strike a message that is on its way when a test ends."""


class ConnectPeer(Protocol):
    """Type of the fixture ``signal_peer``."""

    async def __call__(
        self,
        player: str,
        game: str = GAME,
        *,
        session: str | None = None,
        ticket: str | None = None,
        wants: str | None = None,
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
        return f"{self.player or 'a client without a name'} was refused with {self.status}{said}"


class NeverConnected(PokerSignalError, AssertionError):
    """A player did not connect in time; ``connected`` holds those who were connected."""

    def __init__(self, player: str, game: str, within_s: float, connected: list[str]) -> None:
        super().__init__(player, game, within_s, connected)
        self.player = player
        self.game = game
        self.within_s = within_s
        self.connected = connected
        """Each as ``PLAYER in GAME``."""

    def __str__(self) -> str:
        others = ", ".join(self.connected) or "no player is"
        return (
            f"{self.player} did not connect to {self.game} within {self.within_s:g} s; "
            f"connected: {others}"
        )


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
        self.faults: SignalFaults
        """The fixture ``signal_faults``."""
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
    def authority(self) -> Path | None:
        """Certificate (PEM) that a client of ``tls=True`` has to trust; None without TLS."""
        return self._emulator.authority

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
        wants: str | None = None,
        within: float = PATIENCE_S,
    ) -> SignalPeer:
        """Connect a player as the app does; the connection is closed when the test ends.

        ``wants``: ``presence``, ``go-away`` or both with a comma, the frames to get unasked.
        ``within``: timeout of the handshake in seconds.

        Raises:
            ValueError: ``wants`` has another word.
            Refused: the handshake was answered with a status other than 101.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        words_of(wants)
        connecting = self._connect(player, game, session, ticket, wants, within)
        try:
            return await self._background.wait(connecting)
        except InvalidStatus as error:
            raise Refused(player, error.response) from None

    async def wait_for(self, player: str, game: str = GAME, *, within: float = PATIENCE_S) -> None:
        """Return once a player is connected, by the app's own socket or as a peer.

        ``within``: timeout in seconds of the machine's time.

        Raises:
            NeverConnected: the player did not connect in time; the text lists who is connected.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        connected = await self._background.wait(self._wait_for(Label(player, game), within))
        if connected is not None:
            raise NeverConnected(player, game, within, connected)

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

    def never_struck(self) -> list[str]:
        """Return a sentence per fault that had to strike and never did; wait for STRIKE_S."""
        if not self._background.is_running or not self.faults.never_struck():
            return []
        return self._background.run(self._never_struck())

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
        return transcript(self.url, entries, self.peers, self._clock.now_ms())

    async def _wait_for(self, wanted: Label, within_s: float) -> list[str] | None:
        """Return None once a player is connected, or the others when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while wanted not in self._emulator.connected:
                    await self._something()
                return None
        return [f"{name or '(no name)'} in {game}" for name, game in self._emulator.connected]

    async def _never_struck(self) -> list[str]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STRIKE_S):
                while self.faults.never_struck():
                    await self._something()
        return self.faults.never_struck()

    async def _something(self) -> None:
        """Wait until the trace has a new entry."""
        happened = asyncio.Event()
        call_off = self._emulator.trace.when_something_happens(happened.set)
        try:
            await happened.wait()
        finally:
            call_off()

    async def _start(self) -> None:
        setup = self._setup
        self._clock = LoopClock() if self._signal_clock is None else self._signal_clock.virtual
        specs = setup.faults + setup.optional_faults
        faults = Faults(specs, setup.seed, types_known_to(setup.api))
        self.faults = SignalFaults(faults, self._background, setup.optional_faults)
        certificate = None
        if setup.tls:
            from poker_signal.emulator.protocols.tls import certificate_for

            certificate = certificate_for(setup.settings.host)
        services = self._services(faults)
        self._emulator = await self._stack.enter_async_context(
            Emulator(
                setup.settings,
                clock=self._clock,
                api=setup.api,
                folder=setup.folder,
                certificate=certificate,
                faults=faults,
                handlers=setup.handlers,
                services=services,
            )
        )
        self.url = self._emulator.url

    def _services(self, faults: Faults) -> dict[str, str]:
        """Start what the handler finds in AWS; return the endpoints by variable.

        Raises:
            NoService: moto is not installed, or the endpoint does not answer.
        """
        setup = self._setup
        if setup.dynamodb is None or setup.api is None:
            return {}
        # Imported here: most tests need no DynamoDB.
        from poker_signal.emulator.functions import local_aws

        endpoint = setup.dynamodb
        if endpoint == "moto":
            from poker_signal.emulator.faults.lagging_dynamodb import LaggingIndex

            endpoint = self._stack.enter_context(
                local_aws.moto(lambda moto: LaggingIndex(moto, faults, time.monotonic))
            )
        tables = [
            local_aws.NewTable(each.definition(name), each.ttl)
            for name, each in setup.api.tables.items()
        ]
        local_aws.create_tables(endpoint, tables, setup.settings.region)
        services = dict.fromkeys(local_aws.DYNAMODB, endpoint)
        if setup.handlers:
            # A handler that is called in this process finds DynamoDB by its variables.
            self._stack.callback(
                os.environ.update,
                {name: os.environ[name] for name in services if name in os.environ},
            )
            for name in services:
                self._stack.callback(os.environ.pop, name, None)
            os.environ.update(services)
        return services

    async def _connect(
        self,
        player: str,
        game: str,
        session: str | None,
        ticket: str | None,
        wants: str | None,
        within: float,
    ) -> SignalPeer:
        before = self._emulator.trace.next_number
        client = await self._stack.enter_async_context(
            signal_client(
                self.url, player, game, session, within, ticket, wants, authority=self.authority
            )
        )
        peer = SignalPeer(client, game, self._clock, self._background, wants)
        peer.connection_id = self._new_connection(Label(player, game), before)
        self.peers.append(peer)
        return peer

    def _new_connection(self, label: Label, since: int) -> str:
        """Return the id of a connection that was opened since; empty: there is none."""
        taken = {peer.connection_id for peer in self.peers}
        for _, entry in self._emulator.trace.since(since):
            if isinstance(entry, Opened) and entry.facts.label == label:
                connection_id = entry.facts.connection_id
                if connection_id not in taken:
                    return connection_id
        return ""
