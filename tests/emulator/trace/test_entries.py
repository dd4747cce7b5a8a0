"""Entries as JSON, for the inspector and recordings, and as a line for a person."""

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
    Dropped,
    Malformed,
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
    Probed,
    Received,
    RequestRefused,
    Unrouted,
)
from poker_signal.emulator.trace.summary import Record, describe, details_of, peek, record_of

ID = "OhDyxN6BIAMCJaA="
FACTS = Facts(ID, 1, "prod", "x", "a", {"sourceIp": "::1"}, label=Label("Zoë", "G1"))
WHOSE = {"connectionId": ID, "playerId": "Zoë", "gameId": "G1"}
NAMELESS = FACTS._replace(label=Label("", ""))
REQUEST = Request("GET", "/prod?playerId=Zo%C3%AB&gameId=G1", [("Host", "x")], "::1")
CONNECT = connect_event(FACTS, REQUEST, "r", "t", 5)
GONE = disconnect_event(FACTS, 1001, "Going away", "r", 5)
SILENT = disconnect_event(FACTS, 1001, "", "r", 5)
OFFER = '{"type":"offer","targetId":"Bob","payload":"secret"}'
OF_OFFER = {"size": 52, "type": "offer", "targetId": "Bob"}
MESSAGE = message_event(FACTS, "$default", OFFER, "r", "m", 5)
JOIN = '{"type":"join","senderId":"Bob","payload":{"code":1}}'
UNDELIVERED = '{"type":"undelivered","payload":{"code":"TARGET_NOT_FOUND"}}'
ASKED, CLOSED = Asked(7, FACTS, "connect", CONNECT), Closed(7, FACTS, GONE)
OK = Returned({"statusCode": 200})


QUOTING = {
    "name": "OperationError",
    "message": "Failed to parse SessionDescription. c=IN IP4 192.168.1.23 Expect line: o=",
}


def probed(**members: Any) -> Probed:
    """Return a report of the probe."""
    return Probed(5, FACTS, FACTS.label, members)


def received(body: str) -> Received:
    """Return a message."""
    return Received(5, FACTS, "$default", body, "r", "m")


def told(entry: Entry, kind: str, whose: dict[str, str], what: dict[str, Any]) -> None:
    """Assert the JSON of an entry: number, time, kind, connection, and its own members."""
    found = as_json(7, entry)
    assert found == {"n": 7, "at": entry.at_ms, "kind": kind, **whose, **what}
    assert json.loads(json.dumps(found)) == found


ZOE: dict[str, Any] = {"game": "G1", "who": "Zoë"}


@pytest.mark.parametrize(
    ("entry", "kind", "what", "record", "details"),
    [
        (Asked(5, FACTS, "connect", CONNECT), "connect", {"event": CONNECT, "requestId": "r"},
         None, ID),
        (Asked(5, FACTS, "authorizer", CONNECT), "authorizer",
         {"event": CONNECT, "requestId": "r"}, None, ID),
        (Opened(5, FACTS), "opened", {}, Record(5, "connect", "connected", **ZOE),
         f"{ID} after 4 ms"),
        (RequestRefused(5, FACTS, "GET", "/prod", 409, "taken"), "refused",
         {"status": 409, "reason": "taken", "method": "GET", "path": "/prod"},
         Record(5, "refused", "refused 409 taken", **ZOE), ID),
        # A message has one line, which is printed when its invocation ends.
        (received(OFFER), "message",
         {"event": MESSAGE, "requestId": "r", "route": "$default", **OF_OFFER}, None, ID),
        (received("é"), "message",
         {"event": {**MESSAGE, "body": "é"}, "requestId": "r", "route": "$default", "size": 2},
         None, ID),
        (Unrouted(5, FACTS, OFFER, "throttled"), "unrouted",
         {"body": OFFER, "why": "throttled", **OF_OFFER},
         Record(5, "message", "error throttled", **ZOE, whom="Bob", type="offer", size=52), ID),
        (Posted(5, FACTS, ID, JOIN), "post",
         {"frame": JOIN, "delivered": True, "size": 53, "type": "join", "senderId": "Bob"},
         None, ID),
        (Posted(5, FACTS, ID, UNDELIVERED), "post",
         {"frame": UNDELIVERED, "delivered": True, "size": len(UNDELIVERED),
          "type": "undelivered", "code": "TARGET_NOT_FOUND"}, None, ID),
        (Posted(5, FACTS, ID, "[" * 5000), "post",
         {"frame": "[" * 5000, "delivered": True, "size": 5000}, None, ID),
        (Closed(2401, FACTS, GONE), "disconnect",
         {"event": GONE, "requestId": "r", "code": 1001, "reason": "Going away"},
         Record(2401, "disconnect", "1001 Going away", **ZOE), f"{ID} after 2.4 s"),
        (Closed(5, FACTS, SILENT), "disconnect",
         {"event": SILENT, "requestId": "r", "code": 1001, "reason": ""},
         Record(5, "disconnect", "1001 going away", **ZOE), f"{ID} after 0.0 s"),
        (Managed(5, FACTS, ID, "POST", 200, "OK", 3), "management",
         {"method": "POST", "status": 200, "size": 3},
         Record(5, "management", "200 OK", "G1", "", "Zoë", "@POST", 3), ID),
        (Fault(5, FACTS, "gone", "@connections: 410", "@connections answers 410"), "fault",
         {"fault": "gone", "detail": "@connections: 410", "effect": "@connections answers 410"},
         Record(5, "fault", "@connections answers 410 (gone)", **ZOE, fault="gone"), ID),
        (Fault(5, FACTS, "delay:offer=6s", "offer", "held for 6 s", "r", OFFER, 6005), "fault",
         {"fault": "delay:offer=6s", "detail": "offer", "effect": "held for 6 s",
          "requestId": "r", "until": 6005},
         Record(5, "fault", "held for 6 s (delay:offer=6s)", **ZOE, whom="Bob", type="offer",
                size=52, fault="delay:offer=6s"), ID),
        (Fault(5, FACTS, "drop:$disconnect", "$disconnect", "dropped", "r"), "fault",
         {"fault": "drop:$disconnect", "detail": "$disconnect", "effect": "dropped",
          "requestId": "r"},
         Record(5, "fault", "dropped (drop:$disconnect)", **ZOE, type="$disconnect",
                fault="drop:$disconnect"), ID),
        # The message's own line tells that it was dropped.
        (Fault(5, FACTS, "drop:offer", "offer", "dropped", "r", OFFER), "fault",
         {"fault": "drop:offer", "detail": "offer", "effect": "dropped", "requestId": "r"},
         None, ID),
        (Finished(5, received(OFFER), Dropped("drop:offer")), "return",
         {"requestId": "r", "of": "message", "ms": 0, "outcome": "dropped", "fault": "drop:offer"},
         Record(5, "message", "dropped (drop:offer)", **ZOE, whom="Bob", type="offer", size=52,
                fault="drop:offer"), f"{ID} $default 0 ms"),
        # From a tenth of a second on, the line has the time until the outcome.
        (Finished(104, received(OFFER), OK), "return",
         {"requestId": "r", "of": "message", "ms": 99, "result": {"statusCode": 200}},
         Record(5, "message", "200", **ZOE, whom="Bob", type="offer", size=52),
         f"{ID} $default 99 ms"),
        (Finished(105, received(OFFER), OK), "return",
         {"requestId": "r", "of": "message", "ms": 100, "result": {"statusCode": 200}},
         Record(5, "message", "200", **ZOE, whom="Bob", type="offer", size=52, after_ms=100),
         f"{ID} $default 100 ms"),
        (Finished(9, received(OFFER), OK), "return",
         {"requestId": "r", "of": "message", "ms": 4, "result": {"statusCode": 200}},
         Record(5, "message", "200", **ZOE, whom="Bob", type="offer", size=52),
         f"{ID} $default 4 ms"),
        (Finished(9, received("Zoë"), OK), "return",
         {"requestId": "r", "of": "message", "ms": 4, "result": {"statusCode": 200}},
         Record(5, "message", "200", **ZOE, type="$default", size=4), f"{ID} $default 4 ms"),
        (Finished(9, ASKED, OK), "return",
         {"requestId": "r", "of": "connect", "ms": 2, "result": {"statusCode": 200}},
         None, f"{ID} 2 ms"),
        (Finished(9, CLOSED, OK), "return",
         {"requestId": "r", "of": "disconnect", "ms": 2, "result": {"statusCode": 200}},
         None, f"{ID} 2 ms"),
        (Finished(9, CLOSED, Malformed("why")), "return",
         {"requestId": "r", "of": "disconnect", "ms": 2, "failure": "malformed response",
          "error": "why", "result": None},
         Record(9, "error", "error 502 malformed response: why", **ZOE, type="$disconnect"),
         f"{ID} 2 ms"),
        (Finished(9, ASKED, TimedOut()), "return",
         {"requestId": "r", "of": "connect", "ms": 2, "failure": "timed out"},
         Record(9, "error", "error 504 timed out", **ZOE, type="$connect"), f"{ID} 2 ms"),
        (Finished(9, ASKED._replace(of="authorizer"), TimedOut()), "return",
         {"requestId": "r", "of": "authorizer", "ms": 2, "failure": "timed out"},
         Record(9, "error", "error 504 timed out", **ZOE, type="authorizer"), f"{ID} 2 ms"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, tuple) else "",
)  # fmt: skip
def test_an_entry_is_a_json_object_and_at_most_one_line(
    entry: Entry, kind: str, what: dict[str, Any], record: Record | None, details: str
) -> None:
    """Only JSON has payloads; ids, routes and times are in the details."""
    told(entry, kind, WHOSE, what)
    assert record_of(entry) == record
    assert details_of(entry) == details


@pytest.mark.parametrize(
    ("entry", "whose", "record", "details"),
    [
        (Posted(5, None, ID, "x"), {"connectionId": ID}, None, ""),
        (Managed(5, None, ID, "GET", 410, "Gone", 0), {"connectionId": ID},
         Record(5, "management", "410 Gone", "", "", ID, "@GET", 0), ID),
        (Managed(5, None, "", "GET", 403, "Forbidden", 0), {},
         Record(5, "management", "403 Forbidden", type="@GET", size=0), ""),
        (RequestRefused(5, None, "GET", "/x", 403, "Forbidden"), {},
         Record(5, "refused", "refused 403 Forbidden GET /x"), ""),
        (Fault(5, None, "throttle", "429"), {},
         Record(5, "fault", "429 (throttle)", fault="throttle"), ""),
        (Opened(5, NAMELESS), {"connectionId": ID}, Record(5, "connect", "connected", "", ID),
         f"{ID} after 4 ms"),
    ],
    ids=["gone", "asked of the gone", "no id", "stranger", "all players", "nameless"],
)  # fmt: skip
def test_what_is_not_known_is_left_out(
    entry: Entry, whose: dict[str, str], record: Record | None, details: str
) -> None:
    """No member is ever null."""
    found = as_json(0, entry)
    assert {key: found[key] for key in WHOSE if key in found} == whose
    assert (record_of(entry), details_of(entry)) == (record, details)


@pytest.mark.parametrize(
    ("result", "what", "words"),
    [
        (Returned({"statusCode": 403}), {"result": {"statusCode": 403}}, "403"),
        (Returned({"statusCode": 200}, Report("delivered")),
         {"result": {"statusCode": 200}, "outcome": "delivered"}, "delivered"),
        (Returned({"statusCode": 200}, Report("error", "HOST_NOT_FOUND")),
         {"result": {"statusCode": 200}, "outcome": "error", "code": "HOST_NOT_FOUND"},
         "error HOST_NOT_FOUND"),
        (Returned({"policyDocument": {}}), {"result": {"policyDocument": {}}}, "200 policy"),
        (Malformed("why", "hello"),
         {"result": "hello", "failure": "malformed response", "error": "why"},
         "error 502 malformed response: why"),
        (Raised("m", "KeyError"), {"failure": "raised", "error": "m", "errorType": "KeyError"},
         "error 502 raised KeyError, see the traceback"),
        (Raised("m", "Runtime.ExitError"),
         {"failure": "raised", "error": "m", "errorType": "Runtime.ExitError"},
         "error 502 Runtime.ExitError: m"),
        (Raised("boom"), {"failure": "raised", "error": "boom"},
         "error 502 raised, see the traceback"),
        (TimedOut(), {"failure": "timed out"}, "error 504 timed out"),
        (NotInvokable("no permission"), {"failure": "not invokable", "error": "no permission"},
         "error 500 no permission"),
        (Dropped("drop=5%"), {"outcome": "dropped", "fault": "drop=5%"}, "dropped (drop=5%)"),
    ],
)  # fmt: skip
def test_what_became_of_an_invocation(result: Result, what: dict[str, Any], words: str) -> None:
    """The entry has the result or the failure, and the duration."""
    entry = Finished(7, received(OFFER), result)
    told(entry, "return", WHOSE, {"requestId": "r", "of": "message", "ms": 2, **what})
    assert describe(result) == words


def test_a_message_of_another_protocol_has_no_type() -> None:
    """The line shows its route instead."""
    assert peek('{"action":"sendmessage"}') == peek("not JSON") == ("", "")
    assert peek(OFFER) == ("offer", "Bob")


def test_what_json_has_no_word_for_is_null_and_half_a_character_stays_escaped() -> None:
    """Browsers must be able to parse documents with NaN, infinity or lone surrogates."""
    nan, inf = float("nan"), float("inf")
    assert encode({"a": [nan, (1.5, -inf)], "b": "NaN"}) == b'{"a":[null,[1.5,null]],"b":"NaN"}'
    assert encode("\ud83c") == b'"\\ud83c"'
