"""Test players in one page: real WebRTC connections, with the emulator for signaling."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.handshakes.scenes import Scene
from tests.inspector.inspected import Inspected, assert_accessible

PATIENCE_MS = 40_000

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_host_and_three_players_connect_and_talk(
    browser: Browser, emulator: Emulator
) -> None:
    """One button connects all; the host's text reaches all players, a player's text the host."""
    async with await browser.new_page() as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{emulator.inspector_url}play")
        await page.get_by_role("button", name="Host and 3 players").click()
        seats = seats_in(page)
        await expect_states(seats, 4, "open")
        host = seats.filter(has=page.get_by_role("heading", name="HOST"))
        for name in ("Anna", "Ben", "Chloé"):
            await expect(host.locator("ol")).to_contain_text(
                f"connected to {name}", timeout=PATIENCE_MS
            )
        text = "<img src=x onerror=alert(1)>"
        await page.get_by_label("Say as HOST").fill(text)
        await page.get_by_label("Say as HOST").press("Enter")
        for name in ("Anna", "Ben", "Chloé"):
            heard = page.get_by_label(f"Log of {name} in")
            await expect(heard).to_contain_text(f"HOST: {text}", timeout=PATIENCE_MS)
        assert await page.locator("img").count() == 0
        await page.get_by_label("Say as Ben").fill("fold")
        await page.get_by_label("Say as Ben").press("Enter")
        await expect(host.locator("ol")).to_contain_text("Ben: fold", timeout=PATIENCE_MS)
        anna = seats.filter(has=page.get_by_role("heading", name="Anna"))
        await anna.get_by_role("button", name="Leave").click()
        await expect(host.locator("ol")).to_contain_text("Anna is gone", timeout=PATIENCE_MS)
    # The page makes requests only to the emulator.
    assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {
        emulator.inspector_url.split("/")[2]
    }


def seats_in(page: Page, game: str = "") -> Locator:
    """Return the seats of a game, or all."""
    seats = page.get_by_role("list", name="Test players in this page").locator("> li")
    return seats.filter(has=page.get_by_role("heading", name=f"in {game}"))


async def expect_states(seats: Locator, count: int, state: str) -> None:
    """Wait until there are `count` seats, all in a state."""
    await expect(seats).to_have_count(count, timeout=PATIENCE_MS)
    for index in range(count):
        await expect(seats.nth(index)).to_have_attribute("data-state", state, timeout=PATIENCE_MS)


async def test_a_table_lives_through_a_restart(browser: Browser) -> None:
    """Channels stay open while the emulator is away, and new players can join once it is back."""
    async with AsyncExitStack() as first, await browser.new_page() as page:
        emulator = await first.enter_async_context(Emulator(Settings(port=0)))
        port = emulator.port
        await page.goto(f"{emulator.inspector_url}play?game=AGAIN1")
        await page.get_by_role("button", name="Host and 3 players").click()
        seats = seats_in(page, "AGAIN1")
        await expect_states(seats, 4, "open")
        host = seats.filter(has=page.get_by_role("heading", name="HOST"))
        await first.aclose()
        await expect(host).to_have_attribute("data-state", "closed", timeout=PATIENCE_MS)
        await page.get_by_label("Say as Ben").fill("still here")
        await page.get_by_label("Say as Ben").press("Enter")
        await expect(host.locator("ol")).to_contain_text("Ben: still here", timeout=PATIENCE_MS)
        status = page.locator("#status")
        await expect(status).to_have_attribute("data-state", "gone", timeout=PATIENCE_MS)
        async with Emulator(Settings(port=port)):
            await expect(status).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
            await expect_states(seats, 4, "open")
            await page.get_by_role("button", name="Join as a player").click()
            await expect_states(seats, 5, "open")


async def test_two_games_have_a_table_each(browser: Browser, emulator: Emulator) -> None:
    """Two games in one page have their own hosts and players, even with the same names."""
    async with await browser.new_page() as page:
        await page.goto(f"{emulator.inspector_url}play?game=PLAYA")
        party = page.get_by_role("button", name="Host and 3 players")
        await party.click()
        await expect_states(seats_in(page, "PLAYA"), 4, "open")
        await page.get_by_label("Game").fill("PLAYB")
        await party.click()
        await expect_states(seats_in(page, "PLAYB"), 4, "open")
        await expect_states(seats_in(page, "PLAYA"), 4, "open")


async def test_the_inspector_leads_there(inspected: Inspected) -> None:
    """The inspector links to the test players, but not while a recording is open."""
    page = inspected.page
    async with page.context.expect_page() as opening:
        await page.get_by_role("link", name="open test players", exact=True).click()
    table = await opening.value
    await table.get_by_role("button", name="Host and 3 players").click()
    for name in ("Anna", "Ben", "Chloé"):
        await expect(inspected.card(f"{name} → HOST")).to_have_attribute(
            "data-state", "ok", timeout=PATIENCE_MS
        )
    await expect(page.get_by_role("link", name="Open test players")).to_be_visible()
    await inspected.open_recording(Scene().complete())
    await expect(page.get_by_role("link", name="Open test players")).to_be_hidden()


async def test_nothing_can_be_clicked_before_it_works(browser: Browser, emulator: Emulator) -> None:
    """Buttons are disabled until they work, because an early click would be lost."""
    is_told = asyncio.Event()

    async def tell_later(route: Route) -> None:
        await is_told.wait()
        await route.continue_()

    async with await browser.new_page() as page:
        await page.route("**/api/about", tell_later)
        await page.goto(f"{emulator.inspector_url}play")
        buttons = page.get_by_role("button")
        await expect(buttons).to_have_count(3)
        for index in range(3):
            await expect(buttons.nth(index)).to_be_disabled()
        is_told.set()
        for index in range(3):
            await expect(buttons.nth(index)).to_be_enabled(timeout=PATIENCE_MS)


async def test_a_player_waits_for_the_host(browser: Browser, emulator: Emulator) -> None:
    """A player in a game without a host sees the reason, and connects once there is one."""
    async with await browser.new_page() as page:
        await page.goto(f"{emulator.inspector_url}play?game=EMPTY1")
        await expect(page.get_by_label("Game")).to_have_value("EMPTY1", timeout=PATIENCE_MS)
        seats = seats_in(page)
        zoe = seats.filter(has=page.get_by_role("heading", name="Zoë"))
        await page.get_by_label("Name").fill("Zoë")
        await page.get_by_role("button", name="Join as a player").click()
        await expect(zoe).to_contain_text("This game has no host", timeout=PATIENCE_MS)
        await expect(zoe).to_contain_text("waiting for the host")
        for _ in range(2):
            await page.get_by_role("button", name="Host the game").click()
        await expect(page.get_by_role("alert")).to_have_text("HOST is in this page already.")
        await expect(zoe).to_contain_text("connected to HOST", timeout=PATIENCE_MS)


async def test_axe_finds_no_serious_violation(browser: Browser, emulator: Emulator) -> None:
    """Axe finds no serious violation without seats, with a waiting seat, and on a phone."""
    async with await browser.new_page() as page:
        await page.goto(f"{emulator.inspector_url}play")
        await expect(page.locator("#status")).to_have_attribute("data-state", "live")
        await assert_accessible(page)
        await page.get_by_role("button", name="Join as a player").click()
        await expect(page.locator(".seat")).to_have_attribute("data-state", "waiting")
        await assert_accessible(page)
        await page.set_viewport_size({"width": 390, "height": 780})
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
