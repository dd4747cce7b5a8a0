"""The page while an emulator runs: it shows events and executes actions."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import replace
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.inspector.requests import ask
from tests.end_to_end.browser import serving_pages
from tests.handshakes.scenes import Scene, candidate, sdp
from tests.inspector.inspected import Inspected, assert_accessible, inspect
from tests.support.client import hear, peer, settle, tell

QUIET = Settings(port=0, later=False)
"""Without rows of notes that are due later."""

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OFFER = {"type": "offer", "sdp": sdp("h0St", "actpass")}
PATIENCE_MS = 40_000
ANSWER = {"type": "answer", "sdp": sdp("aL1c", "active", print_="BB")}


@pytest_asyncio.fixture(loop_scope="session")
async def host(emulator: Emulator) -> AsyncGenerator[ClientConnection, None]:
    """Yield the client of a host."""
    async with peer(emulator, "HOST") as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def alice(
    emulator: Emulator, host: ClientConnection
) -> AsyncGenerator[ClientConnection, None]:
    """Yield the client of a player."""
    async with peer(emulator, "Alice") as client:
        yield client


async def relay(
    sender: ClientConnection, target: ClientConnection, type_: str, name: str, payload: object
) -> None:
    """Send a message, and wait until it has arrived."""
    await tell(sender, type=type_, targetId=name, payload=payload)
    assert (await hear(target))["type"] == type_


async def test_a_handshake_appears_arrow_by_arrow(
    inspected: Inspected, host: ClientConnection, alice: ClientConnection
) -> None:
    """Each message appears as soon as it was sent, and at the end the verdict."""
    card = inspected.card("Alice → HOST")
    await expect(inspected.rows()).to_have_count(2)
    await relay(alice, host, "join", "HOST", {"playerName": "Alice"})
    await expect(inspected.rows()).to_have_count(3)
    await expect(card).to_contain_text("In progress")
    await relay(host, alice, "offer", "Alice", OFFER)
    await expect(inspected.rows()).to_have_count(4)
    await relay(host, alice, "ice-candidate", "Alice", candidate("192.168.1.10", "h0St"))
    await relay(alice, host, "answer", "HOST", ANSWER)
    await relay(alice, host, "ice-candidate", "HOST", candidate("192.168.1.23", "aL1c"))
    await expect(inspected.rows()).to_have_count(7)
    # A message that is still being handled is drawn up to the gateway.
    undecided = re.compile("(join|offer|answer|ice-candidate) from [^ ]+ to gateway")
    await expect(inspected.page.get_by_role("option", name=undecided)).to_have_count(0)
    assert await inspected.labels() == [
        "connect from HOST to gateway",
        "connect from Alice to gateway",
        "join from Alice to HOST",
        "offer from HOST to Alice",
        "ice-candidate from HOST to Alice",
        "answer from Alice to HOST",
        "ice-candidate from Alice to HOST",
    ]
    await expect(card).to_contain_text("Signaling complete")
    await expect(card).to_contain_text("offer, answer, 1 + 1 candidates arrived.")
    await expect(inspected.page.locator("#announcer")).to_contain_text("Signaling is complete")


async def test_who_has_been_silent_longer_than_entries_are_kept_is_there(
    browser: Browser,
    emulator: Emulator,
    host: ClientConnection,
    alice: ClientConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection stays in list and diagram when its entries are no longer kept."""
    monkeypatch.setattr("poker_signal.emulator.trace.trace.MAX_ENTRIES", 64)
    async with peer(emulator, "Idle") as idle, peer(emulator, "Carol", "OTHER") as carol:
        for _ in range(80):
            await settle(carol)
        await relay(host, idle, "offer", "Idle", OFFER)
        async with inspect(browser, emulator.inspector_url) as inspected:
            connected = inspected.page.locator("#connected li > span")
            await expect(connected).to_have_text(["HOST", "Alice", "Idle"])
            await expect(inspected.rows()).to_have_count(1)
            assert await inspected.labels() == ["offer from HOST to Idle"]
            await expect(inspected.page.locator("#lanes")).to_contain_text("Idle")
            await alice.close()
            await expect(connected).to_have_text(["HOST", "Idle"])


async def test_a_host_that_never_answers_is_told_of_as_time_passes(
    inspected: Inspected, host: ClientConnection, alice: ClientConnection
) -> None:
    """The missing answer is reported as time passes, without an event."""
    await relay(alice, host, "join", "HOST", None)
    await relay(host, alice, "offer", "Alice", OFFER)
    card = inspected.card("Alice → HOST")
    await expect(card).to_contain_text("In progress")
    await expect(card).to_contain_text("“Alice” has sent no answer", timeout=PATIENCE_MS)
    await expect(card).to_contain_text("Failed")


async def test_a_message_can_be_sent_again_as_long_as_its_client_is_there(
    inspected: Inspected, host: ClientConnection, alice: ClientConnection
) -> None:
    """A message can be resent while its client is connected; open sections stay open after."""
    payload = {"playerName": "Alice"}
    await relay(alice, host, "join", "HOST", payload)
    await inspected.rows().nth(2).click()
    details = inspected.page.locator("#details")
    offered = details.get_by_role("button", name=re.compile("Resend|Send a frame|Close conn"))
    await expect(offered).to_have_count(3)
    await inspected.page.get_by_role("button", name="Resend").click()
    assert await hear(host) == {"type": "join", "senderId": "Alice", "payload": payload}
    event = details.locator("details", has_text="Event as the function gets it")
    await event.locator("summary").click()
    await alice.close()
    await expect(offered).to_have_count(0)
    await expect(event).to_have_attribute("open", "")


async def test_a_frame_can_be_sent_to_a_connection_and_a_code_can_close_it(
    inspected: Inspected, alice: ClientConnection
) -> None:
    """Any text can be sent to a connection, and any close code, to test the client."""
    page, dialog = inspected.page, inspected.page.get_by_role("dialog")
    await page.get_by_role("button", name="Send a frame to Alice").click()
    await dialog.get_by_label("Text of the frame").fill('{"type":"surprise"}')
    await dialog.get_by_role("button", name="Send").click()
    assert await hear(alice) == {"type": "surprise"}
    await page.get_by_role("button", name="Close the connection of Alice").click()
    await dialog.get_by_label("Close code").fill("4001")
    await dialog.get_by_label("Reason").fill("test")
    await dialog.get_by_role("button", name="Close").click()
    with pytest.raises(ConnectionClosedError) as closed:
        await asyncio.wait_for(alice.recv(), 10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "test")
    await expect(page.locator("#rows")).to_contain_text("closed 4001")


async def test_the_frame_that_is_offered_harms_no_client(
    inspected: Inspected, alice: ClientConnection
) -> None:
    """The dialog explains itself, and offers a frame that clients of the protocol ignore."""
    dialog = inspected.page.get_by_role("dialog")
    await inspected.page.get_by_role("button", name="Send a frame to Alice").click()
    await expect(dialog).to_contain_text("Alice's connection gets this text")
    await dialog.get_by_role("button", name="Send").click()
    frame = await hear(alice)
    assert (frame["type"], frame["senderId"]) == ("inspector-test", "HOST")


async def test_ghosts_leave_the_list_of_connections(
    inspected: Inspected, emulator: Emulator, host: ClientConnection, alice: ClientConnection
) -> None:
    """A ghost is not connected, nor is a connection whose end has no entry."""
    connected = inspected.page.locator("#connected li > span")
    await expect(connected).to_have_text(["HOST", "Alice"])
    emulator.faults.add("ghost:HOST")
    await expect(connected).to_have_text(["Alice"])
    await expect(inspected.page.locator(".lane", has_text="HOST")).to_contain_text("gone")
    emulator.faults.add("miss-disconnect")
    await alice.close()
    await expect(inspected.page.locator("#connected")).to_have_text("None.", timeout=PATIENCE_MS)
    await expect(inspected.page.locator("#games")).to_contain_text("0 connected")


async def test_a_target_that_is_gone_is_not_connected(inspected: Inspected) -> None:
    """After a post was answered with 410, its connection is not in the list."""
    scene = Scene().join()
    scene.message("Alice", "answer", "HOST", ANSWER)
    scene.post("HOST", {"type": "answer", "senderId": "Alice", "payload": ANSWER}, delivered=False)
    await inspected.open_recording(scene)
    await expect(inspected.page.locator("#connected li > span")).to_have_text(["Alice"])


@pytest.mark.parametrize("query", ["gameId=LOST&player=Al", "game=LOST&player=Al"])
async def test_a_refused_connect_is_in_the_game_that_its_url_names(
    inspected: Inspected, emulator: Emulator, query: str
) -> None:
    """A refused connect is in its game and has its player, although the parameters are wrong."""
    with pytest.raises(InvalidStatus):
        await connect(f"{emulator.url}?{query}")
    await expect(inspected.page.locator("#diagram-game")).to_have_text("LOST")
    await expect(inspected.card("Al → HOST")).to_contain_text("was refused with 400")


async def test_what_a_handler_asks_of_connections_is_a_row(
    inspected: Inspected, emulator: Emulator, alice: ClientConnection
) -> None:
    """A request of a handler to @connections is a row with its status."""
    connections = (await ask(emulator, "GET", "/api/connections")).json["connections"]
    ids = {each["playerId"]: quote(each["connectionId"], safe="") for each in connections}
    posting = Request(
        f"{emulator.management_url}/@connections/{ids['Alice']}", b"hello", method="POST"
    )
    rows = inspected.page.locator("#rows")
    assert await asyncio.to_thread(status_of, posting) == 200
    await expect(rows).to_contain_text("@POST 200")
    await alice.close()
    await expect(rows).to_contain_text("closed 1000")
    assert await asyncio.to_thread(status_of, posting) == 410
    await expect(rows).to_contain_text("@POST 410")


def status_of(request: Request) -> int:
    """Return the status of the answer to a request."""
    try:
        with urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


async def test_pausing_keeps_what_happens_for_later(
    inspected: Inspected, host: ClientConnection, alice: ClientConnection
) -> None:
    """While paused, the rows do not change; on resume, no event is lost."""
    page = inspected.page
    await expect(inspected.rows()).to_have_count(2)
    await page.keyboard.press("p")
    await relay(alice, host, "join", "HOST", None)
    await expect(page.get_by_role("button", name="Resume (")).to_be_visible()
    await expect(inspected.rows()).to_have_count(2)
    await page.keyboard.press("p")
    await expect(inspected.rows()).to_have_count(3)


@pytest.mark.parametrize("is_paused", [False, True], ids=["live", "paused"])
async def test_it_says_when_the_emulator_goes_away_and_resumes(
    browser: Browser, is_paused: bool
) -> None:
    """After a restart the page shows the new run's entries; while paused, only on resume."""
    async with AsyncExitStack() as first:
        emulator = await first.enter_async_context(Emulator(QUIET))
        port = emulator.port
        async with inspect(browser, emulator.inspector_url) as inspected:
            page, status = inspected.page, inspected.page.locator("#status")
            games = page.locator("#games")
            async with peer(emulator, "HOST", "OLD"):
                await expect(inspected.rows()).to_have_count(1)
                if is_paused:
                    await page.keyboard.press("p")
            await first.aclose()
            await expect(status).to_have_attribute("data-state", "gone")
            await expect(page.locator("#announcer")).to_contain_text("does not answer")
            quiet = replace(QUIET, port=port)
            async with Emulator(quiet) as emulator, peer(emulator, "HOST", "NEW"):
                if is_paused:
                    await expect(page.locator("#notice")).to_contain_text("until you resume")
                    await expect(status).to_have_attribute("data-state", "paused")
                    await expect(page.get_by_role("button", name="Resume (3)")).to_be_visible()
                    await expect(games).to_contain_text("OLD")
                    await expect(inspected.rows()).to_have_count(1)
                    closing = page.get_by_role("button", name="Close the connection")
                    await expect(closing).to_have_count(0)
                    await page.keyboard.press("p")
                await expect(status).to_have_attribute("data-state", "live")
                await expect(games).to_contain_text("NEW")
                await expect(games).not_to_contain_text("OLD")
                await expect(inspected.rows()).to_have_count(1)
            # Without an emulator, closing a recording leads back to the text about waiting.
            await expect(status).to_have_attribute("data-state", "gone")
            await inspected.open_recording(Scene().complete())
            await page.get_by_role("button", name="Back to live").click()
            await expect(status).to_have_attribute("data-state", "gone")
            await expect(page.locator("#empty")).to_contain_text("Waiting for the emulator")
            await page.get_by_role("link", name="Save").click()
            await expect(page.locator("#notice")).to_contain_text("The emulator does not answer")
            async with Emulator(replace(QUIET, port=port)):
                await expect(status).to_have_attribute("data-state", "live")
                await expect(page.locator("#empty")).to_contain_text("Connect a client to")


async def test_a_whole_recording_can_be_saved_and_opened_again(
    inspected: Inspected, host: ClientConnection, alice: ClientConnection
) -> None:
    """A saved recording is redacted, and has the same verdict when it is opened."""
    await relay(alice, host, "join", "HOST", None)
    await relay(host, alice, "offer", "Alice", OFFER)
    await relay(alice, host, "answer", "HOST", ANSWER)
    await relay(host, alice, "ice-candidate", "Alice", candidate("192.168.7.10", "h0St"))
    await relay(alice, host, "ice-candidate", "HOST", candidate("192.168.7.23", "aL1c"))
    async with inspected.page.expect_download() as saving:
        await inspected.page.get_by_role("link", name="Save").click()
    text = (await (await saving.value).path()).read_text()
    assert "192.168.7." not in text
    assert "f2lq1aL5gkPtYpXu1Vb0sWqz" not in text
    header, first = [json.loads(line) for line in text.splitlines()[:2]]
    assert (header["settings"]["topology"], first["kind"]) == ("mesh", "connect")
    await inspected.open_recording(text)
    await expect(inspected.page.locator("#status")).to_contain_text("recording")
    await expect(inspected.card("Alice → HOST")).to_contain_text("1 + 1 candidates arrived.")
    await inspected.page.get_by_role("button", name="Back to live").click()
    await expect(inspected.page.locator("#status")).to_have_attribute("data-state", "live")


async def test_a_handshake_of_real_browsers_is_complete(
    browser: Browser, emulator: Emulator, inspected: Inspected
) -> None:
    """Real browsers' descriptions and candidates are parsed, and cause no finding."""
    async with serving_pages(browser) as laptop:
        async with laptop.page() as host, laptop.page() as player:
            assert await host.sit(emulator.url, "GAME01", "HOST")
            assert await player.sit(emulator.url, "GAME01", "Zoë 🂡")
            assert await host.channels.get() == "Zoë 🂡"
            card = inspected.card("Zoë 🂡 → HOST")
            await expect(card).to_contain_text("Signaling is complete")
            # These pages have no probe: whether they connected is not known.
            await expect(card).to_have_attribute("data-state", "neutral")
            await expect(card.locator(".sides")).to_contain_text("✓")


async def test_faults_are_switched_on_and_off(
    inspected: Inspected, host: ClientConnection, alice: ClientConnection
) -> None:
    """Faults can be added and removed; strikes and wrong specs are shown, accessibly."""
    page = inspected.page
    panel = inspected.page.get_by_role("region", name="Faults")
    await panel.get_by_label("New fault").fill("drop:join")
    await inspected.page.keyboard.press("Enter")
    faults = panel.get_by_role("list")
    await expect(faults).to_have_text("drop:joinstruck 0 timesOff")
    await tell(alice, type="join")
    # The fault is no message of its own: a badge on the join, beside its outcome.
    await expect(inspected.rows()).to_have_count(3)
    join = page.get_by_role("option", name="join from Alice to gateway")
    await expect(join.locator(".note")).to_have_text("dropped⚡ drop:join")
    await expect(faults).to_have_text("drop:joinstruck 1 timeOff")
    await panel.get_by_label("New fault").fill("nonsense")
    await inspected.page.keyboard.press("Enter")
    await expect(panel.get_by_role("alert")).to_contain_text("nonsense")
    await assert_accessible(page)
    await page.get_by_role("button", name="Close the connection of Alice").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await assert_accessible(page)
    await page.keyboard.press("Escape")
    await panel.get_by_role("button", name="Remove fault drop:join").click()
    await expect(panel.get_by_role("list")).to_have_text("None.")
    await relay(alice, host, "join", "HOST", None)


async def test_faults_of_others_are_seen(
    browser: Browser, emulator: Emulator, inspected: Inspected
) -> None:
    """Faults changed by another page or a script appear, and a shown error message stays."""
    panel = inspected.page.get_by_role("region", name="Faults")
    await panel.get_by_label("New fault").fill("nonsense")
    await inspected.page.keyboard.press("Enter")
    await expect(panel.get_by_role("alert")).to_contain_text("nonsense")
    async with inspect(browser, emulator.inspector_url) as other:
        await other.page.get_by_label("New fault").fill("drop:answer")
        await other.page.keyboard.press("Enter")
        await expect(panel.get_by_role("list")).to_have_text(
            "drop:answerstruck 0 timesOff", timeout=PATIENCE_MS
        )
    emulator.faults.remove("drop:answer")
    await expect(panel.get_by_role("list")).to_have_text("None.", timeout=PATIENCE_MS)
    await expect(panel.get_by_role("alert")).to_contain_text("nonsense")


async def test_a_page_that_was_hidden_shows_what_has_become_of_it(
    inspected: Inspected, host: ClientConnection, alice: ClientConnection
) -> None:
    """A verdict that changes with time is asked for again when the page is visible again."""
    hide = "is => Object.defineProperty(document, 'hidden', { value: is, configurable: true })"
    await inspected.page.evaluate(hide, True)
    await relay(alice, host, "join", "HOST", {"playerName": "Alice"})
    card = inspected.card("Alice → HOST")
    await expect(card.locator(".code")).to_have_text("WAITING")
    asked = inspected.page.expect_response(lambda answer: "api/handshakes" in answer.url)
    async with asked:
        await inspected.page.evaluate(hide, False)
        await inspected.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(card.locator(".code")).to_have_text("NO_OFFER", timeout=10_000)
