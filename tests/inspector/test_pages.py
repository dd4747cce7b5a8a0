"""Pages in the developer's browser: which may connect to the emulator, and what they may do."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.trace.entries import Opened, RequestRefused
from tests.inspector.probing import served
from tests.support.client import hear, peer, settle, tell

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

_CONNECT = """
(url) => new Promise((resolve) => {
  const socket = new WebSocket(url);
  socket.onopen = () => resolve("open");
  socket.onclose = () => resolve("refused");
})
"""


async def connects(page: Page, emulator: Emulator) -> bool:
    """Connect a page as HOST of a game; return whether it got in."""
    how = await page.evaluate(_CONNECT, f"{emulator.url}?playerId=HOST&gameId=GAME01")
    return bool(how == "open")


async def test_a_page_of_another_site_is_neither_host_nor_heard(
    browser: Browser, emulator: Emulator
) -> None:
    """The developer's HOST keeps its game, and @connections delivers nothing."""
    evil = "https://evil.example"
    async with (
        await browser.new_context() as context,
        peer(emulator, "HOST") as host,
        peer(emulator, "Bob") as bob,
    ):
        # Chromium asks the user first; other browsers do not.
        await context.grant_permissions(["local-network-access"])
        await context.route(f"{evil}/", lambda route: route.fulfill(body="<title>evil</title>"))
        page = await context.new_page()
        await page.goto(evil)
        assert not await connects(page, emulator)
        opened = [each for _, each in emulator.trace.since(0) if isinstance(each, Opened)]
        path = opened[-1].facts.connection_id.replace("=", "%3D")
        forge = "{method: 'POST', mode: 'no-cors', body: 'forged'}"
        post = f"(url) => fetch(url, {forge}).catch(String)"
        await page.evaluate(post, f"{emulator.management_url}/@connections/{path}")
        await tell(bob, type="join")
        assert (await hear(host))["senderId"] == "Bob"
        await settle(bob)
    (refused,) = [each for _, each in emulator.trace.since(0) if isinstance(each, RequestRefused)]
    assert f"--allowed-origins {evil} lets it in" in refused.reason


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_page_of_a_development_server_connects(
    browser: Browser, emulator: Emulator, host: str
) -> None:
    """On a port of its own, by either name, and nothing has to be set."""
    async with served("<title>app</title>", host) as url:
        page = await browser.new_page()
        await page.goto(url)
        assert await connects(page, emulator)
        await page.close()


async def test_a_page_of_a_file_is_told_what_to_do(
    browser: Browser, emulator: Emulator, tmp_path: Path
) -> None:
    """Each page can make itself one of origin null, so that such pages are not let in."""
    file = tmp_path / "app.html"
    await asyncio.to_thread(file.write_text, "<title>app</title>")
    page = await browser.new_page()
    await page.goto(file.as_uri())
    assert not await connects(page, emulator)
    (refused,) = [each for _, each in emulator.trace.since(0) if isinstance(each, RequestRefused)]
    assert "serve it from http://localhost" in refused.reason
    assert "--allowed-origins null" in refused.reason
    await page.close()
