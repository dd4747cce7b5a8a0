"""Every fault with every host and the client in the field: all handshakes succeed.

pytest's summary has the table of the run.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from poker_signal.emulator.trace.entries import Fault
from tests.field.client import PATIENCE_S, address
from tests.field.hosts import OURS, Weather, serving
from tests.field.meeting import is_overtaken, meet, meet_a_late_host, meet_once
from tests.support import tiers

HANDSHAKES = {"core": tiers.FIELD_GAMES, "lambda": tiers.LAMBDA_FIELD_GAMES}
AT_ONCE = {"core": 20, "lambda": 4}

NAME = "Zoë Ω 🂡"

Prelude = Callable[[Weather, str], Coroutine[Any, Any, None]]
"""Events in a game before its two devices connect."""

Meeting = Callable[[Weather, str, str], Coroutine[Any, Any, str]]
"""Lets two devices connect in a game; returns the verdict."""


async def nothing(weather: Weather, game: str) -> None:
    """Do nothing."""


async def ghost_host(weather: Weather, game: str) -> None:
    """Leave a ghost of HOST in the game."""
    async with connect(address(weather.url, "HOST", game), open_timeout=PATIENCE_S) as host:
        with pytest.raises(ConnectionClosed):
            await host.recv()


async def two_visits(weather: Weather, game: str) -> None:
    """Let the player connect and leave twice; every second ``$disconnect`` is dropped."""
    for _ in range(2):
        async with connect(address(weather.url, NAME, game), open_timeout=PATIENCE_S):
            pass


class Cell(NamedTuple):
    """A line of the table: faults, and the events of each game."""

    faults: tuple[str, ...] = ()
    prelude: Prelude = nothing
    meeting: Meeting = meet_once
    times_at_once: int = 1
    """Factor of AT_ONCE for games that mostly wait."""


CELLS = {
    "clean": Cell(),
    "reorder": Cell(("reorder=100ms",)),
    "index-lag=800ms": Cell(("index-lag=800ms",)),
    "ghost:HOST": Cell(("ghost:HOST",), ghost_host),
    "miss-disconnect=1/2": Cell(("miss-disconnect=1/2",), two_visits),
    "slow-write:HOST=3.4s": Cell(("slow-write:HOST=3.4s",), nothing, meet_a_late_host, 3),
    "fail-update=1/3": Cell(("fail-update=1/3",)),
    "gone=10%": Cell(("gone=10%",)),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("host", OURS)
@pytest.mark.parametrize("fault", CELLS)
async def test_all_handshakes_succeed(
    host: str, fault: str, record_property: Callable[[str, object], None]
) -> None:
    """All handshakes of the client in the field succeed under each fault.

    A game whose offer or answer took longer than the rules allow is repeated, alone.
    """
    specs, prelude, meeting, times_at_once = CELLS[fault]
    # A hundred devices that connect at the same time would only measure this machine.
    door = asyncio.Semaphore(AT_ONCE[host] * times_at_once)
    count = HANDSHAKES[host]
    games = [f"G{number:05}" for number in range(count)]

    async def in_turn(work: Coroutine[Any, Any, Any]) -> Any:
        async with door:
            return await work

    async with serving(host, *specs) as weather:
        await asyncio.gather(*(in_turn(prelude(weather, game)) for game in games))
        if prelude is ghost_host:
            weather.faults.remove("ghost:HOST")
        first = await asyncio.gather(*(in_turn(meeting(weather, game, NAME)) for game in games))
        failed = {game: how for game, how in zip(games, first, strict=True) if how != "connected"}
        assert not specs or any(isinstance(entry, Fault) for _, entry in weather.trace.since(0))
        row = f"{fault:<20} {host:<7} {count - len(failed):>3} of {count} at first try"
        record_property("field", row)
        for game, verdict in failed.items():
            assert is_overtaken(weather, game), (game, verdict)
            assert await meet(weather, game, NAME) == "connected"
