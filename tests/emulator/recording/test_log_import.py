"""Log lines of the Lambda function as a recording: ids, types, outcomes, and no names."""

import json
from typing import Any

import pytest

from poker_signal.core.errors import TargetNotFound
from poker_signal.core.invocation import Outcome
from poker_signal.core.model import Watch
from poker_signal.emulator.recording.log_import import entries_of, log_lines
from poker_signal.lambda_app.handshake import Handshake
from poker_signal.lambda_app.log import line_of

ID = "OhDyxN6BIAMCJaA="
PAIR = "0123abcd"


def logged(route: str, outcome: Outcome | None, at_ms: int, **more: Any) -> dict[str, Any]:
    """Return a log line of the function."""
    context = {"routeKey": route, "connectionId": ID, "requestId": f"r{at_ms}", "stage": "prod"}
    context |= more.pop("context", {})
    usual: dict[str, Any] = {"type_": None, "effects": {}, "unreadable_items": 0, "ms": 3.25}
    return line_of({"requestContext": context}, outcome, at_ms=at_ms, **{**usual, **more})


LINES: list[dict[str, Any]] = [
    json.loads(json.dumps(line))
    for line in [
        logged("$connect", Outcome("connected"), 1000),
        logged(
            "$default", Outcome("delivered"), 2000, type_="join", handshake=Handshake(PAIR, None)
        ),
        logged("$default", Outcome("undelivered", TargetNotFound("Zoë")), 3000, type_="offer"),  # type: ignore[arg-type]
        logged("$default", None, 4000, error=ValueError("Zoë")),
        logged(
            "$disconnect", Outcome("disconnected"), 5000, context={"disconnectStatusCode": 1001}
        ),
    ]
]
WHOSE = {"gameId": "prod 1", "connectionId": ID, "playerId": ID}


def test_every_way_to_get_the_lines_is_read() -> None:
    """Raw lines, `aws logs tail` and `filter-log-events` are read; other lines are skipped."""
    raw = [json.dumps(line) for line in LINES]
    prefix = "2026-11-23T01:02:03.123000+00:00 2026/11/23/[$LATEST]0123abc "
    noise = ["START RequestId: x Version: $LATEST", '{"type":"platform.start"}', "{", "REPORT {}"]
    events = {"events": [{"timestamp": 1, "message": each} for each in [*noise, *raw]]}
    for text in (
        "\n".join(raw),
        "\n".join(prefix + each for each in [*noise, *raw]),
        json.dumps(events, indent=4),
    ):
        assert list(log_lines(text)) == LINES
    assert list(log_lines('{"outcome": "delivered"}\n[]\n"x"')) == []
    assert list(log_lines("[" * 100_000)) == []
    assert list(log_lines(raw[0])) == LINES[:1]


def test_an_invocation_is_what_came_and_what_became_of_it() -> None:
    """An invocation has an entry for its start and one for its end, with their times."""
    entries = entries_of(LINES)
    assert [(entry["n"], entry["at"], entry["kind"]) for entry in entries] == [
        (0, 997, "connect"), (1, 1000, "return"), (2, 1000, "opened"),
        (3, 1997, "message"), (4, 2000, "return"),
        (5, 2997, "message"), (6, 3000, "return"),
        (7, 3997, "message"), (8, 4000, "return"),
        (9, 4997, "disconnect"), (10, 5000, "return"),
    ]  # fmt: skip
    # CloudWatch may return another order: by stream and by time of arrival.
    assert entries_of(reversed(LINES)) == entries
    assert all(entry.items() >= WHOSE.items() for entry in entries)
    join, delivered = entries[3:5]
    # One filter finds all messages between two connections.
    assert [entry["n"] for entry in entries if entry.get("handshake") == PAIR] == [3, 4]
    assert (join["type"], join["route"], join["requestId"]) == ("join", "$default", "r2000")
    assert delivered == {
        "n": 4, "at": 2000, "kind": "return", **WHOSE, "requestId": "r2000", "of": "message",
        "ms": 3.25, "outcome": "delivered", "handshake": PAIR,
    }  # fmt: skip
    assert (entries[6]["outcome"], entries[6]["code"]) == ("undelivered", "TARGET_NOT_FOUND")
    assert (entries[8]["failure"], entries[8]["error"]) == ("raised", "ValueError\nValueError")
    assert (entries[9]["code"], entries[9]["event"]["requestContext"]["eventType"]) == (
        1001, "DISCONNECT",
    )  # fmt: skip
    # A test event from the AWS console has no connection and no request.
    line = line_of({}, None, type_=None, effects={}, unreadable_items=0, ms=1, at_ms=5,
                   error=KeyError("x"))  # fmt: skip
    begun, end = entries_of([line])
    assert "connectionId" not in begun
    assert end["failure"] == "raised"


@pytest.mark.parametrize("number", ["NaN", "1e999", "1" + "0" * 400, "true"])
def test_numbers_that_the_function_never_writes_are_not_its_own(number: str) -> None:
    """A line needs a valid time; a duration that is not valid is ignored."""
    without_time = f'{{"outcome":"delivered","_aws":{{"Timestamp":{number}}}}}'
    assert list(log_lines(without_time)) == []
    line = f'{{"outcome":"delivered","_aws":{{"Timestamp":7}},"Milliseconds":{number}}}'
    assert [entry["at"] for entry in entries_of(log_lines(line))] == [7, 7]


def test_connections_with_a_handshake_are_a_game() -> None:
    """Two tables in one log are told apart, and their hosts are named by the joins."""
    lines = []
    for table, (host, player, other) in enumerate((("h1", "p1", "q1"), ("h2", "p2", "q2"))):
        for number, (sender, type_, pair) in enumerate(
            (
                (player, "join", f"{table}a"),
                (host, "offer", f"{table}a"),
                (player, "answer", f"{table}a"),
                (other, "join", f"{table}b"),
                (host, "offer", f"{table}b"),
                (other, "player-connected", f"{table}c"),
                (player, "player-connected", f"{table}c"),
            )
        ):
            lines.append(
                logged(
                    "$default",
                    Outcome("delivered"),
                    1000 + number,
                    type_=type_,
                    context={"connectionId": sender},
                    handshake=Handshake(pair, None),
                )
            )
    lines.append(logged("$connect", Outcome("connected"), 900, context={"connectionId": "alone"}))
    lines.append(logged("$default", Outcome("done"), 2000, note=Watch("p1", "h1", "1", None)))  # type: ignore[arg-type]
    entries = entries_of(lines)
    names = {entry["connectionId"]: (entry["gameId"], entry["playerId"]) for entry in entries}
    assert names == {
        "h1": ("prod 1", "HOST"), "p1": ("prod 1", "p1"), "q1": ("prod 1", "q1"),
        "h2": ("prod 2", "HOST"), "p2": ("prod 2", "p2"), "q2": ("prod 2", "q2"),
        "alone": ("prod", "alone"),
    }  # fmt: skip
    arrows = [
        (entry["playerId"], entry["type"], entry["targetId"])
        for entry in entries
        if entry["kind"] == "message" and entry["gameId"] == "prod 1"
    ]
    assert arrows == [
        ("p1", "join", "HOST"), ("HOST", "offer", "p1"), ("p1", "answer", "HOST"),
        ("q1", "join", "HOST"), ("HOST", "offer", "q1"),
        ("q1", "player-connected", "p1"), ("p1", "player-connected", "q1"),
    ]  # fmt: skip
    assert [each["note"] for each in entries if each["kind"] == "due"] == ["watch"]


def test_games_that_a_later_line_joins_are_one() -> None:
    """Two pairs are one game as soon as a handshake connects them."""
    pairs = (("a", "1"), ("b", "1"), ("c", "2"), ("d", "2"), ("a", "3"), ("c", "3"))
    lines = [
        logged(
            "$default",
            Outcome("delivered"),
            number,
            type_="offer",
            context={"connectionId": sender},
            handshake=Handshake(pair, None),
        )
        for number, (sender, pair) in enumerate(pairs)
    ]
    assert {entry["gameId"] for entry in entries_of(lines)} == {"prod 1"}
