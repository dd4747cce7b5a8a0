"""The client in the field on the other side of the JavaScript client, in Chromium."""

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from poker_signal.core.configuration import Topology
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Received
from tests.clients.pages import ends_of, serving_harness, told
from tests.support import tiers

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

PATIENCE_S = 40 + 2 * tiers.CLIENT_GAMES

AT_ONCE = 5

GAMES = tiers.CLIENT_GAMES


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site() -> AsyncGenerator[str, None]:
    """Yield the URL of the harness."""
    async with serving_harness() as url:
        yield url


async def play(browser: Browser, site: str, games: int, *, old_host: bool, old_player: bool) -> int:
    """Play games between clients of both kinds; return the number of messages to be relayed."""
    codes = [f"GAME{number}" for number in range(games)]
    async with (
        # As in production: a star.
        Emulator(Settings(port=0, topology=Topology.STAR)) as emulator,
        ends_of(browser, browser, site=site) as (host, player),
    ):
        client = f"{emulator.inspector_url}client/"
        await host.start(emulator.url, client, codes, hosts=True, field=old_host)
        await player.start(emulator.url, client, codes, hosts=False, field=old_player)
        try:
            async with asyncio.timeout(PATIENCE_S):
                heard = await asyncio.gather(host.talk("first"), player.talk("first"))
        except TimeoutError:
            pytest.fail(told([await end.call("story") for end in (host, player)]))
        assert list(heard) == [games, games]
        entries = [entry for _, entry in emulator.trace.since(0, 100_000)]
        for end in (host, player):
            await end.call("leave")
    bodies = [json.loads(entry.body) for entry in entries if isinstance(entry, Received)]
    return sum(body["type"] in {"join", "offer", "answer", "ice-candidate"} for body in bodies)


async def test_a_new_host_and_players_of_the_field(browser: Browser, site: str) -> None:
    """Every player of the field gets an open channel, and all messages."""
    # A few at a time: this player never joins if its socket is not open after a second.
    for done in range(0, GAMES, AT_ONCE):
        games = min(AT_ONCE, GAMES - done)
        await play(browser, site, games, old_host=False, old_player=True)


async def test_hosts_of_the_field_and_a_new_player(browser: Browser, site: str) -> None:
    """With every host of the field the channel opens, and all messages arrive."""
    await play(browser, site, GAMES, old_host=True, old_player=False)


async def test_a_handshake_of_two_new_clients_is_cheap(browser: Browser, site: str) -> None:
    """Two new clients need at most two thirds of the messages that the field's need."""
    old = await play(browser, site, 1, old_host=True, old_player=True)
    new = await play(browser, site, 1, old_host=False, old_player=False)
    assert new * 3 <= old * 2, (old, new)
