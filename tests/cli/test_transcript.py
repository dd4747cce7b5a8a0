"""Transcripts: lines for people, NDJSON for programs."""

import io
import json
from typing import Any

from poker_signal.cli.transcript import Transcript
from poker_signal.emulator.client.connection import Frame


def frame(text: str, body: Any) -> Frame:
    """Return a received frame."""
    return Frame(0, 0.1, text, body)


OFFER = {"type": "offer", "senderId": "Zoë", "payload": {"sdp": "x" * 1000}}


def printed(*frames: Frame, for_people: bool) -> list[str]:
    """Return the lines that are printed for received frames and for one problem."""
    stream = io.StringIO()
    transcript = Transcript(stream, for_people=for_people)
    for one in frames:
        transcript.frame(one)
    transcript.problem("\x1b[2J\n")
    return stream.getvalue().splitlines()


def test_people_see_who_said_what() -> None:
    """Frames are shortened and escaped: no text of a peer moves the user's cursor."""
    offer, pong, other, problem = printed(
        frame(json.dumps(OFFER), OFFER),
        frame("", {"type": "pong"}),
        frame("x\n", None),
        for_people=True,
    )
    assert " ms  ← offer            Zoë " in offer
    assert offer.endswith("… (1011 characters)")
    assert " ms  ← pong" in pong
    assert other.endswith(" ms  ← x\\n")
    assert problem.endswith(" ms  ! \\x1b[2J\\n")


def test_programs_get_all_of_it() -> None:
    """Each frame is one line with a whole JSON object, in ASCII."""
    lines = printed(frame(json.dumps(OFFER), OFFER), frame("x\n", None), for_people=False)
    assert all(line.isascii() for line in lines)
    offer, other, problem = (json.loads(line) for line in lines)
    assert (offer["event"], offer["frame"]) == ("frame", OFFER)
    assert (other["event"], other["frame"]) == ("frame", "x\n")
    assert (problem["event"], problem["message"]) == ("problem", "\x1b[2J\n")
    assert offer["ms"] >= 0
