"""Verdicts with the probe in the pages, and with word of clients that report themselves."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from poker_signal.emulator.handshakes.payloads import read_payload
from poker_signal.emulator.recording.redaction import Redaction
from tests.handshakes.failures import FAILURES as OTHER_FAILURES
from tests.handshakes.judged import verdicts
from tests.handshakes.scenes import GAME, HOST, UFRAGS, Scene, candidate, sdp

ERROR = {"name": "TypeError", "message": "Failed to execute."}
INVALID = {"name": "InvalidStateError", "message": "The remote description was null"}
OFFER = {"type": "offer", "sdp": sdp("h0St", "actpass")}
ANSWER = {"type": "answer", "sdp": sdp("aL1c", "active", print_="BB")}


def verdict(scene: Scene, after_ms: int = 0) -> dict[str, Any]:
    """Return the only attempt of a scene, some time after its last entry."""
    (told,) = verdicts(scene.wait(after_ms), now=scene.now_ms, ended=False)
    return told


def offered() -> Scene:
    """Let the host offer, and the player's page make its RTCPeerConnection."""
    scene = Scene().join().probe(HOST, "created", policy="all", servers=[])
    scene.called(HOST, "setLocalDescription", about="offer", ufrag="h0St").offer()
    return scene.probe("Alice", "created", policy="all", servers=[])


def bare_answer() -> Scene:
    """Send the answer as a bare string of SDP."""
    scene = offered().called("Alice", "setRemoteDescription", about="offer", remoteUfrag="h0St")
    scene.called("Alice", "setLocalDescription", about="answer", ufrag="aL1c")
    scene.send("Alice", "answer", HOST, ANSWER["sdp"])
    return scene.called(HOST, "setRemoteDescription", given="string", error=ERROR)


def early_candidates() -> Scene:
    """Add candidates before there is a remote description."""
    scene = offered().trickle(HOST, "Alice", "192.168.1.10", "192.168.1.11")
    for _ in range(2):
        scene.called("Alice", "addIceCandidate", error=INVALID)
    scene.called("Alice", "setRemoteDescription", about="offer", remoteUfrag="h0St")
    scene.called("Alice", "setLocalDescription", about="answer", ufrag="aL1c").answer()
    return scene.called(HOST, "setRemoteDescription", about="answer", remoteUfrag="aL1c")


def ignored_candidates() -> Scene:
    """Deliver candidates that the page does not add."""
    scene = offered().called("Alice", "setRemoteDescription", about="offer", remoteUfrag="h0St")
    scene.called("Alice", "setLocalDescription", about="answer", ufrag="aL1c").answer()
    scene.called(HOST, "setRemoteDescription", about="answer", remoteUfrag="aL1c")
    return scene.trickle(HOST, "Alice", "192.168.1.10", "192.168.1.11")


def relay_only() -> Scene:
    """Let both pages want a relay without a TURN server."""
    scene = Scene().join().probe(HOST, "created", policy="relay", servers=["stun"])
    scene.called(HOST, "setLocalDescription", about="offer", ufrag="h0St").offer()
    return scene.state(HOST, "iceGatheringState", "complete")


def turn_failed(*codes: int) -> Scene:
    """Let both pages want a relay whose TURN server answers with these codes."""
    scene = Scene().join().probe(HOST, "created", policy="relay", servers=["turn"])
    scene.called(HOST, "setLocalDescription", about="offer", ufrag="h0St").offer()
    for code in codes:
        scene.probe(HOST, "icecandidateerror", code=code, text="", url="turn:t.example:3478")
    return scene.state(HOST, "iceGatheringState", "complete")


def unsent_candidates() -> Scene:
    """Gather candidates that the page does not send."""
    scene = Scene().join().probe(HOST, "created", policy="all", servers=[])
    scene.called(HOST, "setLocalDescription", about="offer", ufrag="h0St").offer()
    for type_ in ("host", "srflx", "end"):
        scene.probe(HOST, "candidate", type=type_)
    return scene


def ice(state: str) -> Scene:
    """Negotiate, and let ICE of the host come to a state."""
    return Scene().negotiate().state(HOST, "iceConnectionState", state)


def ice_failed() -> Scene:
    """Negotiate, and let ICE fail."""
    scene = ice("failed").probe(HOST, "checks", pairs=4, requestsSent=36, responsesReceived=0)
    return scene.state(HOST, "connectionState", "failed")


def channels(label: str, state: str) -> Scene:
    """Let the peers connect, and a channel be in a state."""
    scene = ice("connected").probe(HOST, "channel", label=label, state=state)
    return scene.state(HOST, "connectionState", "connected")


def page_throws() -> Scene:
    """Let the host's page throw once the join has arrived."""
    scene = Scene().join().wait(2)
    error = {"name": "TypeError", "message": "offer is not a function", "where": "app.js:12"}
    scene.add("probe", HOST, event="error", of="error", **error)
    return scene


FAILURES: list[tuple[Callable[[], Scene], int, str, str]] = [
    (bare_answer, 0, "CALL_FAILED", "setRemoteDescription of HOST failed on the answer of “Alice”: TypeError: Failed to execute. The payload is a bare string of SDP."),
    (early_candidates, 0, "CANDIDATES_REFUSED", "addIceCandidate of “Alice” failed 2 times, and never succeeded: InvalidStateError: The remote description was null."),
    (ignored_candidates, 2000, "CANDIDATES_NOT_ADDED", "“Alice” got 2 candidates and did not call addIceCandidate."),
    (relay_only, 2000, "NO_RELAY", "HOST has no candidate: iceTransportPolicy is “relay” and there is no TURN server in iceServers."),
    (lambda: turn_failed(701, 401), 2000, "NO_RELAY", "HOST has no candidate: iceTransportPolicy is “relay” and no relay candidate came: TURN answered 401 (turn:t.example:3478)."),
    (lambda: turn_failed(701), 2000, "NO_RELAY", "HOST has no candidate: iceTransportPolicy is “relay” and no relay candidate came: TURN could not be reached (turn:t.example:3478)."),
    (unsent_candidates, 2000, "CANDIDATES_NOT_SENT", "HOST gathered 2 candidates and sent none."),
    (offered, 2000, "NOT_APPLIED", "The offer arrived at “Alice”, and its page did not call setRemoteDescription."),
    (lambda: offered().called("Alice", "setRemoteDescription", about="offer"), 2000, "ANSWER_NOT_SENT", "“Alice” took the offer and did not call createAnswer."),
    (lambda: offered().called("Alice", "setRemoteDescription", about="offer").called("Alice", "createAnswer"), 2000, "ANSWER_NOT_SENT", "“Alice” called createAnswer and did not call setLocalDescription."),
    (lambda: offered().called("Alice", "setRemoteDescription", about="offer").called("Alice", "setLocalDescription", about="answer"), 2000, "ANSWER_NOT_SENT", "“Alice” made an answer and did not send it."),
    (lambda: Scene().join().probe(HOST, "created").called(HOST, "setLocalDescription", about="offer"), 2000, "OFFER_NOT_SENT", "HOST made an offer and did not send it."),
    (lambda: Scene().join().probe(HOST, "created"), 2000, "OFFER_NOT_SENT", "HOST made an RTCPeerConnection and no offer."),
    (page_throws, 0, "PAGE_ERROR", "The page of HOST threw TypeError: offer is not a function (app.js:12), 0.00 s after the join arrived."),
    (lambda: offered().called("Alice", "close"), 0, "CLOSED", "“Alice” closed its RTCPeerConnection 0.00 s after the handshake began, before it was connected."),
    (ice_failed, 0, "ICE_FAILED", "ICE of HOST failed: no pair of addresses works. 4 pairs, 36 checks sent, 0 answered."),
    (lambda: ice("checking"), 9000, "NOT_CONNECTED", "Signaling is complete, and ICE of HOST is still “checking” 9.0 s later."),
    (lambda: ice("connected").state(HOST, "connectionState", "failed"), 0, "DTLS_FAILED", "ICE of HOST connected, but DTLS failed: connectionState is “failed”."),
    (lambda: channels("table", "created"), 2000, "NO_CHANNEL", "The peers are connected, but the data channel did not open: “table” is created."),
]  # fmt: skip
"""Scenes with the probe, milliseconds after them, and their verdict."""


@pytest.mark.parametrize(
    ("play", "after_ms", "code", "headline"),
    FAILURES,
    ids=[f"{number}-{each[2]}" for number, each in enumerate(FAILURES)],
)
def test_the_probe_names_the_cause(
    play: Callable[[], Scene], after_ms: int, code: str, headline: str
) -> None:
    """The verdict is the call, error or state that ended the handshake."""
    told = verdict(play(), after_ms)
    assert (told["state"], told["code"], told["headline"]) == ("bad", code, headline)


def test_an_open_channel_is_green() -> None:
    """Only the open channel makes the verdict green, whatever was wrong before."""
    scene = ice("connected").state(HOST, "connectionState", "connected")
    assert verdict(scene)["state"] == "waiting"
    scene.called(HOST, "addIceCandidate", error=INVALID)
    scene.probe(HOST, "pair", local={"type": "host", "protocol": "udp"}, remote={"type": "srflx"})
    scene.probe(HOST, "channel", label="table", state="open")
    told = verdict(scene, 9000)
    assert (told["state"], told["code"]) == ("ok", "CONNECTED")
    assert told["headline"] == (
        "Connected 0.01 s after the join: the data channel opened, host/udp – srflx, as HOST reports."
    )
    assert {each["severity"] for each in told["findings"]} == {"note"}
    assert told["steps"][-1] == {"name": "connected", "state": "ok", "text": "yes"}


def test_media_without_a_channel_connect_by_their_state() -> None:
    """Peers that negotiate no data channel are connected once connectionState says so."""
    text = OFFER["sdp"].replace("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "m=audio 9 X 0")
    scene = Scene().join().probe(HOST, "created", ufrag="h0St")
    scene.send(HOST, "offer", "Alice", {"type": "offer", "sdp": text})
    answer = text.replace("h0St", "aL1c").replace("AA:AA", "BB:BB").replace("actpass", "active")
    scene.send("Alice", "answer", HOST, {"type": "answer", "sdp": answer})
    told = verdict(scene.state(HOST, "connectionState", "connected"))
    assert (told["code"], "ICE and DTLS connected" in told["headline"]) == ("CONNECTED", True)


@pytest.mark.parametrize(
    ("state", "expected"), [("failed", ("warn", "LOST")), ("closed", ("ok", "CONNECTED"))]
)
def test_a_lost_connection_is_not_red(state: str, expected: tuple[str, str]) -> None:
    """A connection that was there and failed is a warning; one that was closed has ended."""
    scene = ice("connected").probe(HOST, "channel", label="table", state="open").wait(4000)
    scene.state(HOST, "connectionState", state)
    scene.probe(HOST, "channel", label="table", state="closed")
    told = verdict(scene)
    assert (told["state"], told["code"]) == expected
    assert "4.0 s later" in told["headline"] + str(told["findings"])


@pytest.mark.parametrize("type_", ["report", "player-connected"])
def test_a_client_can_report_itself(type_: str) -> None:
    """Word of a client without the probe counts; a report of another state does not."""
    payload = {"state": "connected", "ms": 400} if type_ == "report" else None
    scene = Scene().complete().send("Alice", type_, HOST, payload)
    told = verdict(scene)
    assert (told["state"], told["code"]) == ("ok", "CONNECTED")
    assert told["headline"] == "Connected 3.1 s after the join, as “Alice” reports."
    other = Scene().complete().send("Alice", "report", HOST, {"state": "failed"})
    assert verdict(other)["state"] == "neutral"


def test_the_host_may_tell_of_another_player() -> None:
    """A player-connected to one player about another is word about that other."""
    scene = Scene().complete().complete("Bob")
    scene.send(HOST, "player-connected", "Bob", {"playerName": "Alice"})
    told = {each["player"]: each["state"] for each in verdicts(scene, now=scene.now_ms)}
    assert told == {"Alice": "ok", "Bob": "neutral"}


def test_each_connection_of_a_host_is_that_of_its_player() -> None:
    """The RTCPeerConnections of a host are told apart by their ufrags."""
    scene = Scene().join().join("Bob")
    for who, ufrag in (("Alice", "fOrA"), ("Bob", "fOrB")):
        text = sdp(ufrag, "actpass")
        scene.probe(HOST, "created", pc=f"1.{who}")
        scene.called(HOST, "createOffer", pc=f"1.{who}", ufrag=ufrag)
        scene.called(HOST, "setLocalDescription", pc=f"1.{who}", ufrag=ufrag)
        scene.send(HOST, "offer", who, {"type": "offer", "sdp": text})
    scene.called(HOST, "addIceCandidate", pc="1.Alice", error=INVALID)
    scene.answer().answer("Bob").trickle("Alice", HOST, "192.168.1.23")
    scene.probe(HOST, "channel", pc="1.Bob", label="table", state="open")
    told = {each["player"]: each["code"] for each in verdicts(scene, now=scene.now_ms)}
    assert told == {"Alice": "CANDIDATES_REFUSED", "Bob": "CONNECTED"}


def test_a_call_that_succeeds_later_is_not_the_cause() -> None:
    """A failed call that was repeated with success is not in the headline."""
    scene = offered().called("Alice", "setRemoteDescription", about="offer", error=ERROR)
    scene.called("Alice", "setRemoteDescription", about="offer", remoteUfrag="h0St")
    assert verdict(scene)["code"] == "WAITING"


@pytest.mark.parametrize(
    ("type_", "payload", "what"),
    [
        ("offer", OFFER["sdp"], "a bare string of SDP"),
        ("offer", '{"type":"offer","sdp":"v=0\\r\\nm=application 9 X\\r\\n"}', "JSON in a string"),
        ("offer", {"offer": OFFER}, "one level too deep: the description is in “offer”"),
        ("offer", ANSWER, "a description of type “answer”, in a message of type “offer”"),
        ("offer", {"sdp": OFFER["sdp"]}, "a description without a type, in a message of type “offer”"),
        ("offer", json.dumps(OFFER["sdp"]), "JSON in a string"),
        ("ice-candidate", json.dumps(candidate("192.168.1.1", "h0St")["candidate"]), "JSON in a string"),
        ("ice-candidate", {"ice": candidate("192.168.1.1", "h0St")}, "one level too deep: the candidate is in “ice”"),
        ("offer", None, "null"),
        ("offer", {}, "an object without “sdp”"),
        ("offer", [1], "an array"),
        ("offer", {"type": "offer", "sdp": "v=0 m=application"}, "SDP in one line: its line endings are lost"),
        ("ice-candidate", "candidate:1 1 udp 1 192.168.1.1 5 typ host", "a bare string"),
        ("ice-candidate", {"candidate": candidate("192.168.1.1", "h0St")}, "one level too deep: the candidate is in “candidate”"),
        ("ice-candidate", {"candidate": candidate("192.168.1.1", "h0St")["candidate"]}, "a candidate without sdpMid and sdpMLineIndex"),
        ("ice-candidate", {"isTrusted": True}, "an object without “candidate”"),
        ("ice-candidate", {"candidate": "x", "sdpMid": "0"}, "not an ICE candidate"),
        ("ice-candidate", None, None),
        ("ice-candidate", {"candidate": "", "sdpMid": "0"}, None),
        ("ice-candidate", candidate("192.168.1.1", "h0St"), None),
    ],
)  # fmt: skip
def test_the_shape_of_a_payload_is_named(type_: str, payload: Any, what: str | None) -> None:
    """A payload that a browser does not take is named, with the line that usually causes it."""
    scene = Scene().join()
    if type_ != "offer":
        scene.offer()
    scene.send(HOST, type_, "Alice", payload)
    (told,) = verdicts(scene, now=scene.now_ms)
    found = [told, *told["findings"]]
    shapes = [each for each in found if each["code"] == "BAD_PAYLOAD"]
    if what is None:
        assert shapes == []
        return
    assert (shapes[0].get("headline") or shapes[0]["text"]) == (
        f"The payload of the {type_} of HOST is {what}."
    )
    assert shapes[0]["hint"]


@pytest.mark.parametrize(
    ("body", "code", "mistake"),
    [
        ('{"type":"candidate","targetId":"HOST"}', "UNKNOWN_TYPE", "There is no type “candidate”: did you mean “ice-candidate”?"),
        ('{"type":"ofer","targetId":"HOST"}', "UNKNOWN_TYPE", "There is no type “ofer”: did you mean “offer”?"),
        ('{"action":"offer","targetId":"HOST"}', "INVALID_MESSAGE", "It has “action” in place of “type”."),
        ('{"type":"offer","to":"HOST"}', "INVALID_MESSAGE", "It has “to” in place of “targetId”."),
        ("hello", "INVALID_MESSAGE", "It is not JSON."),
        ("[1]", "INVALID_MESSAGE", "It is JSON, but no object."),
    ],
)  # fmt: skip
def test_the_mistake_in_a_refused_message_is_named(body: str, code: str, mistake: str) -> None:
    """The verdict names the wrong member or type, and what was probably meant."""
    scene = Scene().join()
    event = {"body": body, "requestContext": {"eventType": "MESSAGE"}}
    scene.add("message", "Alice", event=event, requestId="bad=", route="$default", size=len(body))
    scene.post("Alice", {"type": "error", "payload": {"code": code, "message": "A sentence."}})
    told = verdict(scene)
    assert (told["state"], told["code"]) == ("bad", code)
    assert told["headline"].endswith(mistake)


def test_dropped_candidates_are_not_green() -> None:
    """Signaling whose candidates were all dropped has failed, without word of a page too."""
    scene = Scene().join().offer().answer()
    for who, target in ((HOST, "Alice"), ("Alice", HOST)):
        payload = candidate("192.168.1.10", UFRAGS[who])
        request_id = scene.message(who, "ice-candidate", target, payload)
        scene.add(
            "fault", who, fault="drop:ice-candidate", detail="ice-candidate", requestId=request_id
        )
    told = verdict(scene)
    assert (told["state"], told["code"]) == ("bad", "CANDIDATES_LOST")
    assert told["headline"] == (
        "None of the 2 candidates of HOST and of “Alice” arrived: drop:ice-candidate dropped them."
    )
    assert told["steps"][-2] == {"name": "candidates", "state": "bad", "text": "0 of 1 + 0 of 1"}


@pytest.mark.parametrize(
    ("fault", "state"), [("drop:offer#1", "bad"), ("delay:offer=6s", "waiting")]
)
def test_the_deed_of_the_emulator_is_told_at_once(fault: str, state: str) -> None:
    """A message that the emulator dropped or holds back is the headline without delay."""
    scene = Scene().join()
    request_id = scene.message(HOST, "offer", "Alice", OFFER)
    scene.add("fault", HOST, fault=fault, detail="offer", requestId=request_id)
    told = verdict(scene)
    assert told["state"] == state
    assert fault in told["headline"]
    assert verdict(scene, 5000)["state"] == state


def test_two_of_one_name_have_their_own_verdicts() -> None:
    """Of two connections of one name that join at once, the one that got the offer goes on."""
    scene = Scene().connect(HOST).connect("first", "Alice").connect("second", "Alice")
    one, other = (
        scene.message(who, "join", HOST, {"playerName": "Alice"}) for who in ("first", "second")
    )
    scene.post(HOST, {"type": "join", "senderId": "Alice", "payload": {}})
    scene.post(
        "first", {"type": "error", "payload": {"code": "DUPLICATE_NAME", "message": "Taken."}}
    )
    scene.returned("first", one).returned("second", other)
    request_id = scene.message(HOST, "offer", "Alice", OFFER)
    scene.post("second", {"type": "offer", "senderId": HOST, "payload": OFFER}).returned(
        HOST, request_id
    )
    scene.send("second", "answer", HOST, ANSWER)
    told = verdicts(scene.wait(9000), now=scene.now_ms)
    assert [each["code"] for each in told] == ["DUPLICATE_NAME", "NO_CANDIDATES"]


@pytest.mark.parametrize("junk", [None, 5, "x", [], {}, {"event": 5}, {"pc": 7, "event": "state"}])
def test_junk_is_no_evidence(junk: Any) -> None:
    """Entries of any shape are taken, as recordings may hold anything."""
    scene = Scene().complete()
    for kind in ("connect", "message", "return", "post", "disconnect", "fault", "probe", "opened"):
        entry = {"kind": kind, "n": junk, "at": junk, "connectionId": "AliceConn=", "gameId": GAME}
        for member in ("event", "frame", "result", "error", "fault", "type", "requestId", "code"):
            entry[member] = junk
        scene.entries.append(entry)
    assert verdicts(scene, now=scene.now_ms)


@pytest.mark.parametrize("keep_addresses", [True, False])
def test_a_recording_gives_the_same_verdicts_elsewhere(keep_addresses: bool) -> None:
    """Redaction takes addresses, names of servers and secrets, but no evidence."""
    scenes = [play() for play, *_ in FAILURES] + [failure.play() for failure in OTHER_FAILURES]
    for scene in scenes:
        before = verdicts(scene.wait(9000), now=scene.now_ms, ended=False)
        redaction = Redaction(keep_addresses=keep_addresses)
        recorded = [json.loads(json.dumps(redaction.entry(entry))) for entry in scene.entries]
        scene.entries = recorded
        after = verdicts(scene, now=scene.now_ms, ended=False)
        assert [each["code"] for each in after] == [each["code"] for each in before]


@pytest.mark.parametrize("type_", ["offer", "ice-candidate"])
@pytest.mark.parametrize("member", ["a", "candidate", "offer"])
def test_a_deep_payload_harms_no_verdict(type_: str, member: str) -> None:
    """A peer may nest a payload as deeply as JSON can be read."""
    payload: dict[str, Any] = {}
    for _ in range(5000):
        payload = {member: payload}
    assert read_payload(type_, payload).problem is not None
