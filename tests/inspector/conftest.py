"""The inspector's page in a real browser: one browser, with a new profile for every test."""

from collections.abc import AsyncGenerator

import pytest_asyncio
from playwright.async_api import Browser

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.inspector.inspected import Inspected, inspect


@pytest_asyncio.fixture(loop_scope="session")
async def emulator() -> AsyncGenerator[Emulator, None]:
    """Yield an emulator for each test, without rows of what is due later."""
    async with Emulator(Settings(port=0, later=False)) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def inspected(browser: Browser, emulator: Emulator) -> AsyncGenerator[Inspected, None]:
    """Yield the inspector of that emulator, in a page."""
    async with inspect(browser, emulator.inspector_url) as page:
        yield page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reader(browser: Browser) -> AsyncGenerator[Inspected, None]:
    """Yield one page for all tests of a module that only read recordings."""
    async with Emulator(Settings(port=0)) as started:
        async with inspect(browser, started.inspector_url) as page:
            yield page
