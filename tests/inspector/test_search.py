"""The search: terms, regular expressions, and all games."""

import pytest
from playwright.async_api import expect

from tests.handshakes.scenes import HOST, Scene
from tests.inspector.inspected import Inspected
from tests.inspector.test_games import table

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def friday() -> str:
    """Two games; in the second one, a message is not delivered."""
    second = Scene("TWO").complete("Zoë 🂡")
    second.refuse("Zoë 🂡", "offer", "Bob", "TARGET_NOT_FOUND", "undelivered")
    return table(Scene("ONE").complete(), second)


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ("from:zoë", 6),
        ('from:"Zoë 🂡" type:ice-candidate', 2),
        ("to:HOST", 4),
        ("type:offer", 2),
        ("-type:ice-candidate -type:connect", 5),
        ("outcome:undelivered", 1),
        ("outcome:accepted", 2),
        (r"/203\.0\.113\.[78]/", 2),
        ("/^ice-/ from:host", 2),
        ("type:/^(offer|answer)$/", 3),
        ("candidate:1", 4),
    ],
)
async def test_a_search_finds_what_its_terms_say(
    reader: Inspected, search: str, count: int
) -> None:
    """All terms of a search must match a row."""
    await reader.page.reload()
    await reader.open_recording(friday())
    await expect(reader.page.locator("#count")).to_have_text("11 events")
    await reader.page.locator("#search").fill(search)
    await expect(reader.page.locator("#count")).to_have_text(f"{count} of 11 events")


async def test_a_search_goes_over_all_games(inspected: Inspected) -> None:
    """A search without a hit in its game can be widened to all games; `game:` does so itself."""
    page = inspected.page
    await inspected.open_recording(friday())
    await page.locator("#search").fill("from:Alice")
    await expect(page.locator("#empty")).to_contain_text("No event passes the filter.")
    await page.get_by_role("button", name="Search all games").click()
    await expect(page.locator("#count")).to_have_text("5 of 20 events")
    await expect(page.locator("#search")).to_have_value("from:Alice")
    await page.locator("#games").get_by_role("button", name="TWO").click()
    await page.locator("#search").fill("game:one type:offer")
    await expect(page.locator("#diagram-game")).to_have_text("all games")
    await expect(inspected.rows()).to_have_count(1)
    assert await inspected.labels() == [f"offer from {HOST} to Alice"]


async def test_an_error_in_an_expression_is_told(inspected: Inspected) -> None:
    """The reason why an expression is not valid is shown until it is corrected; all rows stay."""
    page = inspected.page
    await inspected.open_recording(Scene().complete())
    error = page.get_by_role("search").get_by_role("alert")
    await page.locator("#search").fill("from:Alice /(/")
    await expect(error).to_have_text("/(/: unterminated group")
    await expect(inspected.rows()).to_have_count(9)
    await page.locator("#search").fill("from:Alice /(o)/")
    await expect(error).to_be_hidden()
    await page.keyboard.press("Escape")
    await expect(page.locator("#search")).to_have_value("")
