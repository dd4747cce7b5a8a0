"""The screenshots of docs/inspector.md.

``POKER_SIGNAL_SCREENSHOTS=1 pytest tests/inspector/test_screenshots.py`` writes them again. Check
them before you commit them.
"""

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from poker_signal.emulator.server import Emulator
from tests.handshakes.scenes import HOST, Scene
from tests.inspector.inspected import Inspected, inspect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

DOCS = Path(__file__).parents[2] / "docs"
MAX_BYTES = 250_000

DESKTOP = {"width": 1360, "height": 800}
PHONE = {"width": 390, "height": 800}
CARD = {"width": 1040, "height": 560}


def evening() -> Scene:
    """Three players: two are connected, the third gets candidates before the offer."""
    scene = Scene().complete().complete("Zoë 🂡")
    scene.join("Bob").wait(20)
    scene.trickle(HOST, "Bob", "192.168.1.10", "203.0.113.7").offer("Bob")
    return scene.wait(80).answer("Bob").trickle("Bob", HOST, "192.168.1.31").wait(3000)


def hung() -> Scene:
    """A player that never answers the offer."""
    scene = Scene().complete().wait(1000).join("Bob").wait(400).offer("Bob")
    scene.trickle(HOST, "Bob", "192.168.1.10", "203.0.113.7").wait(9000)
    return scene.close("Bob", 1001, "Going away")


async def show(inspected: Inspected, scene: Scene, cards: int) -> None:
    """Open a scene, and wait until all cards are shown."""
    await inspected.open_recording(scene, "friday-night.jsonl")
    await expect(inspected.page.get_by_role("article")).to_have_count(cards)
    await inspected.page.mouse.move(0, 0)


@pytest.mark.parametrize(
    ("name", "scheme", "size"),
    [
        ("inspector-light", "light", DESKTOP),
        ("inspector-dark", "dark", DESKTOP),
        ("inspector-failed", "light", DESKTOP),
        ("inspector-phone", "dark", PHONE),
        ("handshake-failed", "light", CARD),
    ],
    ids=["light", "dark", "failed", "phone", "card"],
)
async def test_a_screenshot_of_the_documentation(
    browser: Browser,
    emulator: Emulator,
    tmp_path: Path,
    name: str,
    scheme: str,
    size: dict[str, int],
) -> None:
    """Each screenshot of the pages can be made, and its file is small."""
    folder = DOCS / "images" if os.environ.get("POKER_SIGNAL_SCREENSHOTS") else tmp_path
    options = {"viewport": size, "color_scheme": scheme, "timezone_id": "UTC"}
    async with inspect(browser, emulator.inspector_url, **options) as inspected:
        page = inspected.page
        if name == "inspector-failed":
            await show(inspected, hung(), 2)
            await page.locator("#rows").get_by_role("option", name="offer from HOST to Bob").click()
            await expect(page.locator("#details")).to_be_visible()
        elif name == "inspector-phone":
            await page.get_by_role("button", name="Handshakes").click()
            await show(inspected, hung(), 2)
        elif name == "handshake-failed":
            await show(inspected, hung(), 2)
        else:
            await show(inspected, evening(), 3)
        await page.screenshot(path=folder / f"{name}.png")
    assert 10_000 < (folder / f"{name}.png").stat().st_size < MAX_BYTES
    pages = (DOCS / "inspector.md", DOCS.with_name("README.md"))
    assert any(f"images/{name}.png" in page.read_text(encoding="utf-8") for page in pages)
