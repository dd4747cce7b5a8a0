"""Texts and marks that a developer has to understand at the first look at the page."""

import pytest
from playwright.async_api import expect

from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.faults.spec import KINDS
from tests.handshakes.scenes import HOST, Scene, sdp
from tests.inspector.inspected import Inspected

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LONG = "x" * 200


async def test_a_long_name_pushes_nothing_out_of_sight(inspected: Inspected) -> None:
    """A name of 200 characters does not push its verdict out of the panel."""
    scene = Scene().connect(HOST).ask(LONG)
    scene.add("refused", LONG, status=400, reason="Too long.", method="GET", path="/prod")
    await inspected.open_recording(scene.complete("Alice"))
    card = inspected.card(f"{LONG} → HOST")
    await expect(card).to_contain_text("was refused with 400")
    panel = inspected.page.locator("#panel")
    assert await panel.evaluate("each => each.scrollWidth - each.clientWidth") == 0


async def test_a_game_says_the_worst_that_is_in_it(inspected: Inspected) -> None:
    """A game shows the worst verdict of its attempts."""
    met = Scene().complete().complete("Bob")
    for who in ("Alice", "Bob"):
        met.message(who, "report", HOST, {"state": "connected"})
    for scene, told in (
        (met, "2 ✓ connected"),
        (Scene().complete().join("Bob").offer("Bob").answer("Bob", "active", "AA"), "1 warning"),
        (Scene().complete().join("Bob").offer("Bob").wait(6000).connect("Carol"), "1 failed"),
    ):
        await inspected.open_recording(scene)
        await expect(inspected.page.locator("#games .tally")).to_have_text(told)


async def test_certificates_are_compared(inspected: Inspected) -> None:
    """Each side is marked ✓ if both have their own certificate, ✕ if they share one."""
    shared = Scene().join().offer().answer(print_="AA")
    await inspected.open_recording(shared.complete("Bob"))
    for name, mark in (("Alice", "AA:AA:AA… ✕"), ("Bob", "BB:BB:BB… ✓")):
        cells = inspected.card(f"{name} → HOST").locator(".sides tbody tr td:nth-child(4)")
        await expect(cells.last).to_have_text(mark)


async def test_a_restart_that_worked_is_no_mismatch(inspected: Inspected) -> None:
    """After an ICE restart, older candidates belong to the older description: no mismatch."""
    scene = Scene().complete()
    restart(scene, HOST, "offer", "Alice", "hCCC")
    restart(scene, "Alice", "answer", HOST, "pDDD")
    await assert_ufrags(inspected, scene, "hCCC ✓", "pDDD ✓")


async def test_a_restart_that_did_not_arrive_is_not_shown_as_heard(inspected: Inspected) -> None:
    """An undelivered ICE restart is not shown, and its candidates are a mismatch."""
    payload = {"type": "offer", "sdp": sdp("hCCC", "actpass")}
    refused = Scene().complete()
    refused.returned(HOST, refused.message(HOST, "offer", "Alice", payload))
    await assert_ufrags(inspected, refused, "h0St ✓", "aL1c ✓")
    refused.trickle(HOST, "Alice", "192.168.1.10", ufrag="hCCC")
    await assert_ufrags(inspected, refused, "h0St ✕", "aL1c ✓")


def restart(scene: Scene, who: str, type_: str, target: str, ufrag: str) -> None:
    """Let a side restart ICE: send a new description and a candidate."""
    setup = "actpass" if type_ == "offer" else "active"
    scene.send(who, type_, target, {"type": type_, "sdp": sdp(ufrag, setup, print_=who[0] * 2)})
    scene.trickle(who, target, "192.168.1.10", ufrag=ufrag)


async def assert_ufrags(inspected: Inspected, scene: Scene, *told: str) -> None:
    """Check the card's text about the ufrag of each side."""
    await inspected.open_recording(scene)
    cells = inspected.card("Alice → HOST").locator(".sides tbody tr td:nth-child(3)")
    await expect(cells).to_have_text(list(told))


async def test_a_code_can_be_read_to_its_end(inspected: Inspected) -> None:
    """An error code is shown in full, because developers search for it."""
    scene = Scene().join().refuse("Alice", "offer", "Bob", "TARGET_NOT_FOUND", "undelivered")
    await inspected.open_recording(scene)
    row = inspected.page.get_by_role("option", name="undelivered TARGET_NOT_FOUND from gateway")
    label = row.locator(".label .what")
    assert await label.evaluate("each => each.scrollWidth - each.clientWidth") == 0


async def test_card_and_details_say_what_became_of_it(inspected: Inspected) -> None:
    """The details show outcomes: a connection is accepted, a message delivered."""
    await inspected.open_recording(Scene().complete())
    # Time limits are those of a client that the user has chosen; the bar has a legend.
    card = inspected.card("Alice → HOST")
    await expect(card.locator(".budget")).to_have_count(0)
    await inspected.page.get_by_label("Time limits of").select_option("table-poker")
    await expect(card.locator(".mark")).to_have_text(["table-poker gives up at 5.0 s"])
    await expect(card.locator(".legend")).to_contain_text("joinofferanswer")
    details = inspected.page.locator("#details .facts").first
    for name, outcome in (("connect from Alice", "accepted"), ("join from Alice", "delivered")):
        await inspected.page.get_by_role("option", name=name).click()
        await expect(details).to_contain_text(f"outcome{outcome}")


async def test_every_fault_is_offered_as_it_is_written(inspected: Inspected) -> None:
    """The page suggests a valid spec for every kind of fault."""
    offered = await inspected.page.locator("#fault-kinds option").evaluate_all(
        "all => all.map((each) => each.value)"
    )
    faults = Faults()
    for spec in offered:
        faults.add(spec)
    assert faults.active() == offered
    assert {spec.split(":")[0].split("=")[0] for spec in offered} == set(KINDS)


async def test_a_superseded_attempt_is_not_red(reader: Inspected) -> None:
    """A superseded attempt has no verdict, and does not count as failed in its game."""
    await reader.open_recording(Scene().join().wait(20).complete())
    card = reader.card("Alice → HOST").filter(has_text="Superseded by attempt 2")
    await expect(card.locator(".badge")).to_have_text("No verdict")
    await expect(reader.page.locator("#games .tally")).to_have_count(0)


async def test_a_gap_is_seen_in_every_game(reader: Inspected) -> None:
    """A gap is shown in every game, because the missing entries may belong to any."""
    scene = Scene().join()
    scene.add("gap", dropped=40, why="the disk did not keep up")
    await reader.open_recording(scene.offer())
    await expect(reader.rows()).to_have_count(5)
    assert await reader.labels() == [
        "connect from HOST to gateway",
        "connect from Alice to gateway",
        "join from Alice to HOST",
        "gap at the gateway",
        "offer from HOST to Alice",
    ]
    note = reader.rows().filter(has_text="gap").locator(".note")
    await expect(note).to_have_text("40 entries missing: the disk did not keep up")
    await expect(reader.page.locator("#games button")).to_have_count(1)
