"""Outcomes of messages that a foreign handler has answered with posts."""

import json
from typing import Any

import pytest

from poker_signal.core.aws_event import Identity
from poker_signal.emulator.aws.events import Facts, Label
from poker_signal.emulator.aws.results import Raised, Report, Result, Returned, TimedOut
from poker_signal.emulator.trace import outcomes as module
from poker_signal.emulator.trace.entries import Posted, Received
from poker_signal.emulator.trace.outcomes import Outcomes
from poker_signal.emulator.trace.trace import Trace

OK = Returned({"statusCode": 200})


def facts(name: str, game: str = "G") -> Facts:
    """Return the facts of a player's connection."""
    identity: Identity = {"sourceIp": "::1"}
    return Facts(f"{name} {game}", 0, "prod", "x", "x", identity, label=Label(name, game))


ALICE, BOB, HOST = facts("Alice"), facts("Bob"), facts("HOST")


class Scene:
    """A trace, and messages whose handlers run."""

    def __init__(self) -> None:
        self.trace = Trace()
        self.outcomes = Outcomes(self.trace)

    def begins(self, body: Any, sender: Facts = ALICE) -> "Handling":
        """Begin a message of a sender, as an object or as text."""
        text = body if isinstance(body, str) else json.dumps(body)
        return Handling(self, Received(0, sender, "$default", text, "r", "m"))

    def posts(self, to: Facts | None, frame: Any) -> None:
        """Post a frame; None: the connection is gone."""
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self.trace.add(Posted(0, to, "x" if to is None else to.connection_id, text))


class Handling:
    """A message whose handler runs."""

    def __init__(self, scene: Scene, received: Received) -> None:
        self._end = scene.outcomes.begin(received)

    def ends(self, result: Result = OK) -> Report | None:
        """End the handler; return the report of the result."""
        ended = self._end(result)
        if not isinstance(result, Returned):
            assert ended == result
            return None
        assert isinstance(ended, Returned)
        assert ended.value == result.value
        return ended.report


def frame(type_: str, payload: Any = None, sender: str = "Alice") -> dict[str, Any]:
    """Return a relayed message."""
    return {"type": type_, "senderId": sender, "payload": payload}


def refusal(kind: str, code: str, **more: Any) -> dict[str, Any]:
    """Return an answer to the sender."""
    return {"type": kind, "payload": {"code": code, "message": "Why", **more}}


OFFER = {"type": "offer", "targetId": "Bob", "payload": 1}
NOT_FOUND = refusal("undelivered", "TARGET_NOT_FOUND", type="offer", targetId="Bob")


@pytest.mark.parametrize(
    ("message", "posted", "report"),
    [
        (OFFER, [(BOB, frame("offer", 1))], Report("delivered")),
        (OFFER, [(BOB, frame("offer", "rewritten"))], Report("delivered")),
        ({"type": "join"}, [(HOST, frame("join"))], Report("delivered")),
        (OFFER, [(ALICE, NOT_FOUND)], Report("undelivered", "TARGET_NOT_FOUND")),
        ({**OFFER, "id": "7"}, [(ALICE, {**NOT_FOUND, "id": "7"})],
         Report("undelivered", "TARGET_NOT_FOUND")),
        ({"type": "join"}, [(ALICE, refusal("error", "HOST_NOT_FOUND"))],
         Report("error", "HOST_NOT_FOUND")),
        ({"type": "join"}, [(ALICE, refusal("error", 7))], Report("error")),  # type: ignore[arg-type]
        ({"type": "ping"}, [(ALICE, {"type": "pong"})], Report("pong")),
        # A connection of the name that is gone first, and then the one that is open.
        (OFFER, [(None, frame("offer", 1)), (BOB, frame("offer", 1))], Report("delivered")),
        (OFFER, [(None, frame("offer", 1))], Report("undelivered", "410")),
        (OFFER, [(None, frame("offer", 1)), (ALICE, NOT_FOUND)],
         Report("undelivered", "TARGET_NOT_FOUND")),
        # Of others, of another protocol, later, or nothing: not known.
        (OFFER, [], None),
        (OFFER, [(HOST, frame("offer", 1))], None),
        (OFFER, [(facts("Bob", "other"), frame("offer", 1))], None),
        (OFFER, [(BOB, frame("offer", 1, "Eve"))], None),
        (OFFER, [(BOB, frame("answer", 1))], None),
        (OFFER, [(None, frame("offer", 2))], None),
        (OFFER, [(ALICE, refusal("undelivered", "X", type="answer", targetId="Bob"))], None),
        (OFFER, [(ALICE, {**refusal("error", "X"), "id": "of another"})], None),
        (OFFER, [(ALICE, refusal("error", "NO_ANSWER"))], None),
        (OFFER, [(ALICE, {"type": "pong"}), (ALICE, {"type": "ack"}), (ALICE, "[1]")], None),
        (OFFER, [(ALICE, {"type": "error", "payload": None}), (BOB, "no JSON")], None),
        ({"action": "say"}, [(BOB, frame("offer", 1))], None),
        ({"type": 7, "targetId": "Bob"}, [(BOB, frame("offer", 1))], None),
        ("no JSON", [(ALICE, refusal("error", "INVALID_MESSAGE"))], None),
        ("[" * 5000, [(BOB, "[" * 5000)], None),
    ],
)  # fmt: skip
def test_frames_tell_what_became_of_a_message(
    message: Any, posted: list[tuple[Facts | None, Any]], report: Report | None
) -> None:
    """A relayed frame to the target, or an answer to the sender; else it is not known."""
    scene = Scene()
    scene.posts(BOB, frame("offer", 1))
    handling = scene.begins(message)
    for to, text in posted:
        scene.posts(to, text)
    assert handling.ends() == report


def test_each_frame_is_the_outcome_of_one_message() -> None:
    """Payloads tell messages apart; without a difference, each frame counts once."""
    scene = Scene()
    first, second, third = [scene.begins({**OFFER, "payload": payload}) for payload in (1, 2, 2)]
    scene.posts(BOB, frame("offer", 2))
    assert first.ends() is None
    assert second.ends() == Report("delivered")
    assert third.ends() is None
    join, candidate = scene.begins({"type": "join"}), scene.begins({"type": "ice-candidate"})
    scene.posts(ALICE, refusal("error", "HOST_NOT_FOUND"))
    assert join.ends() == Report("error", "HOST_NOT_FOUND")
    assert candidate.ends() is None


def test_messages_of_others_do_not_matter() -> None:
    """A changed payload counts if the sender has no other message of the type on its way."""
    scene = Scene()
    other, own = scene.begins(OFFER, BOB), scene.begins(OFFER)
    scene.posts(BOB, frame("offer", "rewritten"))
    assert own.ends() == Report("delivered")
    assert other.ends() is None


@pytest.mark.parametrize(
    "result",
    [
        Raised("boom"),
        TimedOut(),
        Returned("text"),
        Returned({"statusCode": 500}),
        Returned({"statusCode": 200}, Report("undelivered", "X")),
    ],
)
def test_other_results_keep_what_they_say(result: Result) -> None:
    """A failure is told as it is, and a report of our own rules, too."""
    scene = Scene()
    handling = scene.begins(OFFER)
    scene.posts(BOB, frame("offer", 1))
    report = handling.ends(result)
    assert report == (result.report if isinstance(result, Returned) else None)


def test_a_search_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd's frames are not all parsed for each message."""
    monkeypatch.setattr(module, "MAX_ENTRIES", 3)
    monkeypatch.setattr(module, "MAX_GONE", 1)
    scene = Scene()
    handlings = [scene.begins(OFFER) for _ in range(2)]
    for to in (None, None, HOST):
        scene.posts(to, frame("answer"))
    scene.posts(BOB, frame("offer", 1))
    assert [handling.ends() for handling in handlings] == [None, None]
