"""Many games: the newest is followed, old ones are cleared, and an address leads back to one."""

import json
import re

import pytest
from playwright.async_api import Browser, expect

from poker_signal.emulator.server import Emulator
from tests.handshakes.scenes import HOST, Entry, Scene
from tests.inspector.inspected import Inspected, inspect
from tests.support.client import hear, peer, tell

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PATIENCE_MS = 40_000


def table(*games: Scene) -> str:
    """Return a recording of several games, one after the other."""
    entries: list[Entry] = []
    for index, scene in enumerate(games):
        for entry in scene.entries:
            own = {"n": len(entries), "at": entry["at"] + index * 60_000}
            for key in ("connectionId", "requestId"):
                if key in entry:
                    own[key] = f"{index}-{entry[key]}"
            entries.append(entry | own)
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def of_host(game: str) -> Scene:
    """A game in which only a host has connected."""
    return Scene(game).connect(HOST)


async def names(inspected: Inspected) -> list[str]:
    """Return the names in the list of games."""
    return await inspected.page.locator("#games button > b").all_inner_texts()


async def test_the_newest_game_is_followed_until_one_is_chosen(
    inspected: Inspected, emulator: Emulator
) -> None:
    """The page shows each new game, except after a choice by hand; “Follow newest” undoes it."""
    page = inspected.page
    shown = page.locator("#diagram-game")
    follow = page.get_by_role("button", name="Follow newest")
    async with peer(emulator, HOST, "ONE"):
        await expect(shown).to_have_text("ONE")
        async with peer(emulator, HOST, "TWO"):
            await expect(shown).to_have_text("TWO")
            assert await names(inspected) == ["All games", "TWO", "ONE"]
            await page.locator("#games").get_by_role("button", name="ONE").click()
            await expect(follow).to_have_attribute("aria-pressed", "false")
            async with peer(emulator, HOST, "THREE"):
                await expect(page.locator("#games-count")).to_have_text("3")
                await expect(shown).to_have_text("ONE")
                await follow.click()
                await expect(shown).to_have_text("THREE")
                # A handshake in an old game makes that game the newest.
                async with peer(emulator, "Alice", "ONE"):
                    await expect(shown).to_have_text("ONE")
                    await expect(page.locator("#handshakes-game")).to_have_text("ONE")


async def test_opening_a_row_keeps_its_game(inspected: Inspected, emulator: Emulator) -> None:
    """A newer game does not replace the one in which the user has opened a row."""
    page = inspected.page
    async with peer(emulator, HOST, "ONE"):
        await inspected.rows().first.click()
        async with peer(emulator, HOST, "TWO"):
            await expect(page.locator("#games-count")).to_have_text("2")
            await expect(page.locator("#diagram-game")).to_have_text("ONE")
            await expect(page.locator("#details")).to_be_visible()


async def test_old_events_are_cleared_and_brought_back(
    inspected: Inspected, emulator: Emulator
) -> None:
    """“Clear” hides events, cards and games until now; “Undo” shows them again."""
    page = inspected.page
    async with peer(emulator, HOST, "OLD"), peer(emulator, HOST, "NEW") as host:
        async with peer(emulator, "Alice", "NEW"):
            await expect(inspected.card("Alice → HOST")).to_be_visible()
            await page.get_by_role("button", name="Clear").click()
            await expect(page.locator("#empty")).to_contain_text("Cleared")
            await expect(inspected.card("Alice → HOST")).to_have_count(0)
            await expect(page.locator("#games")).not_to_contain_text("OLD")
            async with peer(emulator, "Bob", "NEW") as bob:
                await tell(bob, type="join")
                assert (await hear(host))["type"] == "join"
                await expect(inspected.rows()).to_have_count(2)
                await expect(inspected.card("Bob → HOST")).to_be_visible()
                await expect(page.locator("#games button")).to_have_count(1)
                await page.get_by_role("button", name="Undo").click()
                await expect(inspected.rows()).to_have_count(4)
                assert await names(inspected) == ["All games", "NEW", "OLD"]


async def test_games_without_a_connection_can_be_hidden(inspected: Inspected) -> None:
    """“Hide empty games” leaves the games with an open connection, and is kept on a reload."""
    page = inspected.page
    recording = table(of_host("GONE").close(HOST, 1001), of_host("OPEN"), of_host("LAST"))
    await inspected.open_recording(recording)
    await expect(page.locator("#games button")).to_have_count(4)
    await page.get_by_label("Hide empty games").check()
    await expect(page.locator("#games button")).to_have_count(3)
    await expect(page.locator("#games")).to_contain_text("1 empty game hidden")
    await page.reload()
    await expect(page.get_by_label("Hide empty games")).to_be_checked()


async def test_the_rows_of_all_games_are_one_list(inspected: Inspected) -> None:
    """“All games” shows the rows of all games in their order, each with its game."""
    page = inspected.page
    await inspected.open_recording(table(Scene("ONE").complete(), Scene("TWO").complete()))
    await expect(page.locator("#diagram-game")).to_have_text("TWO")
    await page.get_by_role("button", name="All games").click()
    await expect(page.locator("#count")).to_have_text("18 events")
    await expect(page.locator(".lane b")).to_have_text([HOST, "gateway", "players"])
    await expect(inspected.rows().filter(has_text="TWO").last).to_be_visible()
    await expect(page.get_by_role("article")).to_have_count(2)
    await page.keyboard.press("d")
    await page.keyboard.press("Home")
    await page.keyboard.press("Enter")
    details = page.locator("#details")
    await expect(details).to_contain_text("gameONE")
    await details.get_by_role("button", name="Show in its game").click()
    await expect(page.locator("#diagram-game")).to_have_text("ONE")
    await expect(details).to_contain_text("connect")


async def test_two_hundred_games_leave_room_for_the_rest(inspected: Inspected) -> None:
    """With 200 games, connections stay in view and the newest game is first and shown."""
    page = inspected.page
    await page.set_viewport_size({"width": 1400, "height": 900})
    await inspected.open_recording(table(*(of_host(f"G{number:03}") for number in range(200))))
    await expect(page.locator("#diagram-game")).to_have_text("G199")
    await expect(page.locator("#games button")).to_have_count(201)
    assert (await names(inspected))[1:3] == ["G199", "G198"]
    await expect(page.locator("#connected")).to_be_in_viewport()
    await expect(page.locator("#connected li")).to_be_in_viewport()


async def test_the_title_counts_the_failed_handshakes(inspected: Inspected) -> None:
    """The title of the page has the game and the number of failed handshakes."""
    scene = Scene("ONE").connect(HOST).connect("Alice").wait(1000)
    scene.refuse("Alice", "join", HOST, "DUPLICATE_NAME")
    await inspected.open_recording(table(scene, Scene("TWO").complete()))
    await expect(inspected.page).to_have_title("(1 failed) TWO · poker-signal inspector")


# Addresses.


async def test_an_address_leads_back_to_a_row(
    browser: Browser, inspected: Inspected, emulator: Emulator
) -> None:
    """A reload and another tab show game, attempt and row of the address; “Back” closes the row."""
    page = inspected.page
    async with peer(emulator, HOST, "A&B #1") as host, peer(emulator, "Alice", "A&B #1") as alice:
        await tell(alice, type="join")
        assert (await hear(host))["type"] == "join"
        row = page.get_by_role("option", name="join from Alice to HOST")
        await row.click()
        await expect(page).to_have_url(re.compile(r"#game=A%26B%20%231&attempt=1&row=\d+$"))
        address = page.url
        async with peer(emulator, HOST, "NEWER"):
            for again in (page, await page.context.new_page()):
                await again.goto("about:blank")
                await again.goto(address)
                await expect(again.locator("#diagram-game")).to_have_text("A&B #1")
                await expect(again.locator("#details .title")).to_have_text("join")
                # The attempt is told a moment later than its rows.
                await expect(again).to_have_url(address)
                marked = again.locator(".card[aria-current]")
                await expect(marked.get_by_role("heading")).to_have_text("Alice → HOST")
        await page.keyboard.press("Escape")
        await expect(page).to_have_url(re.compile("#game=A%26B%20%231$"))
        await page.get_by_role("button", name="Follow newest").click()
        await expect(page).to_have_url(emulator.inspector_url)
        await page.go_back()
        await expect(page.locator("#diagram-game")).to_have_text("A&B #1")


async def test_an_address_of_an_attempt_marks_its_card(
    browser: Browser, emulator: Emulator
) -> None:
    """An address without a row marks the card; on a phone it opens the handshakes."""
    phone = {"viewport": {"width": 390, "height": 780}}
    async with peer(emulator, HOST, "ONE"), peer(emulator, "Alice", "ONE"):
        async with peer(emulator, "Bob", "ONE"):
            address = f"{emulator.inspector_url}#game=ONE&attempt=2"
            async with inspect(browser, address, **phone) as inspected:
                marked = inspected.page.locator(".card[aria-current]")
                await expect(marked.get_by_role("heading")).to_have_text("Bob → HOST")
                await expect(marked).to_be_in_viewport()


async def test_an_address_of_another_run_says_so(browser: Browser, emulator: Emulator) -> None:
    """For an unknown game the page says that there is none, and follows the newest."""
    async with peer(emulator, HOST, "ONE"):
        for part, told in (("GONE&row=7", "no game “GONE”"), ("ONE&row=700", "row 700")):
            async with inspect(browser, f"{emulator.inspector_url}#game={part}") as inspected:
                await expect(inspected.page.locator("#notice")).to_contain_text(told)
                await expect(inspected.page.locator("#diagram-game")).to_have_text("ONE")


async def test_url_client_line_and_link_can_be_copied(
    inspected: Inspected, emulator: Emulator
) -> None:
    """Buttons copy the WebSocket URL, the line of a client that names it, and the address."""
    page = inspected.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    async with peer(emulator, HOST, "ONE"):
        await expect(page.locator("#diagram-game")).to_have_text("ONE")
        for button, text in (
            ("Copy URL", emulator.url),
            ("Copy line", f'const SIGNALING_URL = "{emulator.url}";'),
            ("Copy link", f"{emulator.inspector_url}#game=ONE"),
        ):
            element = page.get_by_role("button", name=button)
            await element.click()
            await expect(page.get_by_text("Copied", exact=True).first).to_be_visible()
            assert await page.evaluate("navigator.clipboard.readText()") == text
