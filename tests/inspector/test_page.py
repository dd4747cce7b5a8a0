"""The page with a recording open: its views, and hostile or broken input."""

import json
import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.handshakes.scenes import GAME, HOST, Scene, candidate, sdp
from tests.inspector.inspected import Inspected, assert_accessible

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

EVIL = "<img src=x onerror=alert(1)>"


def failed() -> Scene:
    """A handshake that succeeds, and one that fails."""
    return Scene().complete().join("Bob").wait(400).offer("Bob").wait(6000).connect("Carol")


# Navigation.


async def test_details_show_event_response_and_decoded_description(inspected: Inspected) -> None:
    """The details of a row show its event, response and decoded session description."""
    await inspected.open_recording(Scene().complete())
    await inspected.page.locator("#rows").get_by_role("option", name="offer from HOST").click()
    details = inspected.page.locator("#details")
    await expect(details).to_contain_text("Session description")
    await expect(details).to_contain_text("data channel, SCTP port 5000")
    await expect(details).to_contain_text("actpass")
    await expect(details).to_contain_text("Event as the function gets it")
    await expect(details).to_contain_text("delivered")
    await inspected.page.keyboard.press("Escape")
    await expect(details).to_be_hidden()


async def test_the_keyboard_is_enough(inspected: Inspected) -> None:
    """Keys select a row, open and close its details, and return to the row before."""
    await inspected.open_recording(Scene().complete())
    await expect(inspected.rows()).to_have_count(9)
    page = inspected.page
    await page.locator("#open").focus()
    await page.keyboard.press("d")
    for key in ("Home", "ArrowDown", "j"):
        await page.keyboard.press(key)
    active = await page.locator("#rows").get_attribute("aria-activedescendant")
    await expect(page.locator(f"#{active}")).to_have_attribute("aria-selected", "true")
    assert "join from Alice" in (await page.locator(f"#{active}").get_attribute("aria-label") or "")
    await page.keyboard.press("Enter")
    await expect(page.locator("#details")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("#rows")).to_be_focused()
    await page.keyboard.press("/")
    await expect(page.locator("#search")).to_be_focused()


async def test_the_filter_leaves_what_was_asked_for(inspected: Inspected) -> None:
    """Rows can be filtered by player, type, outcome, text, and attempt."""
    await inspected.open_recording(failed())
    page = inspected.page
    total = 13
    await expect(inspected.rows()).to_have_count(total)
    await page.locator("#by-type").select_option("answer")
    await expect(inspected.rows()).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(inspected.rows()).to_have_count(total)
    await page.locator("#by-outcome").select_option("bad")
    await expect(page.locator("#empty")).to_contain_text("No event passes the filter.")
    await page.locator("#by-outcome").select_option("ok")
    await expect(inspected.rows()).to_have_count(total)
    await page.keyboard.press("Escape")
    await page.locator("#by-player").select_option("Bob")
    await expect(inspected.rows()).to_have_count(3)
    await page.get_by_role("button", name="Clear filter").click()
    await page.locator("#search").fill("203.0.113.8")
    await expect(inspected.rows()).to_have_count(1)
    await page.locator("#search").fill("nothing has this")
    await expect(page.locator("#empty")).to_contain_text("No event passes the filter.")
    await inspected.card("Bob → HOST").get_by_role("button", name="Show only this").click()
    await expect(inspected.rows()).to_have_count(3)


async def test_candidates_that_overtake_are_drawn_as_two_arrows(inspected: Inspected) -> None:
    """A candidate that overtakes its offer has two arrows, which show the order of arrival."""
    scene = Scene().connect(HOST).connect("Alice").wait(1000)
    first = scene.message(HOST, "ice-candidate", "Alice", candidate("10.0.0.1", "h0St"))
    second = scene.message(HOST, "offer", "Alice", {"type": "offer", "sdp": sdp("h0St", "actpass")})
    scene.wait(5).post("Alice", {"type": "offer", "senderId": HOST, "payload": {}})
    scene.post("Alice", {"type": "ice-candidate", "senderId": HOST, "payload": {}})
    scene.returned(HOST, second).returned(HOST, first)
    await inspected.open_recording(scene)
    await expect(inspected.rows()).to_have_count(5)
    assert (await inspected.labels())[2:] == [
        "ice-candidate from HOST to gateway",
        "offer from HOST to Alice",
        "ice-candidate from gateway to Alice",
    ]
    await expect(inspected.card("Alice → HOST")).not_to_contain_text("before the offer")


async def test_the_theme_is_turned_and_kept(inspected: Inspected) -> None:
    """The chosen theme has priority over the system's, and is kept on a reload."""
    page = inspected.page
    for name, shown in (("Theme: light", "light"), ("Theme: dark", "dark")):
        await page.locator("#theme").click()
        await expect(page.locator("#theme")).to_have_text(name)
        assert await page.evaluate("document.documentElement.dataset.theme") == shown
    await page.reload()
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"


async def test_the_page_fills_the_window(inspected: Inspected) -> None:
    """The page fills the window when empty, with a recording, and with a notice."""
    page = inspected.page
    bottom = "document.querySelector('main').getBoundingClientRect().bottom"
    height = await page.evaluate("innerHeight")
    assert await page.evaluate(bottom) == height
    await inspected.open_recording(failed())
    await expect(inspected.card("Bob → HOST")).to_be_visible()
    assert await page.evaluate(bottom) == height
    await inspected.open_recording("nothing")
    await expect(page.locator("#notice")).to_be_visible()
    assert await page.evaluate(bottom) == height
    assert await page.evaluate("document.documentElement.scrollHeight") == height


async def test_a_phone_shows_one_view_at_a_time(inspected: Inspected) -> None:
    """On a phone, one view is shown at a time, and no view is wider than the screen."""
    page = inspected.page
    await page.set_viewport_size({"width": 390, "height": 780})
    await inspected.open_recording(failed())
    await expect(page.locator("#center")).to_be_visible()
    await page.get_by_role("button", name="Handshakes").click()
    await expect(inspected.card("Bob → HOST")).to_be_visible()
    await expect(page.locator("#center")).to_be_hidden()
    await page.get_by_role("button", name="Diagram").click()
    await inspected.rows().first.click()
    await expect(page.locator("#details")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == 390


# Data from peers.


async def test_names_are_text_and_never_markup(inspected: Inspected) -> None:
    """Names are shown as text in diagram, cards, details, lists, and announcements."""
    scene = Scene(EVIL).complete(EVIL).close(EVIL, 1006, EVIL)
    scene.refuse(HOST, EVIL, EVIL, EVIL, "undelivered")
    await inspected.open_recording(scene, EVIL)
    page = inspected.page
    await expect(inspected.card(f"{EVIL} → HOST")).to_be_visible()
    for place in range(await inspected.rows().count()):
        await inspected.rows().nth(place).click()
        await expect(page.locator("#details")).to_be_visible()
    assert await page.locator("main img").count() == 0
    assert await page.evaluate("document.querySelectorAll('[onerror]').length") == 0
    # A bidirectional override would hide a name behind another.
    await inspected.open_recording(Scene().complete("Al\u202eecil"))
    await expect(inspected.card("Al\\u202eecil → HOST")).to_be_visible()


async def test_what_is_large_or_deep_is_shown(inspected: Inspected) -> None:
    """A message of 100 KB is shown, and JSON that is too deep to parse stays text."""
    lines = [f"candidate:{i} 1 udp 1 10.0.{i % 250}.1 9 typ host ufrag h0St" for i in range(1700)]
    scene = Scene().join().offer(candidates=lines)
    assert max(each.get("size", 0) for each in scene.entries) > 100_000
    deep = json.loads("[" * 100 + "]" * 100)
    scene.send(HOST, "player-connected", "Alice", deep)
    frame = '{"type":"x","payload":' + "[" * 50_000 + "]" * 50_000 + "}"
    scene.add("post", "Alice", frame=frame, size=len(frame), delivered=True)
    await inspected.open_recording(scene)
    for row, shown in (
        ("offer from HOST", "Session description"),
        ("player-connected", "player-connected"),
        ("frame from gateway", "Frame as sent"),
    ):
        await inspected.page.locator("#rows").get_by_role("option", name=row).click()
        await expect(inspected.page.locator("#details")).to_contain_text(shown)


async def test_a_recording_of_a_newer_version_is_shown_as_far_as_it_is_known(
    inspected: Inspected,
) -> None:
    """Unknown kinds and members in a recording cause no error."""
    scene = Scene().complete()
    scene.add("teleport", "Alice", speed={"of": "light"}, event=7)
    scene.entries[0]["event"]["novel"] = [1]
    scene.entries[4]["event"]["body"] = {"type": "join", "note": "by hand"}
    await inspected.open_recording('{"version": 2, "by": "the future"}\n' + scene.lines())
    await expect(inspected.page.locator("#notice")).to_contain_text("is of version 2")
    await inspected.page.locator("#rows").get_by_role("option", name="teleport").click()
    await expect(inspected.page.locator("#details")).to_contain_text('"of": "light"')
    # A body that is not text can be searched.
    await inspected.page.locator("#search").fill("by hand")
    await expect(inspected.rows()).to_have_count(1)


async def test_an_entry_of_nonsense_does_not_hide_the_others(inspected: Inspected) -> None:
    """Each member of each entry is replaced by what is no text; another game is shown all the same.

    Entries that cannot be read are named, and the page raises nothing (``inspected`` looks).
    """
    lines = [json.loads(line) for line in failed().lines().splitlines()]
    good = [json.loads(line) for line in Scene(game="GOOD").complete().lines().splitlines()]
    for entry in good:
        # The other game has connections of the same ids.
        entry |= (
            {"connectionId": f"good {entry['connectionId']}"} if "connectionId" in entry else {}
        )
    members: list[Any] = [{"toString": 1}, {"__proto__": None, "valueOf": 1}, [[]], 7, None, True]
    for wrong in members:
        made = []
        for entry in lines:
            for member in entry.keys() - {"n", "at", "kind"}:
                made.append({**entry, member: wrong})
            if isinstance(entry.get("event"), dict):
                for member in entry["event"]:
                    made.append({**entry, "event": {**entry["event"], member: wrong}})
        made += good
        for number, entry in enumerate(made):
            entry["n"] = number
        await inspected.open_recording("".join(json.dumps(each) + "\n" for each in made))
        await expect(inspected.page.locator("#games")).to_contain_text("GOOD")


async def test_a_file_that_is_no_recording_is_refused_in_words(inspected: Inspected) -> None:
    """A wrong file changes nothing; a truncated last line is skipped, unless it is the only one."""
    await inspected.open_recording(Scene().complete().lines()[:-40])
    await expect(inspected.page.locator("#notice")).to_contain_text("ends in the middle of line")
    await expect(inspected.rows()).to_have_count(9)
    await inspected.open_recording("\x00\x01 no JSON\n[1]\nnull\n", "photo.jpg")
    notice = inspected.page.locator("#notice > span")
    await expect(notice).to_contain_text("is this a recording?")
    await inspected.open_recording("Dear diary,", "diary.txt")
    await expect(notice).to_have_text("diary.txt: There is no entry in it: is this a recording?")
    await expect(inspected.rows()).to_have_count(9)


@pytest.mark.parametrize("header", ["", '{"format": "poker-signal recording", "version": 1}\n'])
async def test_two_recordings_in_one_file_are_refused(inspected: Inspected, header: str) -> None:
    """Two recordings in one file are refused, because mixing them would show a wrong game."""
    text = header + Scene().complete().lines()
    await inspected.open_recording(text + text)
    told = f"another begins in line {text.count(chr(10)) + 1}"
    await expect(inspected.page.locator("#notice")).to_contain_text(told)
    await expect(inspected.rows()).to_have_count(0)


# Large recordings, accessibility, and ends of connections.


def large(count: int) -> Scene:
    """A game of eight players with a very large number of candidates."""
    scene = Scene().connect(HOST)
    names = [f"Player {number}" for number in range(8)]
    for name in names:
        scene.complete(name)
    while len(scene.entries) < 3 * count:
        for name in names:
            scene.trickle(HOST, name, "192.168.1.10").trickle(name, HOST, "192.168.1.23")
    return scene


_SCROLL = """
(part) => new Promise((resolve) => {
  const view = document.getElementById("scroller");
  view.scrollTop = part * (view.scrollHeight - view.clientHeight);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const middle = view.getBoundingClientRect().top + view.clientHeight / 2;
    const rows = [...document.querySelectorAll(".row")].map((row) => row.getBoundingClientRect());
    const seen = rows.filter((row) => row.top <= middle && row.bottom > middle);
    resolve([rows.length, seen.length]);
  }));
})
"""


@pytest.mark.timeout(180)
async def test_of_three_thousand_events_those_in_view_are_drawn(inspected: Inspected) -> None:
    """Only the rows in view are drawn, because drawing all would make scrolling too slow."""
    page = inspected.page
    await inspected.open_recording(large(3_000))
    await expect(page.locator("#count")).to_contain_text(re.compile(r"\b(29|30)\d\d\b"))
    for part in (0, 0.3, 0.7, 1):
        drawn, in_the_middle = await page.evaluate(_SCROLL, part)
        assert (drawn < 100, in_the_middle) == (True, 1), part


async def test_who_is_connected_is_not_forgotten_with_the_oldest_entries(
    inspected: Inspected,
) -> None:
    """An idle connection stays in the list when the page drops its old entries."""
    scene = Scene().connect(HOST).connect("Idle").connect("Gone").close("Gone", 1000)
    for _ in range(60_001):
        scene.add("teleport", gameId="OTHER", connectionId="other=")
    scene.wait(1).close(HOST, 1001).connect("Alice").wait(1000)
    scene.refuse("Alice", "join", HOST, "HOST_NOT_FOUND")
    await inspected.open_recording(scene)
    await inspected.page.locator("#games").get_by_role("button", name=GAME).click()
    await expect(inspected.page.locator("#connected li > span")).to_have_text(["Idle", "Alice"])


@pytest.mark.parametrize("width", [1400, pytest.param(800, marks=pytest.mark.nightly), 390])
async def test_axe_finds_no_violation(inspected: Inspected, width: int) -> None:
    """Axe finds no violation in any view: diagram, details, handshakes, games, search error."""
    page = inspected.page
    await page.set_viewport_size({"width": width, "height": 800})
    await inspected.open_recording(failed())
    await page.locator("#search").fill("/(/")
    await assert_accessible(page)
    await page.locator("#search").fill("")
    await page.locator("#rows").get_by_role("option", name="offer from HOST").first.click()
    await assert_accessible(page)
    await page.keyboard.press("Escape")
    for name in ("Handshakes", "Games"):
        view = page.locator(".views").get_by_role("button", name=name)
        if await view.is_visible():
            await view.click()
            await assert_accessible(page)


async def test_how_a_connection_ended_stays_in_its_row(inspected: Inspected) -> None:
    """A row keeps its close code and reason, whatever the ``$disconnect`` function returns."""
    scene = Scene().connect(HOST).connect("Alice").connect("Bob").connect("Carol").wait(10)
    closes = [("Alice", 4002, "because I said so"), ("Bob", 1006, ""), ("Carol", 1001, "")]
    for who, code, reason in closes:
        scene.close(who, code, reason)
        heard = {"result": {"statusCode": 200}, "outcome": "disconnected"}
        scene.returned(who, scene.entries[-1]["requestId"], **heard)
    await inspected.open_recording(scene)
    page = inspected.page
    await page.locator("#by-outcome").select_option("bad")
    await expect(inspected.rows()).to_have_count(2)
    assert await inspected.labels() == [
        "closed 4002 from Alice to gateway",
        "closed 1006 from Bob to gateway",
    ]
    await page.locator("#search").fill("because I said so")
    await expect(inspected.rows()).to_have_count(1)
    await expect(inspected.rows().locator(".note")).to_have_text("because I said so")
