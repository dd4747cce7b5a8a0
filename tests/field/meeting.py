"""Handshakes of two devices, repeated if the machine was slower than the rules allow."""

import asyncio

from poker_signal.core.routing import PAUSES_S
from poker_signal.emulator.trace.entries import Fault, Finished, Received
from tests.field.client import PATIENCE_S, Host, Player, host_of, player_of, verdict_on
from tests.field.hosts import Weather
from tests.support.client import hear, peer, tell

CANDIDATES_WAIT_S = sum(PAUSES_S)
"""Seconds that a candidate waits for its description; a later description is overtaken."""

GOES = 3
"""Attempts: a busy machine may need several, a faulty host fails every time."""

WAITS_FOR_EVER = "waits for ever"
"""The player's screen shows “Please wait”; the host never got the join."""


async def meet(weather: Weather, game: str, name: str) -> str:
    """Let two devices connect, again as long as `is_overtaken`; return the last verdict.

    Only for tests in which an attempt does not affect the next: a ghost, once found, is deleted.
    """
    for _ in range(GOES):
        begun = weather.trace.next_number
        verdict = await meet_once(weather, game, name)
        if verdict == "connected" or not is_overtaken(weather, game, begun):
            break
    return verdict


async def meet_once(weather: Weather, game: str, name: str) -> str:
    """Let two devices connect; return the verdict."""
    async with host_of(weather.url, game, weather.patience_s) as host:
        async with player_of(weather.url, game, name, join_after_s=None) as player:
            return await verdict_in_time(weather, host, player)


async def meet_a_late_host(weather: Weather, game: str, name: str) -> str:
    """Let a device connect to a host for which another one was too early; return the verdict.

    The early one joins while the host's ``$connect`` is still being answered.
    """
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(join_too_early(weather, game))
        async with host_of(weather.url, game, weather.patience_s) as host:
            async with player_of(weather.url, game, name, join_after_s=None) as player:
                return await verdict_in_time(weather, host, player)


async def join_too_early(weather: Weather, game: str) -> None:
    """Join once a fault has struck in the game; leave at the answer, whatever it is."""
    await struck(weather, game)
    async with peer(weather, "Early", game) as early:
        await tell(early, type="join")
        await hear(early)


async def struck(weather: Weather, game: str) -> None:
    """Wait until a fault has struck in a game."""
    async with asyncio.timeout(PATIENCE_S):
        while not any(
            isinstance(entry, Fault) and entry.facts and entry.facts.label.group == game
            for _, entry in weather.trace.since(0)
        ):
            await news(weather)


async def news(weather: Weather) -> None:
    """Wait for the next trace entry."""
    happened = asyncio.Event()
    weather.trace.when_something_happens(happened.set)
    await happened.wait()


async def verdict_in_time(weather: Weather, host: Host, player: Player) -> str:
    """Return ``connected``, or the reason why two devices do not connect, in limited time."""
    try:
        # The host's time limit starts with the join, which a busy machine may deliver late.
        async with asyncio.timeout(2 * weather.patience_s):
            return await verdict_on(host, player)
    except TimeoutError:
        return WAITS_FOR_EVER


def is_overtaken(weather: Weather, game: str, since: int = 0) -> bool:
    """Return whether the handling of an offer or answer took longer than a candidate waits.

    If so, the machine is busy; the handler is only at fault if this happens each time.
    Only trace entries from the number ``since`` on are counted.
    """
    spans_ms = [
        entry.at_ms - entry.cause.at_ms
        for _, entry in weather.trace.since(since)
        if isinstance(entry, Finished)
        and isinstance(entry.cause, Received)
        and entry.facts.label.group == game
        and entry.cause.body.startswith(('{"type": "offer"', '{"type": "answer"'))
    ]
    return max(spans_ms, default=0) > CANDIDATES_WAIT_S * 1000
