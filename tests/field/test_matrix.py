"""Fault × host × the client in the field: of a hundred handshakes, a hundred succeed.

The table of every run is in pytest's summary.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.field.client import PATIENCE_S, TOO_LATE, address, host_of, player_of, verdict_on
from tests.field.hosts import OURS, Weather, serving

HANDSHAKES = {"core": 100, "lambda": int(os.environ.get("POKER_SIGNAL_HANDSHAKES", "30"))}
"""moto answers one call after the other: a hundred are for a machine that does nothing else."""
AT_ONCE = {"core": 50, "lambda": 6}
"""The client's patience is in seconds: as many games at once as the machine has time for."""

_T = TypeVar("_T")

NAME = "Zoë Ω 🂡"

Prelude = Callable[[Weather, str], Coroutine[Any, Any, None]]
"""What happens in a game before its two devices meet."""


async def nothing(weather: Weather, game: str) -> None:
    """Nothing has happened."""


async def ghost_host(weather: Weather, game: str) -> None:
    """A host has died in this game, and nobody knows."""
    async with connect(address(weather.url, "HOST", game), open_timeout=PATIENCE_S) as host:
        with pytest.raises(ConnectionClosed):
            await host.recv()


async def two_visits(weather: Weather, game: str) -> None:
    """The player has been here twice, and left; of every second time nobody was told."""
    for _ in range(2):
        async with connect(address(weather.url, NAME, game), open_timeout=PATIENCE_S):
            pass


CELLS: dict[str, tuple[tuple[str, ...], Prelude]] = {
    "clean": ((), nothing),
    "reorder": (("reorder=100ms",), nothing),
    "index-lag=800ms": (("index-lag=800ms",), nothing),
    "ghost:HOST": (("ghost:HOST",), ghost_host),
    "miss-disconnect=1/2": (("miss-disconnect=1/2",), two_visits),
}


async def handshake(weather: Weather, game: str, door: asyncio.Semaphore) -> str:
    """Let two devices meet; return the verdict.

    A player who could not even ask to be let in tries again once: a machine that is busy may
    take a second to open a socket, a host that takes one does so again.
    """
    verdict = await meet(weather, game, door)
    return verdict if verdict != TOO_LATE else await meet(weather, game, door)


async def meet(weather: Weather, game: str, door: asyncio.Semaphore) -> str:
    """Let two devices meet once."""
    async with AsyncExitStack() as stack:
        async with door:
            host = await stack.enter_async_context(host_of(weather.url, game))
        async with door:
            player = await stack.enter_async_context(player_of(weather.url, game, NAME))
        return await verdict_on(host, player)


async def played(host: str, fault: str) -> Counter[str]:
    """Play a cell; return the verdicts."""
    specs, prelude = CELLS[fault]
    at_once = asyncio.Semaphore(AT_ONCE[host])
    # A hundred devices that connect in the same instant would measure this machine.
    door = asyncio.Semaphore(2)
    games = [f"G{number:05}" for number in range(HANDSHAKES[host])]

    async def one_of_few(work: Coroutine[Any, Any, _T]) -> _T:
        async with at_once:
            return await work

    async with serving(host, *specs) as weather:
        await asyncio.gather(*(one_of_few(prelude(weather, game)) for game in games))
        if prelude is ghost_host:
            # Whoever hosts now lives.
            weather.faults.remove("ghost:HOST")
        verdicts = await asyncio.gather(
            *(one_of_few(handshake(weather, game, door)) for game in games)
        )
        return Counter(verdicts)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("host", OURS)
@pytest.mark.parametrize("fault", CELLS)
async def test_all_handshakes_succeed(
    host: str, fault: str, record_property: Callable[[str, object], None]
) -> None:
    """Whatever AWS does, with the client that is out there."""
    started = time.monotonic()
    verdicts = await played(host, fault)
    row = f"{fault:<20} {host:<7} {verdicts['connected']:>3} of {HANDSHAKES[host]}"
    record_property("field", f"{row}  in {time.monotonic() - started:4.1f} s")
    assert verdicts == {"connected": HANDSHAKES[host]}
