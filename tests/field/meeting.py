"""Two devices meet, and meet again where the machine was slower than the rules promise."""

import asyncio

from poker_signal.core.routing import MAX_WAITS, WAIT_S
from poker_signal.emulator.trace.entries import Finished, Received
from tests.field.client import Host, Player, host_of, player_of, verdict_on
from tests.field.hosts import Weather

CANDIDATES_WAIT_S = WAIT_S * MAX_WAITS
"""A description that takes longer is overtaken: the rules promise no more."""

GOES = 3
"""A machine that is busy may need that long, a host that needs it does so every time."""

WAITS_FOR_EVER = "nobody gives up"
"""The player's screen says “Please wait”; the host has not heard of the player."""


async def meet(weather: Weather, game: str, name: str) -> str:
    """Let two devices meet, and meet again as long as `is_overtaken`; return the last verdict.

    Only where the first go changes nothing for the next: a ghost, once found, is gone.
    """
    for _ in range(GOES):
        begun = weather.trace.next_number
        verdict = await meet_once(weather, game, name)
        if verdict == "connected" or not is_overtaken(weather, game, begun):
            break
    return verdict


async def meet_once(weather: Weather, game: str, name: str) -> str:
    """Let two devices meet; return the verdict."""
    async with host_of(weather.url, game, weather.patience_s) as host:
        async with player_of(weather.url, game, name, join_after_s=None) as player:
            return await verdict_in_time(weather, host, player)


async def verdict_in_time(weather: Weather, host: Host, player: Player) -> str:
    """Return ``connected``, or why two devices do not come together; never wait for ever."""
    try:
        # The host's patience begins with the join, which a busy machine may deliver late.
        async with asyncio.timeout(2 * weather.patience_s):
            return await verdict_on(host, player)
    except TimeoutError:
        return WAITS_FOR_EVER


def is_overtaken(weather: Weather, game: str, since: int = 0) -> bool:
    """Tell whether an offer or answer was dealt with for longer than a candidate waits for it.

    That says how busy the machine is, and nothing of who dealt with it, unless it is so each time.
    Of the trace, entries count from the number ``since`` on.
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
