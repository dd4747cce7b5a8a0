"""Verdicts of the analysis on handshakes; the JavaScript module runs in a browser."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.inspector.failures import FAILURES, Failure
from tests.inspector.inspected import Inspected
from tests.inspector.scenes import GAME, HOST, Scene

PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")

REFUSALS = [
    (400, "INVALID_CONNECT", "encodeURIComponent"),
    (401, "MISSING_TICKET", "&ticket="),
    (403, "INVALID_TICKET", "expires"),
    (403, "GAME_FULL", "--seats"),
    (403, "ORIGIN_NOT_ALLOWED", "--allowed-origins"),
    (409, "HOST_PROTECTED", "session"),
    (409, "SUPERSEDED", "was faster"),
    (429, "RATE_LIMITED", "try again"),
    (403, None, "The path is not that of the stage"),
]
"""Status, error code of the rules, and a part of the hint."""

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize(
    "failure", FAILURES, ids=[f"{number}-{each.code}" for number, each in enumerate(FAILURES)]
)
async def test_a_failure_has_its_verdict(reader: Inspected, failure: Failure) -> None:
    """The verdict names the cause, not a consequence, and the card shows the same headline."""
    scene = failure.play()
    told = await reader.verdicts(scene, now=scene.now_ms)
    mine = [each for each in told if each["player"] == failure.player]
    assert (mine[-1]["code"], mine[-1]["headline"]) == (failure.code, failure.says)
    assert mine[-1]["state"] in {"bad", "warn"}
    game = scene.entries[-1].get("gameId", "no game")
    # A recording ends with its last entry, so a later entry is needed to show that time passed.
    scene.add("connect", "onlooker", event={}, requestId="onlooker=")
    await reader.page.reload()
    await reader.open_recording(scene)
    if len({entry.get("gameId") for entry in scene.entries}) > 1:
        await reader.page.get_by_role("button", name=game).click()
    title = HOST if failure.player == HOST else f"{failure.player} → HOST"
    card = reader.card(title).first
    await expect(card.locator(".headline")).to_have_text(failure.says)
    await expect(card.locator(".badge")).to_have_text(re.compile("Failed|Warning"))


async def test_a_handshake_that_succeeds_is_told_to(reader: Inspected) -> None:
    """A successful handshake is complete and has no findings."""
    (told,) = await reader.verdicts(Scene().complete())
    assert told["state"] == "ok"
    assert told["headline"] == (
        "Signaling is complete 0.10 s after the join: offer, answer, 2 + 2 candidates."
    )
    assert told["findings"] == []


async def test_a_handshake_under_way_is_waited_for(reader: Inspected) -> None:
    """A handshake under way is waiting; a recording that ends in it says only that it ends."""
    scene = Scene().join().wait(20).offer().wait(800)
    (told,) = await reader.verdicts(scene, ended=False, now=scene.now_ms)
    assert (told["state"], told["headline"]) == (
        "waiting",
        "Waiting, 0.8 s after the join: no answer yet.",
    )
    (told,) = await reader.verdicts(scene)
    assert told["headline"] == "The recording ends 0.02 s after the join: no answer yet."


async def test_players_may_connect_to_each_other(reader: Inspected) -> None:
    """In a mesh, players connect to each other without a join and without a host."""
    scene = Scene().connect("Alice").connect("Bob").wait(10)
    scene.send("Bob", "offer", "Alice", {"type": "offer", "sdp": "v=0\r\n"})
    scene.send("Alice", "answer", "Bob", {"type": "answer", "sdp": "v=0\r\n"})
    told = await reader.verdicts(scene)
    (pair,) = [each for each in told if HOST not in {each["host"], each["player"]}]
    assert (pair["host"], pair["player"], pair["state"]) == ("Bob", "Alice", "ok")
    assert pair["game"] == GAME


@pytest.mark.parametrize(("status", "code", "advice"), REFUSALS)
async def test_who_is_refused_is_told_what_to_do(
    reader: Inspected, status: int, code: str | None, advice: str
) -> None:
    """The hint for a refusal depends on its error code, because a status has several reasons."""
    scene = Scene().connect(HOST).ask("Alice")
    if code is not None:
        refusal = {"result": {"statusCode": status}, "outcome": "refused", "code": code}
        scene.returned("Alice", scene.entries[-1]["requestId"], **refusal)
    scene.add("refused", "Alice", status=status, reason="No.", method="GET", path="/prod")
    told = await reader.verdicts(scene)
    (mine,) = [each for each in told if each["player"] == "Alice"]
    assert mine["code"] == "REFUSED"
    assert advice in mine["hint"]


async def test_every_code_of_a_refusal_has_its_advice() -> None:
    """Every code of a refusal in docs/protocol.md is tested for its advice."""
    table = PROTOCOL.partition("| status | code in the log | reason |")[2].partition("\n\n")[0]
    cells = [row.split("|")[2] for row in table.splitlines() if "|" in row]
    named = {code for cell in cells for code in re.findall(r"`(\w+)`", cell)}
    assert named == {code for _, code, _ in REFUSALS if code}


async def test_a_fault_is_named_beside_what_it_causes(reader: Inspected) -> None:
    """A fault that struck is named in the verdict that it may have caused."""
    scene = Scene().join().wait(20)
    scene.add("fault", "Alice", fault="delay:offer:6s", detail="held for 6 s")
    (told,) = await reader.verdicts(scene.wait(6000), now=scene.now_ms)
    assert told["code"] == "NO_OFFER"
    assert "delay:offer:6s" in told["findings"][0]["text"]
    assert told["hint"] == (
        "An injected fault struck: delay:offer:6s. "
        "The host's page may have thrown an exception: look at its console."
    )


async def test_a_fault_takes_no_advice_away(reader: Inspected) -> None:
    """A fault is named in addition to the usual advice, because it need not be the cause."""
    scene = Scene().join()
    scene.add("fault", "Alice", fault="duplicate:join", detail="join, once more")
    scene.offer().trickle(HOST, "Alice", "192.168.1.10").answer().wait(3000)
    (told,) = await reader.verdicts(scene, now=scene.now_ms)
    assert told["code"] == "NO_CANDIDATES"
    advice = "An injected fault struck: duplicate:join. Is onicecandidate set"
    assert told["hint"].startswith(advice)


async def test_a_fault_that_comes_too_late_is_not_told(reader: Inspected) -> None:
    """A fault that strikes after signaling was complete is not named."""
    scene = Scene().complete().wait(100)
    scene.add("fault", "Alice", fault="go-away:Alice=300ms", detail="")
    (told,) = await reader.verdicts(scene.wait(9000), now=scene.now_ms)
    assert "go-away" not in str(told)


async def test_a_fault_of_the_host_is_told_to_those_it_concerns(reader: Inspected) -> None:
    """A fault of the host is named for players that it affects, even if it struck before."""
    ghost = Scene().connect(HOST)
    ghost.add("fault", HOST, fault="ghost:HOST", detail="")
    ghost.connect("Alice").wait(1000).message("Alice", "join", HOST)
    ghost.post(HOST, {"type": "join", "senderId": "Alice", "payload": None}, delivered=False)
    ghost.post("Alice", {"type": "error", "payload": {"code": "HOST_NOT_FOUND"}})
    (told,) = await reader.verdicts(ghost.wait(8000), now=ghost.now_ms)
    assert (told["code"], "ghost:HOST" in told["hint"]) == ("GHOST", True)
    assert [each["code"] for each in told["findings"]] == ["FAULT"]
    # Bob's handshake was over, and Carol's is with another connection.
    later = Scene().complete("Bob")
    later.add("fault", HOST, fault="go-away:HOST=10s", detail="")
    later.close(HOST, 1001).connect("anew", HOST).wait(6000).connect("Carol").wait(9000)
    for told in await reader.verdicts(later, now=later.now_ms):
        assert "go-away" not in str(told)


@pytest.mark.parametrize("word", ["constructor", "toString", "__proto__", "hasOwnProperty"])
async def test_no_word_of_a_peer_is_mistaken_for_a_property(reader: Inspected, word: str) -> None:
    """Words from peers, handlers and recordings are never read as properties of objects."""
    scene = Scene().join().refuse("Alice", "offer", HOST, word)
    scene.returned("Alice", scene.message("Alice", "offer", HOST), failure=word)
    scene.returned("Alice", scene.message("Alice", "chat", None), outcome=word)
    scene.post("Alice", {"type": word}).ask("Bob")
    connect_id = scene.entries[-1]["requestId"]
    scene.returned("Bob", connect_id, result={"statusCode": 403}, code=word, outcome="refused")
    scene.add("refused", "Bob", status=403, reason="", method="GET", path="/prod")
    scene.add(word, "Alice")
    alice, bob = await reader.verdicts(scene)
    assert (alice["headline"], bob["code"]) == ("The handler failed on the offer.", "REFUSED")
    assert f"got the error “{word}” for its offer" in str(alice["findings"])
    assert bob["hint"].startswith("The path is not")
    outcomes = await reader.run(
        "analysis.js", "m.analyse(a[0]).games.get(a[1]).rows.map((row) => row.outcome)",
        scene.entries, scene.game,
    )  # fmt: skip
    assert set(outcomes) <= {"ok", "bad", "warn", "info", "pending"}
