"""The diagram: many players, outcomes, faults, previews, pins."""

import pytest
from playwright.async_api import expect

from tests.handshakes.scenes import HOST, Scene, candidate, sdp
from tests.inspector.inspected import Inspected

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BOTS = 24

WIDTHS = [1400, 800, 390]

_CUT_OFF = """
() => [...document.querySelectorAll(".row")].flatMap((row) => {
  const edge = row.getBoundingClientRect();
  return [...row.querySelectorAll(".note > span")].filter((part) => {
    const box = part.getBoundingClientRect();
    const isHigh = box.top >= edge.top - 1 && box.bottom <= edge.bottom + 1;
    return !isHigh || box.right > innerWidth || part.scrollWidth > part.clientWidth + 1;
  }).map((part) => part.textContent);
})
"""

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


def troubled() -> Scene:
    """A handshake in which an offer is dropped, an answer is late, and HOST becomes a ghost."""
    scene = Scene().join()
    offer = {"type": "offer", "sdp": sdp("h0St", "actpass")}
    dropped = scene.message(HOST, "offer", "Alice", offer)
    scene.add("fault", HOST, fault="drop:offer#1", detail="offer")
    scene.returned(HOST, dropped, result={"statusCode": 200})
    answer = {"type": "answer", "sdp": sdp("aL1c", "active")}
    late = scene.message("Alice", "answer", HOST, answer)
    scene.add("fault", "Alice", fault="delay:answer=6s", detail="answer")
    scene.wait(3000).trickle("Alice", HOST, "192.168.1.23").wait(3000)
    scene.post(HOST, {"type": "answer", "senderId": "Alice", "payload": answer})
    scene.returned("Alice", late)
    scene.refuse("Alice", "offer", "Bob", "TARGET_NOT_FOUND", "undelivered")
    scene.add("fault", HOST, fault="ghost:HOST=7s", detail="")
    scene.ask("Mallory")
    reason = "Connect with ?playerId=…&gameId=…, both encoded with encodeURIComponent."
    scene.add("refused", "Mallory", status=400, reason=reason, method="GET", path="/prod")
    return scene


async def test_a_fault_is_a_badge_on_the_row_that_it_struck(inspected: Inspected) -> None:
    """A fault that struck a message is a badge on it; one that struck a connection is a pin."""
    await inspected.open_recording(troubled())
    page = inspected.page
    rows = page.locator("#rows")
    for label, told in (
        (
            "offer from HOST to gateway, failed: dropped, fault drop:offer#1",
            "dropped⚡ drop:offer#1",
        ),
        ("answer from Alice to gateway", "received; delivered 6.00 s later⚡ delay:answer=6s"),
    ):
        row = rows.get_by_role("option", name=label)
        await expect(row.locator(".note")).to_have_text(told)
    ghost = rows.get_by_role("option", name="fault ghost:HOST=7s at HOST")
    await expect(ghost.locator(".pin")).to_have_count(1)
    await expect(ghost.locator(".arrow")).to_have_count(0)
    await expect(rows.locator(".kind-fault")).to_have_count(1)
    await page.locator("#search").fill("delay:answer")
    await expect(inspected.rows()).to_have_count(1)
    await inspected.rows().click()
    await expect(page.locator("#details")).to_contain_text("struck bydelay:answer=6s")


async def test_the_details_do_not_call_a_late_message_delivered(inspected: Inspected) -> None:
    """The first half of a late message is received; its outcome does not stand there twice."""
    await inspected.open_recording(troubled())
    await inspected.page.get_by_role("option", name="answer from Alice to gateway").click()
    outcome = inspected.page.locator("#details .facts dt:text-is('outcome') + dd")
    await expect(outcome).to_have_text("received; delivered 6.00 s later")


@pytest.mark.parametrize("width", WIDTHS)
async def test_outcomes_are_never_cut_off(inspected: Inspected, width: int) -> None:
    """Every outcome is there and whole at every width, and the game is named."""
    page = inspected.page
    await page.set_viewport_size({"width": width, "height": 1200})
    await inspected.open_recording(troubled())
    for text in ("dropped", "undelivered TARGET_NOT_FOUND", "encodeURIComponent. · GET /prod"):
        await expect(page.locator("#rows .note > span").filter(has_text=text).first).to_be_visible()
    assert await page.evaluate(_CUT_OFF) == []
    await expect(page.locator("#diagram-game")).to_be_visible()
    view = page.locator(".views").get_by_role("button", name="Handshakes")
    if await view.is_visible():
        await view.click()
    await expect(page.locator("#handshakes-game")).to_be_visible()
    # The toolbar is one row of buttons of equal height.
    tops = "all => new Set(all.map((each) => each.getBoundingClientRect().top)).size"
    assert await page.locator(".actions > :not([hidden])").evaluate_all(tops) == 1


async def test_a_row_shows_what_its_message_carries(inspected: Inspected) -> None:
    """A candidate has kind, protocol and address in its row; other messages have a preview."""
    scene = Scene().join().offer()
    scene.trickle(HOST, "Alice", "192.168.1.10", "203.0.113.7", "9b36eaac-bb2e.local", "fd00::7")
    scene.send("Alice", "ice-candidate", HOST, {"candidate": ""})
    scene.send("Alice", "answer", HOST, "v=1")
    await inspected.open_recording(scene)
    previews = inspected.page.locator("#rows .preview")
    await expect(previews).to_have_text(
        [
            '72 B {"playerName":"Alice"}',
            "469 B data channel, setup actpass",
            "host udp 192.168.1.10:54321",
            "srflx udp 203.0.113.7:54321",
            "host mDNS udp 9b36eaac….local:54321",
            "host udp [fd00::7]:54321",
            "end of candidates",
            '56 B "v=1"',
        ]
    )


async def test_a_row_of_one_player_is_a_pin_on_its_lane(inspected: Inspected) -> None:
    """A row that begins and ends at one player is a pin on its lane, with its whole label."""
    scene = Scene().complete()
    for who in (HOST, "Alice"):
        scene.add("fault", who, fault=f"ghost:{who}=a-rather-long-time", detail="")
    await inspected.open_recording(scene)
    # Verdicts draw the rows once more.
    await expect(inspected.card("Alice → HOST")).to_be_visible()
    for who in (HOST, "Alice"):
        row = inspected.page.get_by_role("option", name=f"a-rather-long-time at {who}")
        lane = await inspected.page.locator(f'.lane[title="{who}"]').bounding_box()
        pin = await row.locator(".pin").bounding_box()
        assert lane is not None
        assert pin is not None
        assert abs(lane["x"] + lane["width"] / 2 - pin["x"] - pin["width"] / 2) < 3
        cut = "each => each.scrollWidth - each.clientWidth"
        assert await row.locator(".what").evaluate(cut) == 0


async def test_verdict_and_evidence_are_seen_together(inspected: Inspected) -> None:
    """Details stand beside the card of their row, and are a sheet on a phone."""
    page = inspected.page
    await inspected.open_recording(troubled())
    details, card = page.locator("#details"), inspected.card("Alice → HOST")
    for width in (1200, 800):
        await page.set_viewport_size({"width": width, "height": 900})
        await page.get_by_role("option", name="offer from HOST to gateway").click()
        await expect(details).to_be_in_viewport()
        await expect(card.locator(".headline")).to_be_in_viewport()
        row = page.get_by_role("option", name="offer from HOST to gateway")
        await expect(row).to_be_in_viewport()
    await page.set_viewport_size({"width": 390, "height": 800})
    await expect(details.locator(".verdict")).to_be_in_viewport()
    await details.get_by_role("button", name="Close details").click()
    await expect(details).to_be_hidden()


@pytest.mark.parametrize("width", WIDTHS)
async def test_the_table_of_candidates_breaks_no_word(inspected: Inspected, width: int) -> None:
    """Each cell of the table of candidates is one line."""
    page = inspected.page
    await page.set_viewport_size({"width": width, "height": 900})
    scene = Scene().join().offer()
    name = "9b36eaac-bb2e-49bb-bb78-21c41c499900.local"
    scene.send(HOST, "ice-candidate", "Alice", candidate(name, "uFrg"))
    await inspected.open_recording(scene)
    await page.get_by_role("option", name="ice-candidate from HOST").click()
    cells = page.locator("#details .candidates :is(th, td)")
    await expect(cells).to_have_count(10)
    heights = await cells.evaluate_all("all => all.map((each) => each.clientHeight)")
    assert max(heights) < 30


async def test_rows_of_the_probe_can_be_hidden(reader: Inspected) -> None:
    """A button hides the reports of pages, those of failures excepted; without any it is hidden."""
    button = reader.page.get_by_role("button", name="Probe rows")
    await reader.open_recording(Scene().complete())
    await expect(button).to_be_hidden()
    error = {"name": "TypeError", "message": "no"}
    scene = Scene().negotiate().called("Alice", "addIceCandidate", error=error)
    await reader.open_recording(scene)
    await expect(button).to_be_visible()
    await expect(reader.rows().filter(has_text="createAnswer")).to_have_count(1)
    await button.click()
    await expect(reader.rows().filter(has_text="createAnswer")).to_have_count(0)
    await expect(reader.rows().filter(has_text="addIceCandidate failed")).to_have_count(1)
    await button.click()
    await expect(reader.rows().filter(has_text="createAnswer")).to_have_count(1)


async def test_presence_is_a_row_with_the_player_and_the_reason(inspected: Inspected) -> None:
    """A frame of presence says of which player it tells, and why."""
    scene = Scene().connect(HOST)
    for type_, player, reason in (
        ("player-joined", "Zoë", "joined"),
        ("player-left", "Bob", "left"),
    ):
        payload = {"playerId": player, "reason": reason, "version": 1}
        scene.post(HOST, {"type": type_, "payload": payload})
    scene.post(HOST, {"type": "player-left", "payload": None})
    await inspected.open_recording(scene)
    rows = inspected.rows()
    await expect(rows.filter(has_text="player-joined")).to_contain_text("Zoë: joined")
    await expect(rows.filter(has_text="player-left").first).to_contain_text("Bob: left")
    await expect(rows.filter(has_text="player-left")).to_have_count(2)
