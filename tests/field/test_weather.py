"""The effect of each fault on a naive handler and on ours.

Each script acts as the client in the field, or does no more than it could. It returns True if
all clients succeeded, or got an error that says why they did not.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from poker_signal.emulator.trace.entries import Fault, Finished
from tests.field.client import PATIENCE_S, address, host_of, player_of
from tests.field.hosts import OURS, Weather, serving
from tests.field.meeting import (
    GOES,
    is_overtaken,
    meet,
    meet_once,
    news,
    struck,
    verdict_in_time,
)

NAME = "Zoë"
GAME = "GAME01"

AT_HAND_S = 0.1
"""Seconds: enough to read a frame that has already arrived."""

NEVER = 3600.0

Script = Callable[[Weather], Awaitable[bool]]


async def two_meet(weather: Weather) -> bool:
    """Let two devices connect."""
    return await meet_once(weather, GAME, NAME) == "connected"


@asynccontextmanager
async def visit(weather: Weather, name: str = NAME) -> Any:
    """Connect during the block."""
    async with connect(address(weather.url, name, GAME), open_timeout=PATIENCE_S) as socket:
        yield socket


async def come_back(weather: Weather) -> bool:
    """Let a player leave and come back at once."""
    async with visit(weather):
        pass
    return await two_meet(weather)


async def come_back_after_late_news(weather: Weather) -> bool:
    """Let a player leave; its ``$connect`` is invoked again only after that."""
    async with visit(weather):
        pass
    async with asyncio.timeout(PATIENCE_S):
        while not any(isinstance(entry, Fault) for _, entry in weather.trace.since(0)):
            await news(weather)
    return await two_meet(weather)


async def returned(weather: Weather, count: int) -> None:
    """Wait until `count` invocations have ended."""
    async with asyncio.timeout(PATIENCE_S):
        while sum(isinstance(e, Finished) for _, e in weather.trace.since(0)) < count:
            await news(weather)


async def sent_away(weather: Weather) -> bool:
    """Let a player come back at once after the server has closed its connection."""
    async with visit(weather) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    return await two_meet(weather)


async def host_is_replaced(weather: Weather) -> bool:
    """Let a host die and connect again."""
    async with visit(weather, "HOST") as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    return await two_meet(weather)


async def ask(socket: ClientConnection, weather: Weather, **message: Any) -> list[Any]:
    """Send a message; return the frames that its sender got until it was handled."""
    before = sum(isinstance(entry, Finished) for _, entry in weather.trace.since(0))
    await socket.send(json.dumps(message))
    await returned(weather, before + 1)
    return await at_hand(socket)


async def at_hand(socket: ClientConnection) -> list[Any]:
    """Return the frames that have been sent to a client by now."""
    heard: list[Any] = []
    # A WebSocket ping: when its pong arrives, all earlier frames have arrived too.
    await asyncio.wait_for(await socket.ping(), PATIENCE_S)
    while True:
        try:
            heard.append(json.loads(await asyncio.wait_for(socket.recv(), AT_HAND_S)))
        except TimeoutError:
            return heard


async def say_until_acknowledged(weather: Weather) -> bool:
    """Let a sender that asks for an ``ack`` repeat its message until it gets one."""
    async with visit(weather, "HOST") as host, visit(weather) as player:
        for attempt in range(3):
            heard = await ask(
                host, weather, type="offer", targetId=NAME, id=f"{attempt}", payload=1
            )
            if [frame["type"] for frame in heard] == ["ack"]:
                return '"offer"' in str(await player.recv())
    return False


async def hear_why(weather: Weather) -> bool:
    """Expect a player's first join to be delivered or answered; then let the player join again."""
    async with visit(weather, "HOST") as host, visit(weather) as player:
        heard = await ask(player, weather, type="join", targetId="HOST", payload={})
        if not heard and not await at_hand(host):
            return False
    return await two_meet(weather)


async def reload(weather: Weather) -> bool:
    """Open a player's new connection before the old one ends, in an index that lags."""
    async with host_of(weather.url, GAME, weather.patience_s) as host, visit(weather) as former:
        async with player_of(weather.url, GAME, NAME, NEVER) as player:
            weather.faults.add("index-lag=60s")
            await former.close()
            await returned(weather, 4)
            await player.join()
            return await verdict_in_time(weather, host, player) == "connected"


async def join_before_the_host_is_open(weather: Weather) -> bool:
    """Let a player join while the ``$connect`` of its host is still being answered."""

    async def hear_a_join() -> bool:
        async with visit(weather, "HOST") as host:
            return '"join"' in str(await asyncio.wait_for(host.recv(), weather.patience_s))

    async with asyncio.TaskGroup() as tasks:
        hosting = tasks.create_task(_or_false(hear_a_join()))
        await struck(weather, GAME)
        async with visit(weather) as player:
            joining = tasks.create_task(join_until_delivered(player))
            is_heard = await hosting
            joining.cancel()
            return is_heard


async def join_until_delivered(player: ClientConnection) -> None:
    """Join, and again if the row of HOST was not stored yet."""
    await player.send('{"type":"join"}')
    async for frame in player:
        assert "HOST_NOT_FOUND" in str(frame)
        await player.send('{"type":"join"}')


async def _or_false(work: Coroutine[Any, Any, bool]) -> bool:
    try:
        return await work
    except TimeoutError:
        return False


class Case(NamedTuple):
    """Faults, and a script that runs under them."""

    faults: tuple[str, ...]
    script: Script


CASES = {
    "drop": Case(("drop:offer#1",), say_until_acknowledged),
    "delay": Case(("delay:offer=500ms",), two_meet),
    "reorder": Case(("reorder=200ms",), two_meet),
    "duplicate": Case(("duplicate:$connect#1=500ms",), come_back_after_late_news),
    "ghost": Case(("ghost:HOST#1",), host_is_replaced),
    "miss-disconnect": Case(("miss-disconnect#1",), come_back),
    "gone": Case(("gone:HOST#1",), hear_why),
    "index-lag": Case((), reload),
    "cold-start": Case(("cold-start:offer=500ms",), two_meet),
    "throttle": Case(("throttle:HOST#1",), hear_why),
    "integration-error": Case(("integration-error:$disconnect#1",), come_back),
    "slow-write": Case(("slow-write:HOST#1=900ms",), join_before_the_host_is_open),
    "go-away": Case((f"go-away:{NAME}#1", "delay:$disconnect#1=3s"), sent_away),
}

# fail-update is missing, because the naive handler updates no row. test_matrix.py has it for ours.

NO_PATIENCE_S = 0.75
"""Half of the seconds until a client counts as waiting for ever; each fault takes less."""


@pytest.mark.parametrize("fault", CASES)
async def test_a_handler_of_the_first_evening_fails(fault: str) -> None:
    """A naive handler fails under each fault; otherwise the fault would prove nothing."""
    case = CASES[fault]
    async with serving("naive", *case.faults) as weather:
        assert not await case.script(weather._replace(patience_s=NO_PATIENCE_S))


@pytest.mark.parametrize("host", OURS)
@pytest.mark.parametrize("fault", CASES)
async def test_ours_stands_it(fault: str, host: str) -> None:
    """Our rules succeed under each fault on both hosts, and the fault was injected."""
    case = CASES[fault]
    for _ in range(GOES):
        async with serving(host, *case.faults) as weather:
            stands = await case.script(weather)
            assert any(isinstance(entry, Fault) for _, entry in weather.trace.since(0))
            if stands or not is_overtaken(weather, GAME):
                break
    assert stands


@pytest.mark.parametrize("host", OURS)
async def test_who_joins_at_once_is_found_in_an_index_that_is_late(host: str) -> None:
    """A join right after both connects succeeds, because targets are looked up for a second."""
    async with serving(host, "index-lag=900ms") as weather:
        assert await meet(weather, GAME, NAME) == "connected"


@pytest.mark.parametrize("host", [*OURS, "naive"])
async def test_in_fair_weather_messages_arrive(host: str) -> None:
    """Without faults messages arrive with every handler, so only faults cause failures."""
    async with serving(host, serial=True) as weather:
        assert await meet(weather, GAME, NAME) == "connected"
