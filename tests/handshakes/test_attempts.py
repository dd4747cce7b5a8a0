"""Assignment of events to attempts, if a name has several connections or joins again."""

from typing import Any

import pytest

from tests.handshakes.judged import verdicts
from tests.handshakes.scenes import HOST, Scene, sdp

OFFER = {"type": "offer", "sdp": sdp("h0St", "actpass")}
GAP: dict[str, Any] = {"dropped": 40, "why": "the disk did not keep up"}


def two_hosts() -> Scene:
    """A second connection is HOST before Alice joins."""
    scene = Scene().connect("old", HOST).wait(100).connect(HOST).wait(100)
    return scene.join().wait(20)


def host_reconnects() -> Scene:
    """A host reconnects with its session and continues the handshake."""
    scene = Scene().connect("old", HOST).connect("Alice").wait(1000)
    request_id = scene.message("Alice", "join", HOST, {"playerName": "Alice"})
    scene.post("old", {"type": "join", "senderId": "Alice", "payload": {}})
    scene.returned("Alice", request_id).wait(200)
    scene.ask(HOST).close("old", 1000).wait(1).add("opened", HOST)
    scene.offer().trickle(HOST, "Alice", "192.168.1.10").wait(30).answer()
    return scene.trickle("Alice", HOST, "192.168.1.23").wait(3000)


def joins_twice() -> Scene:
    """A host gets two joins and sends one offer, which belongs to the second join."""
    scene = Scene().join().wait(100).send("Alice", "join", HOST).wait(300).offer()
    scene.trickle(HOST, "Alice", "192.168.1.10").answer().trickle("Alice", HOST, "192.168.1.23")
    return scene.wait(9000)


def joins_again() -> Scene:
    """An attempt fails, and the next one succeeds."""
    scene = Scene().join().wait(400).offer().wait(6000).send("Alice", "join", HOST).wait(20)
    scene.offer().trickle(HOST, "Alice", "192.168.1.10").wait(20).answer()
    return scene.trickle("Alice", HOST, "192.168.1.23").wait(3000)


def intruder_is_refused() -> Scene:
    """A second Alice is refused during the handshake of the first."""
    scene = Scene().join().wait(20).ask("intruder", "Alice")
    scene.add("refused", "intruder", status=409, reason="", method="GET", path="/prod")
    scene.offer().trickle(HOST, "Alice", "192.168.1.10").answer()
    return scene.trickle("Alice", HOST, "192.168.1.23").wait(3000)


def intruder_is_told() -> Scene:
    """A second Alice is not the owner of the name, so the first still gets the messages."""
    scene = Scene().join().wait(20).offer().connect("intruder", "Alice").wait(10)
    scene.refuse("intruder", "join", HOST, "DUPLICATE_NAME").wait(10)
    scene.trickle(HOST, "Alice", "192.168.1.10").answer().trickle("Alice", HOST, "192.168.1.23")
    return scene.wait(3000)


def joins_too_early() -> Scene:
    """A player joins before there is a host, and again on the same connection."""
    scene = Scene().connect("Alice").wait(1000).refuse("Alice", "join", HOST, "HOST_NOT_FOUND")
    return scene.connect(HOST).wait(1000).send("Alice", "join", HOST).wait(9000)


def star() -> Scene:
    """Two players of a star send no join; an offer between them is refused."""
    scene = Scene().connect("Alice").connect("Bob").wait(10)
    return scene.refuse("Alice", "offer", "Bob", "NOT_ALLOWED").wait(9000)


def other_protocol() -> Scene:
    """A handler uses another protocol than ours, without a join."""
    scene = Scene().connect("Alice").connect("Bob").wait(10)
    scene.message("Alice", "chat", None, "hello")
    return scene.wait(60_000)


def both_hide() -> Scene:
    """Both browsers hide their addresses in mDNS names, as they do on one laptop."""
    scene = Scene().join().wait(20).offer()
    name = "5a1b2c3d-1111-4222-8333-44445555666{}.local"
    scene.trickle(HOST, "Alice", name.format(1)).answer().trickle("Alice", HOST, name.format(2))
    return scene.wait(3000)


def by_hand(code: str) -> Scene:
    """After the handshake, a developer sends an error frame with the page's form."""
    frame = {"type": "error", "payload": {"code": code, "message": "A sentence."}}
    return Scene().complete().post("Alice", frame).wait(1000)


SCENES = {
    "1 neutral COMPLETE": [
        host_reconnects(),
        by_hand("HOST_NOT_FOUND"),
        by_hand("DUPLICATE_NAME"),
    ],
    "1 neutral COMPLETE UNKNOWN_TYPE": [
        Scene().complete().refuse("Alice", "x", HOST, "UNKNOWN_TYPE")
    ],
    "1 neutral COMPLETE BOTH_MDNS": [both_hide()],
    "1 bad NO_OFFER TWO_HOSTS": [two_hosts().close("old", 1001).wait(6000)],
    "1 bad LEFT NO_OFFER TWO_HOSTS": [two_hosts().close(HOST, 1001).wait(6000)],
    "1 neutral SUPERSEDED, 2 neutral COMPLETE": [joins_twice()],
    "1 bad NO_ANSWER, 2 neutral COMPLETE": [joins_again()],
    "1 bad NO_ANSWER, 2 warn NO_JOIN": [
        Scene().join().wait(20).offer().wait(100).connect("intruder", "Alice").wait(6000)
    ],
    "1 neutral COMPLETE, 2 waiting WAITING": [
        Scene().join().wait(20).connect("intruder", "Alice").offer().answer().wait(100)
    ],
    "1 neutral COMPLETE, 2 bad REFUSED": [intruder_is_refused()],
    "1 neutral COMPLETE, 2 bad DUPLICATE_NAME": [intruder_is_told()],
    "1 bad HOST_NOT_FOUND, 2 bad NO_OFFER": [joins_too_early()],
    "1 warn NO_JOIN, 1 warn NO_JOIN, 1 bad NOT_ALLOWED BAD_PAYLOAD OFFER_LOST": [star()],
    "": [other_protocol()],
}
"""Scenes by their attempts: number, state, verdict, and other findings."""


@pytest.mark.parametrize(
    ("scene", "attempts"),
    [(scene, attempts) for attempts, scenes in SCENES.items() for scene in scenes],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_attempt_has_the_verdict_of_its_own_connection(scene: Scene, attempts: str) -> None:
    """An attempt's verdict does not depend on other connections of its name or later events."""
    told = verdicts(scene, now=scene.now_ms)
    found = [
        " ".join(
            [str(each["number"]), each["state"], each["code"]]
            + [finding["code"] for finding in each["findings"]]
        )
        for each in told
    ]
    assert ", ".join(found) == attempts


def test_who_reconnects_is_not_blamed_for_the_attempt_before() -> None:
    """A player's attempt is superseded, not failed, when the player reconnects with its session."""
    scene = Scene().join().wait(20).offer().wait(1500)
    scene.ask("again", "Alice").close("Alice", 1000).wait(1).add("opened", "again")
    scene.wait(1000).send("again", "join", HOST).wait(20)
    request_id = scene.message(HOST, "offer", "Alice", OFFER)
    scene.post("again", {"type": "offer", "senderId": HOST, "payload": OFFER})
    scene.returned(HOST, request_id)
    first, second = verdicts(scene.wait(500), ended=False, now=scene.now_ms)
    assert (first["state"], first["code"]) == ("neutral", "SUPERSEDED")
    assert first["headline"] == "Superseded by attempt 2, 1.5 s after the join."
    assert second["code"] == "WAITING"
    scene.send("again", "answer", HOST, {"type": "answer", "sdp": sdp("aL1c", "active")})
    first, second = verdicts(scene.wait(9000), now=scene.now_ms)
    assert (first["code"], second["number"]) == ("SUPERSEDED", 2)


def test_players_among_themselves_owe_no_host_a_join() -> None:
    """Players need no join to a host as long as their game has none."""
    scene = Scene().connect("Alice").connect("Bob").wait(10)
    scene.send("Bob", "offer", "Alice", OFFER)
    answer = sdp("aL1c", "active", print_="BB")
    scene.send("Alice", "answer", "Bob", {"type": "answer", "sdp": answer})
    scene.trickle("Bob", "Alice", "192.168.1.10", ufrag="h0St").trickle(
        "Alice", "Bob", "192.168.1.11"
    )
    scene.close("Bob", 1001)
    told = verdicts(scene.wait(9000), now=scene.now_ms)
    assert [(each["code"], each["state"]) for each in told] == [
        ("NO_HOST", "neutral"),
        ("NO_HOST", "neutral"),
        ("COMPLETE", "neutral"),
    ]
    scene.connect(HOST).wait(9000)
    told = verdicts(scene, now=scene.now_ms)
    assert [each["code"] for each in told] == ["NO_JOIN", "LEFT", "COMPLETE"]


def test_what_spans_a_gap_is_unknown() -> None:
    """An attempt across a gap in the trace is unknown; verdicts from before the gap stay."""
    scene = Scene().complete().join("Bob").offer("Bob").wait(6000).connect("Zoë").wait(500)
    scene.add("gap", **GAP)
    scene.wait(9000).close("Zoë", 1001).connect("Carol").close("Carol", 1001)
    told = {each["player"]: each for each in verdicts(scene)}
    codes = {name: each["code"] for name, each in told.items()}
    assert codes == {"Alice": "COMPLETE", "Bob": "NO_ANSWER", "Zoë": "UNKNOWN", "Carol": "LEFT"}
    assert (told["Zoë"]["state"], told["Zoë"]["headline"]) == (
        "neutral",
        "The outcome is unknown: 40 entries are missing 0.5 s after the connect.",
    )


def test_what_begins_in_a_gap_is_unknown() -> None:
    """An attempt whose beginning is in a gap is unknown, even if its answer is recorded."""
    scene = Scene()
    scene.add("gap", dropped=1, why="the disk did not keep up")
    whole = Scene().join().offer().answer().wait(6000)
    scene.entries += [entry | {"n": entry["n"] + 1} for entry in whole.entries[-3:]]
    (told,) = verdicts(scene, now=whole.now_ms)
    assert told["headline"] == "The outcome is unknown: 1 entry is missing before this attempt."
