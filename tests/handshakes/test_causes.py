"""A cause comes before its effects: verdicts on the kinds of tests/inspector/breakages.py."""

from typing import Any

import pytest

from tests.handshakes.judged import verdicts
from tests.handshakes.scenes import HOST, Scene, candidate, sdp

ICE_FAILURE = {"name": "InvalidStateError", "message": "Called in wrong state: stable"}


def verdict(scene: Scene, player: str = "Alice") -> dict[str, Any]:
    """Return the verdict on the last attempt of a player to reach HOST, at the scene's time."""
    told = verdicts(scene, now=scene.now_ms)
    return [each for each in told if (each["host"], each["player"]) == (HOST, player)][-1]


def call(scene: Scene, who: str, name: str, pc: str | None = None, **more: Any) -> Scene:
    """Let the probe report a call of a page's RTCPeerConnection."""
    if pc is not None:
        more["pc"] = pc
    scene.add("probe", who, event="call", call=name, **more)
    return scene


def state(scene: Scene, who: str, pc: str, name: str, of: str = "connectionState") -> Scene:
    """Let the probe report a state."""
    scene.add("probe", who, event="state", of=of, state=name, pc=pc)
    return scene


def test_a_constructor_that_throws_is_named() -> None:
    """A failed constructor has no connection in the probe's report, and is the finding."""
    scene = Scene().join().wait(5)
    error = {"name": "SyntaxError", "message": "'stun.example.org' is not a valid URL"}
    call(scene, HOST, "new", error=error)
    told = verdict(scene.wait(6000))
    assert told["headline"] == (
        "new RTCPeerConnection of HOST failed: SyntaxError: 'stun.example.org' is not a valid URL."
    )
    assert "iceServers" in told["hint"]


def test_a_description_that_was_not_applied_locally_is_named() -> None:
    """Without setLocalDescription the answer of the peer is refused, which is an effect."""
    scene = Scene().join()
    call(scene, HOST, "createOffer", "1.1", ufrag="h0St")
    scene.offer().wait(10).answer()
    call(scene, HOST, "setRemoteDescription", "1.1", about="answer", error=ICE_FAILURE)
    told = verdict(scene.wait(100))
    assert (told["state"], told["code"]) == ("bad", "NOT_LOCAL")
    assert "HOST sent its offer and did not call setLocalDescription" in told["headline"]


def test_glare_is_named_and_not_the_call_that_it_breaks() -> None:
    """If both sides offer, the refused answers are an effect."""
    scene = Scene().join()
    call(scene, HOST, "setLocalDescription", "1.1", about="offer", ufrag="h0St")
    scene.offer()
    offer = {"type": "offer", "sdp": sdp("aL1c", "actpass", print_="BB")}
    scene.send("Alice", "offer", HOST, offer).wait(5).answer()
    call(scene, HOST, "setRemoteDescription", "1.1", about="answer", error=ICE_FAILURE)
    told = verdict(scene.wait(100))
    assert (told["state"], told["code"]) == ("bad", "GLARE")


def test_an_answer_has_another_certificate_than_the_offer_that_it_answers() -> None:
    """After glare, the fingerprint of an answer is that of the same side's offer."""
    scene = Scene().join()
    offer = {"type": "offer", "sdp": sdp("aL1c", "actpass", print_="BB")}
    scene.send("Alice", "offer", HOST, offer).offer().answer()
    assert "SAME_FINGERPRINT" not in {each["code"] for each in verdict(scene)["findings"]}


def test_candidates_of_one_side_are_enough() -> None:
    """A side without candidates is a note: the other side's checks may connect them."""
    scene = Scene().join().offer().trickle(HOST, "Alice", "192.168.1.10").answer()
    told = verdict(scene.wait(3000))
    assert told["state"] == "neutral"
    assert "NO_CANDIDATES" in {each["code"] for each in told["findings"]}


@pytest.mark.parametrize("code", ["UNKNOWN_TYPE", "INVALID_MESSAGE"])
def test_refused_candidates_are_told_after_the_answer(code: str) -> None:
    """A type that is nearly right is the cause if no candidate arrived, and a note otherwise."""
    scene = Scene().join().offer().answer()
    for who, target in ((HOST, "Alice"), ("Alice", HOST)):
        scene.refuse(who, "candidate", target, code)
    assert (verdict(scene)["state"], verdict(scene)["code"]) == ("bad", code)
    scene.trickle(HOST, "Alice", "192.168.1.10").trickle("Alice", HOST, "192.168.1.23")
    assert verdict(scene)["state"] == "neutral"


def test_an_offer_to_nearly_the_right_name_is_told_at_once() -> None:
    """The host that sends its offer to “alice” has not been silent."""
    scene = Scene().join().wait(10)
    scene.refuse(HOST, "offer", "alice", "TARGET_NOT_FOUND", "undelivered")
    told = verdict(scene.wait(100))
    assert (told["state"], told["code"]) == ("bad", "TARGET_NOT_FOUND")
    assert "“alice”" in told["headline"]
    assert "“Alice”" in told["headline"]


def test_a_throttling_fault_is_in_the_headline() -> None:
    """A 429 that a fault injects is told as the fault."""
    scene = Scene().join()
    scene.add("fault", "Alice", fault="throttle:Alice", detail="@connections: 429")
    scene.refuse(HOST, "offer", "Alice", "RATE_LIMITED", "undelivered")
    assert "throttle:Alice" in verdict(scene)["headline"]


def test_a_payload_of_the_wrong_shape_comes_before_the_silence_after_it() -> None:
    """A page that cannot read the offer does not answer: the payload is the cause."""
    scene = Scene().join().send(HOST, "offer", "Alice", sdp("h0St", "actpass")).wait(6000)
    told = verdict(scene)
    assert (told["state"], told["code"]) == ("bad", "BAD_PAYLOAD")
    assert told["headline"] == (
        "The payload of the offer of HOST is a bare string of SDP. “Alice” has sent no answer."
    )


def probed(scene: Scene) -> Scene:
    """Let the page of the host report an RTCPeerConnection that does not connect."""
    for name, about in (("setLocalDescription", "offer"), ("setRemoteDescription", "answer")):
        call(scene, HOST, name, "1.1", about=about, ufrag="h0St")
    call(scene, HOST, "addIceCandidate", "1.1", about="host")
    return state(scene, HOST, "1.1", "connecting").wait(9000)


def test_ice_that_does_not_connect_is_explained_by_foreign_candidates() -> None:
    """Candidates of another session are why ICE stays in checking."""
    scene = Scene().join().offer().answer()
    scene.trickle(HOST, "Alice", "192.168.1.10", ufrag="0lD1")
    scene.trickle("Alice", HOST, "192.168.1.23", ufrag="0lD2")
    told = verdict(probed(scene))
    assert (told["state"], told["code"]) == ("bad", "FOREIGN_UFRAG")


def test_ice_that_does_not_connect_is_explained_by_a_wrong_type() -> None:
    """A description whose type is not the message's is why ICE stays new."""
    scene = Scene().join().offer()
    answer = {"type": "offer", "sdp": sdp("aL1c", "active", print_="BB")}
    scene.send("Alice", "answer", HOST, answer)
    scene.trickle(HOST, "Alice", "192.168.1.10").trickle("Alice", HOST, "192.168.1.23")
    told = verdict(probed(scene))
    assert (told["state"], told["code"]) == ("bad", "BAD_PAYLOAD")


def test_candidates_for_another_player_are_told() -> None:
    """Candidates of this description that went to Bob are found by their ufrag."""
    scene = Scene().connect("Bob").join().offer().answer()
    scene.trickle(HOST, "Bob", "192.168.1.10").trickle("Alice", "Bob", "192.168.1.23")
    told = verdict(scene.wait(100))
    assert (told["state"], told["code"]) == ("bad", "WRONG_TARGET")
    assert "“Bob”" in told["headline"]


def test_one_peer_connection_for_two_players_is_named() -> None:
    """The ufrag shows that the host made no second RTCPeerConnection."""
    scene = Scene().join("Bob").offer("Bob").answer("Bob").wait(1000)
    scene.join().offer().answer()
    state(scene, "Alice", "2.1", "connected")
    told = verdict(scene.wait(2000))
    assert (told["state"], told["code"]) == ("bad", "SHARED_PEER")
    assert "HOST uses one RTCPeerConnection for “Bob” and “Alice”" in told["headline"]


def test_an_offer_into_a_connection_that_is_open_keeps_it_green() -> None:
    """After an ICE restart, the RTCPeerConnection belongs to both attempts of the players."""
    scene = Scene().complete()
    for who, pc, own, other in ((HOST, "1.1", "h0St", "aL1c"), ("Alice", "2.1", "aL1c", "h0St")):
        scene.add(
            "probe",
            who,
            event="channel",
            label="t",
            state="open",
            pc=pc,
            ufrag=own,
            remoteUfrag=other,
        )
    scene.wait(1000).send("Alice", "join", HOST, {})
    again = {"type": "offer", "sdp": sdp("h1St", "actpass")}
    scene.send(HOST, "offer", "Alice", again)
    for who, pc, name in ((HOST, "1.1", "ufrag"), ("Alice", "2.1", "remoteUfrag")):
        call(scene, who, "setLocalDescription", pc, **{name: "h1St"})
    told = verdict(scene.wait(6000))
    assert (told["number"], told["state"]) == (2, "ok")


@pytest.mark.parametrize("payload", [{"isTrusted": True}, {}], ids=["event", "empty"])
def test_candidates_without_content_were_sent(payload: dict[str, Any]) -> None:
    """A page that sends the event has sent its candidates: their payload is the finding."""
    scene = Scene().join().offer().answer()
    call(scene, HOST, "setRemoteDescription", "1.1", about="answer", ufrag="h0St")
    state(scene, HOST, "1.1", "complete", "iceGatheringState")
    scene.add("probe", HOST, event="candidate", type="host", protocol="udp", pc="1.1")
    scene.send(HOST, "ice-candidate", "Alice", payload)
    scene.send("Alice", "ice-candidate", HOST, candidate("192.168.1.23", "aL1c"))
    call(scene, HOST, "addIceCandidate", "1.1", about="host")
    told = verdict(scene.wait(2000))
    assert told["code"] == "BAD_PAYLOAD"
    assert "without “candidate”" in told["headline"]


def test_an_answer_before_any_offer_is_the_finding() -> None:
    """The page of the host cannot apply such an answer."""
    scene = Scene().connect(HOST).connect("Alice").wait(100)
    call(scene, "Alice", "createOffer", "2.1", ufrag="aL1c")
    state(scene, HOST, "1.1", "new")
    told = verdict(scene.answer().wait(6000))
    assert (told["state"], told["code"]) == ("bad", "ANSWER_FIRST")


def test_a_closed_connection_is_named_before_the_candidates_that_it_refuses() -> None:
    """AddIceCandidate of a closed RTCPeerConnection fails, which is an effect."""
    scene = Scene().join().offer()
    call(scene, "Alice", "setLocalDescription", "2.1", about="answer", ufrag="aL1c")
    scene.answer()
    call(scene, "Alice", "close", "2.1")
    scene.trickle(HOST, "Alice", "192.168.1.10")
    call(scene, "Alice", "addIceCandidate", "2.1", error=ICE_FAILURE)
    told = verdict(scene.wait(100))
    assert (told["state"], told["code"]) == ("bad", "CLOSED")


def test_an_ignored_answer_is_named_before_the_candidates_that_wait_for_it() -> None:
    """A page that ignores the answer adds no candidates either."""
    scene = Scene().join()
    call(scene, HOST, "setLocalDescription", "1.1", about="offer", ufrag="h0St")
    scene.offer().answer().trickle("Alice", HOST, "192.168.1.23")
    told = verdict(scene.wait(3000))
    assert (told["state"], told["code"]) == ("bad", "NOT_APPLIED")
    assert "setRemoteDescription" in told["headline"]


def test_an_offer_without_media_is_named_before_the_candidates_that_it_lacks() -> None:
    """A description without an m= line gathers nothing."""
    empty = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    scene = Scene().join()
    call(scene, HOST, "setLocalDescription", "1.1", about="offer")
    scene.send(HOST, "offer", "Alice", {"type": "offer", "sdp": empty})
    scene.send("Alice", "answer", HOST, {"type": "answer", "sdp": empty})
    told = verdict(probed(scene))
    assert (told["state"], told["code"]) == ("bad", "NO_MEDIA")


def test_candidates_that_wait_for_the_answer_are_no_mistake() -> None:
    """A page keeps candidates until the answer comes: the side that sends none is the cause."""
    scene = Scene().join()
    call(scene, HOST, "setLocalDescription", "1.1", about="offer", ufrag="h0St")
    scene.offer()
    for name in ("setRemoteDescription", "createAnswer", "setLocalDescription"):
        call(scene, "Alice", name, "2.1", ufrag="aL1c", remoteUfrag="h0St")
    told = verdict(scene.trickle("Alice", HOST, "192.168.1.23").wait(6000))
    assert (told["code"], told["headline"]) == (
        "ANSWER_NOT_SENT",
        "“Alice” made an answer and did not send it.",
    )


def test_dtls_that_does_not_connect_is_explained_by_a_wrong_type() -> None:
    """ICE may connect with what a broken description says; DTLS does not, and is an effect."""
    scene = Scene().join().offer()
    answer = {"type": "offer", "sdp": sdp("aL1c", "active", print_="BB")}
    scene.send("Alice", "answer", HOST, answer)
    scene.trickle(HOST, "Alice", "192.168.1.10").trickle("Alice", HOST, "192.168.1.23")
    state(scene, HOST, "1.1", "connected", "iceConnectionState")
    told = verdict(probed(scene))
    assert (told["state"], told["code"]) == ("bad", "BAD_PAYLOAD")
