"""The inspector's page in a real browser: one browser, a profile of its own for every test."""

from collections.abc import AsyncGenerator

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.end_to_end.browser import ARGUMENTS, installed_browser
from tests.inspector.inspected import Inspected, inspect


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncGenerator[Browser, None]:
    """One browser for all tests: it takes a second to start."""
    path = installed_browser()
    async with async_playwright() as playwright:
        async with await playwright.chromium.launch(
            executable_path=path, args=ARGUMENTS
        ) as launched:
            yield launched


@pytest_asyncio.fixture(loop_scope="session")
async def emulator() -> AsyncGenerator[Emulator, None]:
    """An emulator per test."""
    async with Emulator(Settings(port=0)) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def inspected(browser: Browser, emulator: Emulator) -> AsyncGenerator[Inspected, None]:
    """The inspector of that emulator, in a page."""
    async with inspect(browser, emulator.inspector_url) as page:
        yield page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reader(browser: Browser) -> AsyncGenerator[Inspected, None]:
    """One page for all tests of a module that only read recordings."""
    async with Emulator(Settings(port=0)) as started:
        async with inspect(browser, started.inspector_url) as page:
            yield page
