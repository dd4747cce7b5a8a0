"""The diagram of a game with so many players that it is wider than the screen."""

import pytest
from playwright.async_api import expect

from tests.inspector.inspected import Inspected
from tests.handshakes.scenes import HOST, Scene

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BOTS = 24

_SCROLL = "part => { scroller.scrollLeft = part * (scroller.scrollWidth - scroller.clientWidth) }"

_IN_VIEW = """
(selector) => {
  const view = document.getElementById("scroller").getBoundingClientRect();
  return [...document.querySelectorAll(selector)].every((each) => {
    const box = each.getBoundingClientRect();
    return box.width > 0 && box.left >= view.left && box.right <= view.right;
  });
}
"""


def full_table() -> Scene:
    """A host and BOTS players, of whom the last one loses its connection."""
    scene = Scene()
    for number in range(BOTS):
        scene.complete(f"Bot {number}")
    return scene.close(f"Bot {BOTS - 1}", 1006, "gone")


async def test_rows_can_be_read_wherever_one_has_scrolled_to(inspected: Inspected) -> None:
    """Time, label and note of a row stay in view at every horizontal scroll position."""
    page = inspected.page
    await page.set_viewport_size({"width": 1400, "height": 700})
    await inspected.open_recording(full_table())
    await expect(inspected.rows().last).to_contain_text(f"closed 1006 Bot {BOTS - 1} → gateway")
    for part in (0, 0.5, 1):
        await page.evaluate(_SCROLL, part)
        for selector in (".row .time", ".row .label > span", ".row .note"):
            assert await page.evaluate(_IN_VIEW, selector), (part, selector)


async def test_a_filter_leaves_the_lanes_that_its_rows_need(inspected: Inspected) -> None:
    """A filter for one player removes the lanes of all other players."""
    page = inspected.page
    await inspected.open_recording(full_table())
    lanes = page.locator(".lane b")
    await expect(lanes).to_have_count(BOTS + 2)
    await inspected.card("Bot 9 → HOST").get_by_role("button", name="Show only this").click()
    await expect(lanes).to_have_text([HOST, "gateway", "Bot 9"])
    assert await page.evaluate("scroller.scrollWidth - scroller.clientWidth") == 0
    await page.keyboard.press("Escape")
    await expect(lanes).to_have_count(BOTS + 2)
    await page.locator("#by-player").select_option("Bot 7")
    await expect(lanes).to_have_text([HOST, "gateway", "Bot 7"])


async def test_keys_bring_the_arrow_into_view(inspected: Inspected) -> None:
    """Selecting a row by key scrolls its arrow into view; if it does not fit, its head."""
    page = inspected.page
    await inspected.open_recording(full_table())
    await expect(page.locator(".lane")).to_have_count(BOTS + 2)
    await page.keyboard.press("d")
    offers = [
        place
        for place, label in enumerate(await inspected.labels())
        if label == f"offer from HOST to Bot {BOTS - 1}"
    ]
    drawn = await inspected.rows().count()
    await page.keyboard.press("End")
    for _ in range(drawn - 1 - offers[0]):
        await page.keyboard.press("ArrowUp")
    active = await page.locator("#rows").get_attribute("aria-activedescendant")
    await expect(page.locator(f"#{active}")).to_contain_text("offer")
    assert await page.evaluate(_IN_VIEW, f'.lane[title="Bot {BOTS - 1}"]')
    await page.keyboard.press("Home")
    assert await page.evaluate("scroller.scrollLeft") == 0
