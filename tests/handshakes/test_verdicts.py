"""Verdicts on handshakes."""

import re
from pathlib import Path

import pytest

from tests.handshakes.failures import FAILURES, Failure
from tests.handshakes.judged import PROBE, verdicts
from tests.handshakes.scenes import GAME, HOST, Scene, sdp

PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")

OFFER = {"type": "offer", "sdp": sdp("h0St", "actpass")}
ANSWER = {"type": "answer", "sdp": sdp("aL1c", "active", print_="BB")}

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


@pytest.mark.parametrize(
    "failure", FAILURES, ids=[f"{number}-{each.code}" for number, each in enumerate(FAILURES)]
)
def test_a_failure_has_its_verdict(failure: Failure) -> None:
    """The verdict names the cause, not a consequence."""
    scene = failure.play()
    told = verdicts(scene, now=scene.now_ms, client=failure.client)
    mine = [each for each in told if each["player"] == failure.player]
    assert (mine[-1]["code"], mine[-1]["headline"]) == (failure.code, failure.says)
    assert mine[-1]["state"] in {"bad", "warn"}


def test_complete_signaling_is_not_green() -> None:
    """Complete signaling is grey until a client says that the peers connected."""
    (told,) = verdicts(Scene().complete(), ended=False)
    assert (told["state"], told["code"], told["findings"]) == ("neutral", "COMPLETE", [])
    assert told["headline"] == (
        "Signaling is complete 0.10 s after the join: offer, answer, 2 + 2 candidates arrived. "
        "Whether the peers connected is not known: no page has reported it."
    )
    assert told["hint"] == f"Add the probe to the page, and it is told here: {PROBE}"


def test_a_handshake_under_way_is_waited_for() -> None:
    """A handshake under way is waiting; a recording that ends in it says only that it ends."""
    scene = Scene().join().wait(20).offer().wait(800)
    (told,) = verdicts(scene, ended=False, now=scene.now_ms)
    assert (told["state"], told["headline"]) == (
        "waiting",
        "Waiting, 0.8 s after the join: no answer of “Alice” yet.",
    )
    (told,) = verdicts(scene)
    assert told["headline"] == "The recording ends 0.02 s after the join: no answer of “Alice” yet."


def test_players_may_connect_to_each_other() -> None:
    """In a mesh, players connect to each other without a join and without a host."""
    scene = Scene().connect("Alice").connect("Bob").wait(10)
    scene.send("Bob", "offer", "Alice", OFFER)
    scene.send("Alice", "answer", "Bob", ANSWER)
    told = verdicts(scene)
    (pair,) = [each for each in told if HOST not in {each["host"], each["player"]}]
    assert (pair["host"], pair["player"], pair["state"]) == ("Bob", "Alice", "neutral")
    assert pair["gameId"] == GAME


@pytest.mark.parametrize(("status", "code", "advice"), REFUSALS)
def test_who_is_refused_is_told_what_to_do(status: int, code: str | None, advice: str) -> None:
    """The hint for a refusal depends on its error code, because a status has several reasons."""
    scene = Scene().connect(HOST).ask("Alice")
    if code is not None:
        refusal = {"result": {"statusCode": status}, "outcome": "refused", "code": code}
        scene.returned("Alice", scene.entries[-1]["requestId"], **refusal)
    scene.add("refused", "Alice", status=status, reason="No.", method="GET", path="/prod")
    told = verdicts(scene)
    (mine,) = [each for each in told if each["player"] == "Alice"]
    assert mine["code"] == "REFUSED"
    assert advice in mine["hint"]


def test_every_code_of_a_refusal_has_its_advice() -> None:
    """Every code of a refusal in docs/protocol.md is tested for its advice."""
    table = PROTOCOL.partition("| status | code in the log | reason |")[2].partition("\n\n")[0]
    cells = [row.split("|")[2] for row in table.splitlines() if "|" in row]
    named = {code for cell in cells for code in re.findall(r"`(\w+)`", cell)}
    assert named == {code for _, code, _ in REFUSALS if code}


def test_a_fault_is_named_beside_what_it_causes() -> None:
    """A fault that struck is named in the verdict that it may have caused."""
    scene = Scene().join().wait(20)
    scene.add("fault", "Alice", fault="delay:offer:6s", detail="held for 6 s")
    (told,) = verdicts(scene.wait(6000), now=scene.now_ms)
    assert told["code"] == "NO_OFFER"
    assert "delay:offer:6s" in told["findings"][0]["text"]
    assert told["hint"] == (
        "An injected fault struck: delay:offer:6s. "
        "The host's page may have thrown an exception: look at its console, or add the probe."
    )


def test_a_fault_takes_no_advice_away() -> None:
    """A fault is named in addition to the usual advice, because it need not be the cause."""
    scene = Scene().join()
    scene.add("fault", "Alice", fault="duplicate:join", detail="join, once more")
    scene.offer().answer().wait(3000)
    (told,) = verdicts(scene, now=scene.now_ms)
    assert told["code"] == "NO_CANDIDATES"
    advice = "An injected fault struck: duplicate:join. Is onicecandidate set"
    assert told["hint"].startswith(advice)


def test_a_fault_that_comes_too_late_is_not_told() -> None:
    """A fault that strikes after signaling was complete is not named."""
    scene = Scene().complete().wait(100)
    scene.add("fault", "Alice", fault="go-away:Alice=300ms", detail="")
    (told,) = verdicts(scene.wait(9000), now=scene.now_ms)
    assert "go-away" not in str(told)


def test_a_fault_of_the_host_is_told_to_those_it_concerns() -> None:
    """A fault of the host is named for players that it affects, even if it struck before."""
    ghost = Scene().connect(HOST)
    ghost.add("fault", HOST, fault="ghost:HOST", detail="")
    ghost.connect("Alice").wait(1000).message("Alice", "join", HOST)
    ghost.post(HOST, {"type": "join", "senderId": "Alice", "payload": None}, delivered=False)
    ghost.post("Alice", {"type": "error", "payload": {"code": "HOST_NOT_FOUND"}})
    (told,) = verdicts(ghost.wait(8000), now=ghost.now_ms)
    assert (told["code"], "ghost:HOST" in told["hint"]) == ("GHOST", True)
    assert [each["code"] for each in told["findings"]] == ["FAULT"]
    # Bob's handshake was over, and Carol's is with another connection.
    later = Scene().complete("Bob")
    later.add("fault", HOST, fault="go-away:HOST=10s", detail="")
    later.close(HOST, 1001).connect("anew", HOST).wait(6000).connect("Carol").wait(9000)
    for told in verdicts(later, now=later.now_ms):
        assert "go-away" not in str(told)


@pytest.mark.parametrize("word", ["constructor", "toString", "__proto__", "hasOwnProperty"])
def test_no_word_of_a_peer_is_mistaken_for_a_property(word: str) -> None:
    """Words from peers, handlers and recordings have no meaning of their own."""
    scene = Scene().join().refuse("Alice", "offer", HOST, word)
    scene.returned("Alice", scene.message("Alice", "offer", HOST), failure=word)
    scene.returned("Alice", scene.message("Alice", "chat", None), outcome=word)
    scene.post("Alice", {"type": word}).ask("Bob")
    connect_id = scene.entries[-1]["requestId"]
    scene.returned("Bob", connect_id, result={"statusCode": 403}, code=word, outcome="refused")
    scene.add("refused", "Bob", status=403, reason="", method="GET", path="/prod")
    scene.add(word, "Alice")
    alice, bob = verdicts(scene)
    assert (alice["headline"], bob["code"]) == ("The handler failed on the offer.", "REFUSED")
    assert f"got the error “{word}” for its offer" in str(alice["findings"])
    assert bob["hint"].startswith("The path is not")
