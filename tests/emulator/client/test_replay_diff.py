"""Differences between a recording and a replay, without those that every run has."""

import json

import pytest

from poker_signal.emulator.client.replay_diff import Transcription, compare, lines
from poker_signal.emulator.client.replay_plan import Part

PART = Part("OhDyxN6BIAMCJaA=", "Zoë", "G1", [])
OFFER, ANSWER, PONG = ('{"type": "offer"}', '{"type": "answer"}', '{"type": "pong"}')


def of(*frames: str, outcome: str = "opened", closed: str = "") -> Transcription:
    """Return the transcription of received frames."""
    return Transcription(outcome, list(frames), closed)


def gateways(connection_id: str, request_id: str, message: str = "Forbidden") -> str:
    """Return an error frame of API Gateway itself."""
    value = {"message": message, "connectionId": connection_id, "requestId": request_id}
    return json.dumps(value)


@pytest.mark.parametrize(
    ("then", "now", "missing", "new", "is_order"),
    [
        # White space, the order of members and newly made ids make no difference.
        (of(OFFER, PONG), of(OFFER, PONG), [], [], False),
        (of('{"a": 1, "b": 2}'), of('{"b":2,"a":1}'), [], [], False),
        (of(gateways("OhDyxN6BIAMCJaA=", "r")), of(gateways("Xabcdef_BIAMCJ0=", "s")),
         [], [], False),
        (of('{"from": "OhDyxN6BIAMCJaA="}'), of('{"from": "Xabcdef_BIAMCJ0="}'), [], [], False),
        (of("[" * 100_000), of("[" * 100_000), [], [], False),
        (of(OFFER, PONG), of(PONG), [OFFER], [], False),
        (of(PONG), of(PONG, PONG), [], [PONG], False),
        (of(OFFER, ANSWER), of(ANSWER, OFFER), [], [], True),
        (of(OFFER, ANSWER, "x"), of(ANSWER, OFFER), ["x"], [], True),
        (of("x", OFFER), of("y", OFFER), ["x"], ["y"], False),
        (of(gateways("a", "r")), of(gateways("a", "r", "Internal server error")),
         [gateways("a", "r")], [gateways("a", "r", "Internal server error")], False),
    ],
)  # fmt: skip
def test_frames_are_compared_as_a_sequence(
    then: Transcription, now: Transcription, missing: list[str], new: list[str], is_order: bool
) -> None:
    """Missing or new frames do not count as a changed order of the others."""
    difference = compare(PART, then, now)
    assert bool(difference) == bool(missing or new or is_order)
    assert bool(list(lines([difference]))) == bool(difference)
    assert (difference.missing, difference.new, difference.is_order) == (missing, new, is_order)


def test_what_a_person_is_told() -> None:
    """Frames are escaped and shortened to a line."""
    then = of("\x1b[2J", OFFER, ANSWER, "x" * 500)
    now = of(ANSWER, OFFER, PONG, outcome="opened", closed="closed by the server with 1001")
    assert list(lines([compare(PART, then, now)])) == [
        "Zoë in G1 (OhDyxN6BIAMCJaA=)",
        "  ! not closed by the server then, closed by the server with 1001 now",
        "  - then, not now  \\x1b[2J",
        f"  - then, not now  {'x' * 159}…",
        '  + now, not then  {"type": "pong"}',
        "  ~ the frames in common came in another order",
    ]
    refused = compare(PART, of(), of(outcome="refused 409"))
    assert refused.end == "opened then, refused 409 now"
