"""Whose attempt something belongs to, where a name has several connections or begins anew."""

import pytest
from playwright.async_api import expect

from tests.inspector.inspected import Inspected
from tests.inspector.scenes import HOST, Scene, sdp

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OFFER = {"type": "offer", "sdp": sdp("h0St", "actpass")}


def two_hosts() -> Scene:
    """A second connection is HOST before Alice joins."""
    scene = Scene().connect("old", HOST).wait(100).connect(HOST).wait(100)
    return scene.join().wait(20)


async def test_a_host_that_reconnects_has_not_left(inspected: Inspected) -> None:
    """It takes over with its session, and goes on where it was."""
    scene = Scene().connect("old", HOST).connect("Alice").wait(1000)
    request_id = scene.message("Alice", "join", HOST, {"playerName": "Alice"})
    scene.post("old", {"type": "join", "senderId": "Alice", "payload": {}})
    scene.returned("Alice", request_id).wait(200)
    scene.ask(HOST).close("old", 1000).wait(1).add("opened", HOST)
    scene.offer().trickle(HOST, "Alice", "192.168.1.10").wait(30).answer()
    (told,) = await inspected.verdicts(scene.trickle("Alice", HOST, "192.168.1.23").wait(3000))
    assert (told["code"], told["findings"]) == ("COMPLETE", [])


@pytest.mark.parametrize(
    ("who", "verdict"), [("old", "NO_OFFER"), (HOST, "LEFT")], ids=["another", "its own"]
)
async def test_only_the_host_that_took_part_is_missed(
    inspected: Inspected, who: str, verdict: str
) -> None:
    """The other one has nothing to do with the attempt."""
    scene = two_hosts().close(who, 1001).wait(6000)
    (told,) = await inspected.verdicts(scene, now=scene.now_ms)
    assert told["code"] == verdict


async def test_who_reconnects_is_not_blamed_for_the_attempt_before(inspected: Inspected) -> None:
    """With its session a player takes over its own seat, and the old socket is closed."""
    scene = Scene().join().wait(20).offer().wait(1500)
    scene.ask("again", "Alice").close("Alice", 1000).wait(1).add("opened", "again")
    scene.wait(1000).send("again", "join", HOST).wait(20)
    request_id = scene.message(HOST, "offer", "Alice", OFFER)
    scene.post("again", {"type": "offer", "senderId": HOST, "payload": OFFER})
    scene.returned(HOST, request_id)
    first, second = await inspected.verdicts(scene.wait(500), ended=False, now=scene.now_ms)
    assert (first["state"], first["code"]) == ("neutral", "SUPERSEDED")
    assert first["headline"] == "Superseded by attempt 2, 1.5 s after the join."
    assert second["code"] == "WAITING"
    scene.send("again", "answer", HOST, {"type": "answer", "sdp": sdp("aL1c", "active")})
    first, second = await inspected.verdicts(scene.wait(9000), now=scene.now_ms)
    assert (first["code"], second["number"]) == ("SUPERSEDED", 2)


async def test_a_join_that_is_sent_twice_blames_nobody(inspected: Inspected) -> None:
    """The host offers once, and that is for the second."""
    scene = Scene().join().wait(100).send("Alice", "join", HOST).wait(300).offer()
    scene.trickle(HOST, "Alice", "192.168.1.10").answer().trickle("Alice", HOST, "192.168.1.23")
    first, second = await inspected.verdicts(scene.wait(9000), now=scene.now_ms)
    assert (first["code"], second["code"]) == ("SUPERSEDED", "COMPLETE")


async def test_who_only_connects_takes_no_ones_place(inspected: Inspected) -> None:
    """It may be refused, or told that the name is taken."""
    scene = Scene().join().wait(20).offer().wait(100).connect("intruder", "Alice").wait(6000)
    first, _ = await inspected.verdicts(scene, now=scene.now_ms)
    assert first["code"] == "NO_ANSWER"
    scene = Scene().join().wait(20).ask("intruder", "Alice")
    scene.add("refused", "intruder", status=409, reason="", method="GET", path="/prod")
    scene.offer().trickle(HOST, "Alice", "192.168.1.10").answer()
    first, _ = await inspected.verdicts(scene.trickle("Alice", HOST, "192.168.1.23").wait(3000))
    assert first["code"] == "COMPLETE"


async def test_a_superseded_attempt_is_not_red(inspected: Inspected) -> None:
    """The game counts what failed, and that did not."""
    await inspected.open_recording(Scene().join().wait(20).complete())
    card = inspected.card("Alice → HOST").filter(has_text="Superseded by attempt 2")
    await expect(card.locator(".badge")).to_have_text("No verdict")
    await expect(inspected.page.locator("#games .tally")).to_have_text("1 ✓ complete")
