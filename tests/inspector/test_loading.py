"""The page while it loads the kept entries: thousands, in several requests."""

import asyncio
import re

import pytest
from playwright.async_api import Browser, Route, expect

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.trace.entries import RequestRefused

PATIENCE_MS = 40_000
KEPT = 3000

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_it_says_that_it_loads_and_how_much_there_is(
    browser: Browser, emulator: Emulator
) -> None:
    """While entries are loading, the page says so, with the number loaded and the total."""
    for _ in range(KEPT):
        emulator.trace.add(RequestRefused(1, None, "GET", "/", 403, ""))
    may_go_on = asyncio.Event()

    async def hold(route: Route) -> None:
        await may_go_on.wait()
        await route.continue_()

    async with await browser.new_page() as page:
        await page.route(re.compile(r"api/entries\?since=[1-9]"), hold)
        await page.goto(emulator.inspector_url)
        status = page.locator("#status")
        # The number of entries in the first answer depends on timing.
        loading = re.compile(rf"loading… \d+ of {KEPT} entries")
        await expect(status).to_have_text(loading, timeout=PATIENCE_MS)
        may_go_on.set()
        await expect(status).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
        await expect(page.locator("#count")).to_have_text(f"{KEPT} events", timeout=PATIENCE_MS)
