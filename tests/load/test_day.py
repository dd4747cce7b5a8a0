"""24 hours in seconds: real sockets with a virtual clock."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from websockets.asyncio.client import ClientConnection

from poker_signal.emulator.clock import Timer, VirtualClock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.functions.signaling import SignalingFunction
from poker_signal.emulator.protocols.http_connection import HttpConnection
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.trace import Trace
from poker_signal.emulator.wiring import make_gateway, signaling_api
from tests.load.figures import IS_FULL, Record, show
from tests.support.client import PATIENCE_S, closed, hear, peer, tell

DAY_S = 24 * 3600
STEP_S = 61
"""No divisor of ten minutes or two hours: no time-out is due exactly at a step."""

TALK_EVERY = 5
SWITCH_EVERY = 60
"""In steps; a phone changes its network about once an hour."""

PASS_BY_EVERY = 4

IDLE_S, LONGEST_S, ROW_LIVES_S = 600, 7200, 7200

GAMES = 10 if IS_FULL else 2


@dataclass
class _Counted:
    cancel: Callable[[], None]


class CountingClock(VirtualClock):
    """A virtual clock that counts the timers that are set."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: set[object] = set()
        self.most_pending = 0

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call once, and count the timer until then."""
        this = object()

        def fire() -> None:
            self.pending.discard(this)
            callback()

        def cancel() -> None:
            self.pending.discard(this)
            timer.cancel()

        self.pending.add(this)
        self.most_pending = max(self.most_pending, len(self.pending))
        timer = super().call_later(delay_s, fire)
        return _Counted(cancel)


class World(NamedTuple):
    """The server under test and its clock."""

    clock: CountingClock
    host: SignalingFunction
    url: str

    @property
    def now_s(self) -> float:
        """The time of the clock, in seconds."""
        return self.clock.now_ms() / 1000


@asynccontextmanager
async def world() -> AsyncGenerator[World, None]:
    """Serve the core, with a fault that drops every ``$disconnect`` of a passer-by."""
    clock, settings = CountingClock(), Settings(port=0, later=False)
    faults = Faults(["miss-disconnect:Passer-by"])
    gateway = make_gateway(settings, clock, Trace(), faults)
    gateway.api = signaling_api(settings, gateway.connections, faults)
    host = gateway.api.routes["$default"].integration
    assert isinstance(host, SignalingFunction)
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpConnection(gateway, settings), "127.0.0.1", 0
    )
    async with server:
        yield World(clock, host, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/prod")
        is_empty = asyncio.Event()
        gateway.stop(is_empty.set)
        async with asyncio.timeout(PATIENCE_S):
            await is_empty.wait()


class Guest:
    """A client that connects again when its connection is closed."""

    def __init__(self, world: World, name: str, game: str, session: str = "") -> None:
        self.times = 0
        self.client: ClientConnection
        self.active_s = 0.0
        """Time at which it last sent or received a message."""
        self._world = world
        self._name, self._game, self._session = name, game, session
        self._opened_s = 0.0

    async def come(self) -> None:
        """Connect."""
        self.client = await peer(self._world, self._name, self._game, self._session)
        self._opened_s = self.active_s = self._world.now_s
        self.times += 1

    async def switch(self) -> None:
        """Connect again, as from another network: the session takes the seat over."""
        old = self.client
        await self.come()
        assert (await closed(old))[0] == 1000

    async def come_back_if_due(self) -> None:
        """Check that the connection is closed with 1001 exactly when due, then reconnect."""
        due_s = min(self._opened_s + LONGEST_S, self.active_s + IDLE_S)
        if due_s > self._world.now_s:
            assert self.client.close_code is None, "closed before its time"
            return
        assert (await closed(self.client))[0] == 1001
        await self.come()


class Game:
    """A host and a player that exchange messages, and a player that is idle."""

    def __init__(self, world: World, code: str) -> None:
        self._world = world
        self.host = Guest(world, "HOST", code, f"secret-of-{code}")
        self.talker = Guest(world, "Talker", code, f"phone-of-{code}")
        self.sleeper = Guest(world, "Sleeper", code)
        self.guests = [self.host, self.talker, self.sleeper]
        self.said = 0

    async def talk(self) -> None:
        """Send a message in either direction."""
        self.said += 2
        await tell(self.talker.client, type="join", payload=self.said)
        assert await hear(self.host.client) == {
            "type": "join", "senderId": "Talker", "payload": self.said,
        }  # fmt: skip
        await tell(self.host.client, type="offer", targetId="Talker", payload=self.said)
        assert (await hear(self.talker.client))["payload"] == self.said
        self.host.active_s = self.talker.active_s = self._world.now_s


async def pass_by(world: World, number: int) -> None:
    """Connect once, to a new game, and vanish without a ``$disconnect``."""
    guest = Guest(world, "Passer-by", f"ONCE{number}")
    await guest.come()
    guest.client.transport.abort()
    await guest.client.wait_closed()


@pytest.mark.nightly
@pytest.mark.timeout(180)
async def test_a_day_passes_and_nothing_is_left_of_it(record_property: Record) -> None:
    """All clients are closed in time and accepted again, and no row or timer is left over."""
    most_rows, steps = 0, DAY_S // STEP_S + 1
    async with world() as watched:
        games = [Game(watched, f"GAME{number}") for number in range(GAMES)]
        guests = [guest for game in games for guest in game.guests]
        for guest in guests:
            await guest.come()
        for step in range(steps):
            if step % TALK_EVERY == 0:
                await asyncio.gather(*(game.talk() for game in games))
            if step % SWITCH_EVERY == SWITCH_EVERY - 1:
                await asyncio.gather(*(game.talker.switch() for game in games))
            if step % PASS_BY_EVERY == 0:
                await pass_by(watched, step)
            watched.clock.advance(STEP_S)
            await asyncio.gather(*(guest.come_back_if_due() for guest in guests))
            most_rows = max(most_rows, len(watched.host.rows))
        rows = len(watched.host.rows)
        for guest in guests:
            await guest.client.close()
        await pass_by(watched, steps)
        watched.clock.advance(ROW_LIVES_S + 1)
        await pass_by(watched, steps + 1)
        rows_after = len(watched.host.rows)
    show(
        record_property,
        f"24 h, {GAMES} games",
        connections=sum(guest.times for guest in guests),
        messages=sum(game.said for game in games),
        most_rows=most_rows,
        rows_at_the_end_and_2_h_later=f"{rows}, {rows_after}",
        timers_at_most_and_at_the_end=f"{watched.clock.most_pending}, {len(watched.clock.pending)}",
    )
    younger_than_a_row = ROW_LIVES_S // STEP_S // PASS_BY_EVERY + 2
    assert most_rows <= len(guests) + GAMES + younger_than_a_row
    assert rows_after == 1, "only the row of the last passer-by"
    assert watched.clock.most_pending <= 2 * (2 * len(guests) + 1)
    assert not watched.clock.pending
