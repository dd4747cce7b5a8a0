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
    scene = Scene().join().wait(20).connect("intruder", "Alice").offer().answer()
    first, _ = await inspected.verdicts(scene.wait(100))
    assert first["code"] == "COMPLETE"
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


async def test_players_among_themselves_owe_no_host_a_join(inspected: Inspected) -> None:
    """As long as there is none."""
    scene = Scene().connect("Alice").connect("Bob").wait(10)
    scene.send("Bob", "offer", "Alice", OFFER)
    answer = sdp("aL1c", "active", print_="BB")
    scene.send("Alice", "answer", "Bob", {"type": "answer", "sdp": answer})
    scene.trickle("Bob", "Alice", "192.168.1.10", ufrag="h0St").trickle(
        "Alice", "Bob", "192.168.1.11"
    )
    scene.close("Bob", 1001)
    told = await inspected.verdicts(scene.wait(9000), now=scene.now_ms)
    assert [(each["code"], each["state"]) for each in told] == [
        ("NO_HOST", "neutral"),
        ("NO_HOST", "neutral"),
        ("COMPLETE", "ok"),
    ]
    scene.connect(HOST).wait(9000)
    told = await inspected.verdicts(scene, now=scene.now_ms)
    assert [each["code"] for each in told] == ["NO_JOIN", "LEFT", "COMPLETE"]


async def test_who_may_not_connect_to_each_other_owes_a_join(inspected: Inspected) -> None:
    """In a star that is refused, and so it is not what they are there for."""
    scene = Scene().connect("Alice").connect("Bob").wait(10)
    scene.refuse("Alice", "offer", "Bob", "NOT_ALLOWED")
    told = await inspected.verdicts(scene.wait(9000), now=scene.now_ms)
    assert [each["code"] for each in told] == ["NO_JOIN", "NO_JOIN", "NOT_ALLOWED"]


async def test_a_join_that_was_refused_is_not_the_one_that_arrives(inspected: Inspected) -> None:
    """Whoever asked too early asks again on the same connection; the host hears that."""
    scene = Scene().connect("Alice").wait(1000).refuse("Alice", "join", HOST, "HOST_NOT_FOUND")
    scene.connect(HOST).wait(1000).send("Alice", "join", HOST)
    *_, told = await inspected.verdicts(scene.wait(9000), now=scene.now_ms)
    assert told["code"] == "NO_OFFER"


async def test_what_spans_a_gap_is_unknown(inspected: Inspected) -> None:
    """What is missed may have been dropped; what was settled before stays."""
    scene = Scene().complete().join("Bob").offer("Bob").wait(6000).connect("Zoë").wait(500)
    scene.add("gap", dropped=40, why="the disk did not keep up")
    scene.wait(9000).close("Zoë", 1001).connect("Carol").close("Carol", 1001)
    told = {each["player"]: each for each in await inspected.verdicts(scene)}
    codes = {name: each["code"] for name, each in told.items()}
    assert codes == {"Alice": "COMPLETE", "Bob": "NO_ANSWER", "Zoë": "UNKNOWN", "Carol": "LEFT"}
    assert (told["Zoë"]["state"], told["Zoë"]["headline"]) == (
        "neutral",
        "What became of it is not known: 40 entries are missing 0.5 s after the connect.",
    )


async def test_what_begins_in_a_gap_is_unknown(inspected: Inspected) -> None:
    """Nobody answers what was not offered."""
    scene = Scene()
    scene.add("gap", dropped=1, why="the disk did not keep up")
    whole = Scene().join().offer().answer().wait(6000)
    scene.entries += [entry | {"n": entry["n"] + 1} for entry in whole.entries[-3:]]
    (told,) = await inspected.verdicts(scene, now=whole.now_ms)
    assert told["headline"] == "What became of it is not known: 1 entry is missing before it."


async def test_a_gap_is_seen_in_every_game(inspected: Inspected) -> None:
    """Nobody knows whose entries are missing."""
    scene = Scene().join()
    scene.add("gap", dropped=40, why="the disk did not keep up")
    await inspected.open_recording(scene.offer())
    await expect(inspected.rows()).to_have_count(5)
    assert await inspected.labels() == [
        "connect from HOST to gateway",
        "connect from Alice to gateway",
        "join from Alice to HOST",
        "gap at the gateway",
        "offer from HOST to Alice",
    ]
    note = inspected.rows().filter(has_text="gap").locator(".note")
    await expect(note).to_have_text("40 entries missing: the disk did not keep up")
    await expect(inspected.page.locator("#games button")).to_have_count(1)
