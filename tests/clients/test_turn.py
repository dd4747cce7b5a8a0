"""Relayed connections over a real coturn, with credentials of the welcome."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from poker_signal.cli.turn import turn_server
from poker_signal.core.ice import IceConfig
from poker_signal.core.ice import servers_for as vended
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.clients.pages import ends_of, serving_harness, told
from tests.clients.turn import demand_turn
from tests.end_to_end.firefox import firefox

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PATIENCE_S = 40
RELAY = {"iceTransportPolicy": "relay"}


@pytest.fixture(scope="module")
def ice() -> Generator[IceConfig, None, None]:
    """Start coturn; yield its configuration."""
    demand_turn()
    with turn_server() as started:
        yield started.config


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site() -> AsyncGenerator[str, None]:
    """Yield the URL of the harness."""
    async with serving_harness() as url:
        yield url


async def play(browser: Any, site: str, ice: IceConfig) -> tuple[list[int], Any, list[Any]]:
    """Play one relayed game; return who heard all, the candidate pairs, and both stories."""
    async with (
        Emulator(Settings(port=0, ice=ice)) as emulator,
        ends_of(browser, browser, site=site) as (host, player),
    ):
        client = f"{emulator.inspector_url}client/"
        for end in (host, player):
            await end.start(emulator.url, client, ["RELAY"], hosts=end is host, rtc=RELAY)
        try:
            async with asyncio.timeout(PATIENCE_S):
                heard = await asyncio.gather(host.talk("1"), player.talk("1"))
        except TimeoutError:
            pytest.fail(told([await end.call("story") for end in (host, player)]))
        pairs = await host.call("pairs")
        return list(heard), pairs, [await end.call("story") for end in (host, player)]


async def test_chromium_connects_by_the_relay_alone(
    browser: Browser, site: str, ice: IceConfig
) -> None:
    """With the credentials of its welcome each side gets a relay candidate, and they connect."""
    heard, pairs, _ = await play(browser, site, ice)
    assert heard == [1, 1]
    assert pairs == [["relay", "relay"]]


@pytest.mark.nightly
async def test_firefox_connects_by_the_relay_alone(site: str, ice: IceConfig) -> None:
    """With the credentials of its welcome each side gets a relay candidate, and they connect."""
    async with firefox() as session:
        heard, pairs, _ = await play(session, site, ice)
    assert heard == [1, 1]
    assert pairs == [["relay", "relay"]]


async def test_expired_credentials_are_refreshed(
    browser: Browser, site: str, ice: IceConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first credentials have expired; the clients fetch fresh ones and connect."""
    given: list[int] = []

    def servers_for(config: IceConfig, connection_id: str, at: int) -> Any:
        given.append(at)
        # The first of each client: its welcome. The page cannot see that its clock differs.
        is_first = len(given) <= 2
        ice = vended(config, connection_id, at - 7200 if is_first else at)
        return ice._replace(expires_at=at + 3600)

    monkeypatch.setattr("poker_signal.emulator.functions.signaling.servers_for", servers_for)
    heard, pairs, stories = await play(browser, site, ice)
    assert heard == [1, 1]
    assert pairs == [["relay", "relay"]]
    assert len(given) > 2
    assert not [each for story in stories for each in story[0]["problems"]], stories


async def test_wrong_credentials_are_one_clear_problem(
    browser: Browser, site: str, ice: IceConfig
) -> None:
    """With another secret than coturn's, both sides say so once, and end."""
    async with (
        Emulator(
            Settings(port=0, ice=ice._replace(secret=b"another secret of coturn"))
        ) as emulator,
        ends_of(browser, browser, site=site) as (host, player),
    ):
        client = f"{emulator.inspector_url}client/"
        for end in (host, player):
            await end.start(emulator.url, client, ["WRONG"], hosts=end is host, rtc=RELAY)
        async with asyncio.timeout(PATIENCE_S):
            await player.call("problem", "TURN_REFUSED")
            await host.call("problem", "TURN_REFUSED")
        (story,) = await player.call("story")
        assert [each["code"] for each in story["problems"]] == ["TURN_REFUSED"], story
        assert "refused the credentials (401)" in story["problems"][0]["message"]
        assert story["status"] == "closed"


async def test_a_turn_server_that_is_not_there_is_a_problem(
    browser: Browser, site: str, ice: IceConfig
) -> None:
    """Without any answer of the TURN server the sides say that it could not be reached."""
    nowhere = ice._replace(urls=["turn:127.0.0.1:1?transport=tcp"], static=[])
    async with (
        Emulator(Settings(port=0, ice=nowhere)) as emulator,
        ends_of(browser, browser, site=site) as (host, player),
    ):
        client = f"{emulator.inspector_url}client/"
        for end in (host, player):
            await end.start(emulator.url, client, ["AWAY"], hosts=end is host, rtc=RELAY)
        async with asyncio.timeout(PATIENCE_S):
            await player.call("problem", "TURN_UNREACHABLE")
