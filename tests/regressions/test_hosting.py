"""A live HOST keeps its game: slow writes, a false 410, clocks that differ, reloads.

The gateway's clock stands still until a test advances it. The function has the machine's clock.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable

import pytest
from websockets.asyncio.client import ClientConnection, connect

from poker_signal.emulator.clock import Timer, VirtualClock, now_ms
from poker_signal.emulator.trace.entries import Fault
from tests.field.hosts import OURS, Weather, serving
from tests.support.client import PATIENCE_S, code_heard, hear, peer, status_of, tell
from tests.support.tiers import RELOADS

SESSION = "only-the-tablet-knows"


class WatchedClock(VirtualClock):
    """A clock on which a test can await that a timer is set."""

    def __init__(self, at_ms: int = 1_700_000_000_000) -> None:
        super().__init__(at_ms)
        self.shift_ms = 0
        """Added to the time of day, as if another of the gateway's servers stamped the events."""
        self._set: dict[float, asyncio.Event] = defaultdict(asyncio.Event)

    def now_ms(self) -> int:
        """Return the time of day in epoch milliseconds."""
        return super().now_ms() + self.shift_ms

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Note the delay."""
        self._set[delay_s].set()
        return super().call_later(delay_s, callback)

    async def until_set(self, delay_s: float) -> None:
        """Wait until a timer of this delay is set."""
        async with asyncio.timeout(PATIENCE_S):
            await self._set[delay_s].wait()


async def assert_joinable(weather: Weather, host: ClientConnection) -> None:
    """Let a newcomer join, and get an offer of this host."""
    async with peer(weather, "Bob") as player:
        await tell(player, type="join")
        joined = await hear(host)
        assert (joined["type"], joined["senderId"]) == ("join", "Bob")
        await tell(host, type="offer", targetId="Bob", payload=1)
        assert (await hear(player))["type"] == "offer"


@pytest.mark.parametrize("handler", OURS)
@pytest.mark.parametrize(
    ("write_s", "function_ahead_s", "messages_ahead_s"),
    [(7.0, 0, 0), (3.4, 5, 0), (3.4, -5, 0), (3.4, 0, 5), (3.4, 0, -5)],
    ids=["7s", "function-ahead", "function-behind", "messages-ahead", "messages-behind"],
)
async def test_a_join_before_host_is_open_does_not_cost_it_its_game(
    handler: str, write_s: float, function_ahead_s: int, messages_ahead_s: int
) -> None:
    """The early player is told, and HOST can be joined as soon as its ``$connect`` is answered.

    So it is if clocks are five seconds apart: the function's and the gateway's, or those of two
    servers of the gateway.
    """
    clock = WatchedClock(now_ms() - function_ahead_s * 1000)
    async with serving(handler, f"slow-write:HOST#1={write_s}s", clock=clock) as weather:
        async with asyncio.TaskGroup() as tasks:
            opening = tasks.create_task(_opened(peer(weather, "HOST")))
            await clock.until_set(write_s)
            clock.advance(write_s - 2)
            clock.shift_ms = messages_ahead_s * 1000
            async with peer(weather, "Early") as early:
                await tell(early, type="join")
                if handler == "core":
                    # Its waits take the gateway's time, those of the function real time.
                    await clock.until_set(0.1)
                    clock.advance(1)
                assert await code_heard(early) == ("error", "HOST_NOT_FOUND")
                clock.advance(2)
                host = await opening
                await tell(early, type="join")
                assert (await hear(host))["senderId"] == "Early"
        await assert_joinable(weather, host)
        await host.close()


async def _opened(connecting: connect) -> ClientConnection:
    return await connecting


@pytest.mark.parametrize("handler", OURS)
@pytest.mark.parametrize("age_s", [0, 60])
async def test_one_false_410_costs_no_join(handler: str, age_s: int) -> None:
    """A join is delivered although the first post was answered 410, whatever the age of HOST."""
    clock = VirtualClock()
    async with serving(handler, clock=clock) as weather, peer(weather, "HOST") as host:
        clock.advance(age_s)
        weather.faults.add("gone:HOST#1")
        await assert_joinable(weather, host)
        assert any(isinstance(entry, Fault) for _, entry in weather.trace.since(0))
        await assert_joinable(weather, host)


@pytest.mark.parametrize("handler", OURS)
@pytest.mark.parametrize("age_s", [0, 60])
async def test_one_false_410_costs_no_protection(handler: str, age_s: int) -> None:
    """A stranger is refused although the probe of the protected HOST was answered 410."""
    clock = VirtualClock()
    async with serving(handler, clock=clock) as weather:
        async with peer(weather, "HOST", session=SESSION) as host:
            clock.advance(age_s)
            weather.faults.add("gone:HOST#1")
            assert await status_of(peer(weather, "HOST")) == 409
            assert any(isinstance(entry, Fault) for _, entry in weather.trace.since(0))
            await assert_joinable(weather, host)


class Guest:
    """A guest that tries to become HOST without pause."""

    def __init__(self, weather: Weather) -> None:
        self._weather = weather
        self._tried = asyncio.Event()

    async def try_for_ever(self) -> None:
        """Connect as HOST, with and without a session; each time it must be refused."""
        for session in itertools.cycle((None, "guests-own-secret")):
            assert await status_of(peer(self._weather, "HOST", session=session)) == 409
            self._tried.set()

    async def has_tried(self) -> None:
        """Wait until it has tried once more, from the beginning to the end."""
        for _ in range(2):
            self._tried.clear()
            async with asyncio.timeout(PATIENCE_S):
                await self._tried.wait()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("handler", OURS)
async def test_no_guest_takes_the_game_of_a_host_that_reloads(handler: str) -> None:
    """HOST always gets back with its session, politely closed or cut off; the guest never hosts."""
    async with serving(handler) as weather:
        host = await peer(weather, "HOST", session=SESSION)
        guest = Guest(weather)
        async with asyncio.TaskGroup() as tasks:
            trying = tasks.create_task(guest.try_for_ever())
            for number in range(RELOADS):
                if number % 2:
                    host.transport.abort()
                else:
                    await host.close()
                if number % 4 < 2:
                    # Otherwise it is back before the guest notices.
                    await guest.has_tried()
                host = await peer(weather, "HOST", session=SESSION)
            await guest.has_tried()
            trying.cancel()
        await assert_joinable(weather, host)
        await host.close()
