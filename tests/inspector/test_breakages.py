"""Verdicts on broken handshakes of real browsers, against what the pages themselves say."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.inspector.breakable import Played, hall
from tests.inspector.breakages import BREAKAGES, Breakage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    # The fixture plays all games at once; the first test waits for it.
    pytest.mark.timeout(300),
]

ROWS = [
    pytest.param(row, id=row.id, marks=[] if row.is_frequent else [pytest.mark.nightly])
    for row in BREAKAGES
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def games(
    request: pytest.FixtureRequest, browser: Browser
) -> AsyncGenerator[dict[str, Played], None]:
    """Play the selected rows, many at the same time; yield the games by the row's name."""
    selected: dict[str, Breakage] = {
        item.callspec.params["row"].id: item.callspec.params["row"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
    }
    async with hall(browser) as played:
        ended = await asyncio.gather(*(played.play(row, probe=False) for row in selected.values()))
        yield dict(zip(selected, ended, strict=True))


@pytest.mark.parametrize("row", ROWS)
async def test_the_pages_tell_the_truth_of_the_table(
    row: Breakage, games: dict[str, Played]
) -> None:
    """A breakage does what its row says: it ends so, and it connects or does not."""
    game = games[row.id]
    assert (game.waited_for, game.logs) == ("", game.logs)
    assert (game.is_connected, game.logs) == (row.connects, game.logs)
    assert (game.was_connected, game.logs) == (row.connects or row.loses, game.logs)
