"""The JSON of an entry, as the inspector and recordings have it."""

import json
from typing import Any

import pytest

from poker_signal.emulator.aws.events import (
    Facts,
    Label,
    connect_event,
    disconnect_event,
    message_event,
)
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.aws.results import (
    NotInvokable,
    Raised,
    Report,
    Result,
    Returned,
    TimedOut,
)
from poker_signal.emulator.trace.as_json import as_json, encode
from poker_signal.emulator.trace.entries import (
    Asked,
    Closed,
    Entry,
    Fault,
    Finished,
    Managed,
    Opened,
    Posted,
    Received,
    RequestRefused,
    Unrouted,
)

ID = "OhDyxN6BIAMCJaA="
FACTS = Facts(ID, 1, "prod", "x", "a", {"sourceIp": "::1"}, label=Label("Zoë", "G1"))
WHOSE = {"connectionId": ID, "playerId": "Zoë", "gameId": "G1"}
REQUEST = Request("GET", "/prod?playerId=Zo%C3%AB&gameId=G1", [("Host", "x")], "::1")
CONNECT = connect_event(FACTS, REQUEST, "r", "t", 5)
GONE = disconnect_event(FACTS, 1001, "Going away", "r", 5)
OFFER = '{"type":"offer","targetId":"Bob"}'
MESSAGE = message_event(FACTS, "$default", OFFER, "r", "m", 5)
UNDELIVERED = '{"type":"undelivered","payload":{"code":"TARGET_NOT_FOUND"}}'


@pytest.mark.parametrize(
    ("entry", "kind", "what"),
    [
        (Asked(5, FACTS, "connect", CONNECT), "connect", {"event": CONNECT, "requestId": "r"}),
        (Asked(5, FACTS, "authorizer", CONNECT), "authorizer",
         {"event": CONNECT, "requestId": "r"}),
        (Opened(5, FACTS), "opened", {}),
        (RequestRefused(5, FACTS, "GET", "/prod", 409, "taken"), "refused",
         {"status": 409, "reason": "taken", "method": "GET", "path": "/prod"}),
        (Received(5, FACTS, "$default", OFFER, "r", "m"), "message",
         {"event": MESSAGE, "requestId": "r", "route": "$default", "size": len(OFFER),
          "type": "offer", "targetId": "Bob"}),
        (Received(5, FACTS, "$default", "é", "r", "m"), "message",
         {"event": {**MESSAGE, "body": "é"}, "requestId": "r", "route": "$default", "size": 2}),
        (Unrouted(5, FACTS, OFFER, "no route"), "unrouted",
         {"body": OFFER, "why": "no route", "size": len(OFFER), "type": "offer",
          "targetId": "Bob"}),
        (Posted(5, FACTS, ID, '{"type":"join","senderId":"Bob","payload":{"code":1}}'), "post",
         {"frame": '{"type":"join","senderId":"Bob","payload":{"code":1}}', "delivered": True,
          "size": 53, "type": "join", "senderId": "Bob"}),
        (Posted(5, FACTS, ID, UNDELIVERED), "post",
         {"frame": UNDELIVERED, "delivered": True, "size": len(UNDELIVERED),
          "type": "undelivered", "code": "TARGET_NOT_FOUND"}),
        (Posted(5, FACTS, ID, "[" * 5000), "post",
         {"frame": "[" * 5000, "delivered": True, "size": 5000}),
        (Closed(5, FACTS, GONE), "disconnect",
         {"event": GONE, "requestId": "r", "code": 1001, "reason": "Going away"}),
        (Managed(5, FACTS, ID, "POST", 200, "OK", 3), "management",
         {"method": "POST", "status": 200, "size": 3}),
        (Fault(5, FACTS, "drop:offer", "dropped"), "fault",
         {"fault": "drop:offer", "detail": "dropped"}),
    ],
)  # fmt: skip
def test_an_entry_is_a_json_object(entry: Entry, kind: str, what: dict[str, Any]) -> None:
    """With its number, time, kind and connection, and what is particular to it."""
    told = as_json(7, entry)
    assert told == {"n": 7, "at": 5, "kind": kind, **WHOSE, **what}
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(
    ("entry", "whose"),
    [
        (Posted(5, None, ID, "x"), {"connectionId": ID}),
        (Managed(5, None, "", "GET", 403, "Forbidden", 0), {}),
        (RequestRefused(5, None, "GET", "/", 403, "Forbidden"), {}),
        (Opened(5, FACTS._replace(label=Label("", ""))), {"connectionId": ID}),
    ],
    ids=["gone", "nobody", "stranger", "nameless"],
)
def test_what_is_not_known_is_left_out(entry: Entry, whose: dict[str, str]) -> None:
    """None is ever null."""
    told = as_json(0, entry)
    assert {
        key: told[key] for key in ("connectionId", "playerId", "gameId") if key in told
    } == whose


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (Returned({"statusCode": 200}), {"result": {"statusCode": 200}}),
        (
            Returned({"statusCode": 200}, Report("delivered")),
            {"result": {"statusCode": 200}, "outcome": "delivered"},
        ),
        (
            Returned({"statusCode": 200}, Report("error", "HOST_NOT_FOUND")),
            {"result": {"statusCode": 200}, "outcome": "error", "code": "HOST_NOT_FOUND"},
        ),
        (Raised("boom"), {"failure": "raised", "error": "boom"}),
        (TimedOut(), {"failure": "timed out"}),
        (NotInvokable("no permission"), {"failure": "not invokable", "error": "no permission"}),
    ],
)
def test_what_became_of_an_invocation(result: Result, told: dict[str, Any]) -> None:
    """What it returned, or why it did not, and how long it took."""
    entry = Finished(9, Received(7, FACTS, "$default", OFFER, "r", "m"), result)
    expected = {"n": 0, "at": 9, "kind": "return", **WHOSE, "requestId": "r", "of": "message"}
    assert as_json(0, entry) == {**expected, "ms": 2, **told}


def test_what_json_has_no_word_for_is_null() -> None:
    """A browser would read nothing of the whole."""
    nan, inf = float("nan"), float("inf")
    assert encode({"a": [nan, (1.5, -inf)], "b": "NaN"}) == b'{"a":[null,[1.5,null]],"b":"NaN"}'


def test_half_a_character_stays_escaped() -> None:
    """A peer may send one in JSON."""
    assert encode("\ud83c") == b'"\\ud83c"'
