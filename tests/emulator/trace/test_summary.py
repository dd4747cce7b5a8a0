"""What a person is told of an entry."""

import pytest

from poker_signal.emulator.aws.events import Facts, Label, connect_event, disconnect_event
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.aws.results import (
    NotInvokable,
    Raised,
    Report,
    Result,
    Returned,
    TimedOut,
)
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
from poker_signal.emulator.trace.summary import Record, describe, details_of, peek, record_of

ID = "OhDyxN6BIAMCJaA="
FACTS = Facts(ID, 1, "prod", "x", "a", {"sourceIp": "::1"}, label=Label("Zoë", "G1"))
NAMELESS = FACTS._replace(label=Label("", ""))
OFFER = '{"type":"offer","targetId":"Bob","payload":"secret"}'
OK = Returned({"statusCode": 200})


ASKED = Asked(7, FACTS, "connect", connect_event(FACTS, Request("GET", "/", [], "x"), "r", "t", 7))
CLOSED = Closed(7, FACTS, disconnect_event(FACTS, 1001, "Going away", "r", 7))


def answered(result: Result, body: str) -> Finished:
    """Return the end of a message's invocation."""
    return Finished(9, Received(7, FACTS, "$default", body, "r", "m"), result)


@pytest.mark.parametrize(
    ("entry", "record"),
    [
        (Opened(5, FACTS), Record(5, "connect", "connected", "G1", "Zoë")),
        (Opened(5, NAMELESS), Record(5, "connect", "connected", "", ID)),
        (
            answered(OK, OFFER),
            Record(7, "message", "200", "G1", "Zoë", "Bob", "offer", len(OFFER)),
        ),
        (
            answered(OK, "Zoë"),
            Record(7, "message", "200", "G1", "Zoë", "", "$default", 4),
        ),
        (
            Unrouted(5, FACTS, OFFER, "throttled"),
            Record(5, "message", "error throttled", "G1", "Zoë", "Bob", "offer", len(OFFER)),
        ),
        (
            Closed(5, FACTS, disconnect_event(FACTS, 1001, "Going away", "r", 5)),
            Record(5, "disconnect", "1001 Going away", "G1", "Zoë"),
        ),
        (
            Closed(5, FACTS, disconnect_event(FACTS, 1001, "", "r", 5)),
            Record(5, "disconnect", "1001 going away", "G1", "Zoë"),
        ),
        (
            RequestRefused(5, FACTS, "GET", "/prod", 409, "taken"),
            Record(5, "refused", "refused 409 taken", "G1", "Zoë"),
        ),
        (
            RequestRefused(5, None, "GET", "/x", 403, "Forbidden"),
            Record(5, "refused", "refused 403 Forbidden GET /x"),
        ),
        (
            Managed(5, FACTS, ID, "POST", 200, "OK", 3),
            Record(5, "management", "200 OK", "G1", "", "Zoë", "@POST", 3),
        ),
        (
            Managed(5, None, ID, "GET", 410, "Gone", 0),
            Record(5, "management", "410 Gone", "", "", ID, "@GET", 0),
        ),
        (
            Fault(5, FACTS, "drop:offer", "dropped"),
            Record(5, "fault", "dropped", "G1", "Zoë", type="drop:offer"),
        ),
        (Fault(5, None, "throttle", "429"), Record(5, "fault", "429", type="throttle")),
        (
            Finished(9, CLOSED, Returned(None)),
            Record(9, "error", "error 502 malformed response", "G1", "Zoë", type="$disconnect"),
        ),
        (
            Finished(9, ASKED._replace(of="authorizer"), TimedOut()),
            Record(9, "error", "error 504 timed out", "G1", "Zoë", type="authorizer"),
        ),
        (
            Finished(9, ASKED, TimedOut()),
            Record(9, "error", "error 504 timed out", "G1", "Zoë", type="$connect"),
        ),
    ],
    ids=lambda value: f"{type(value).__name__}" if not isinstance(value, Record) else "",
)
def test_an_entry_is_a_line(entry: Entry, record: Record) -> None:
    """Who, what, to whom, and what became of it; never a payload."""
    assert record_of(entry) == record


@pytest.mark.parametrize(
    "entry",
    [
        Received(5, FACTS, "$default", OFFER, "r", "m"),
        Posted(5, FACTS, ID, OFFER),
        Finished(9, ASKED, OK),
        Finished(9, CLOSED, OK),
    ],
    ids=lambda entry: type(entry).__name__,
)
def test_what_another_entry_tells_is_not_told_twice(entry: Entry) -> None:
    """A message is one line, and so is the end of a connection."""
    assert record_of(entry) is None


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (Returned({"statusCode": 200}, Report("delivered")), "delivered"),
        (
            Returned({"statusCode": 200}, Report("undelivered", "TARGET_NOT_FOUND")),
            "undelivered TARGET_NOT_FOUND",
        ),
        (Returned({"statusCode": 403}), "403"),
        (Returned({"policyDocument": {}}), "200 policy"),
        (Returned("hello"), "error 502 malformed response"),
        (NotInvokable("no permission"), "error 500 no permission"),
        (TimedOut(), "error 504 timed out"),
        (Raised("boom"), "error 502 raised, see the traceback"),
    ],
)
def test_a_result_is_told_in_a_few_words(result: Result, words: str) -> None:
    """What the function's author has to know."""
    assert describe(result) == words


def test_a_message_of_somebody_elses_protocol_has_no_type() -> None:
    """Its route is shown instead."""
    assert peek('{"action":"sendmessage"}') == ("", "")
    assert peek("not JSON") == ("", "")
    assert peek(OFFER) == ("offer", "Bob")


@pytest.mark.parametrize(
    ("entry", "details"),
    [
        (answered(OK, OFFER), f"{ID} $default 2 ms"),
        (Finished(9, CLOSED, OK), f"{ID} 2 ms"),
        (Opened(5, FACTS), f"{ID} after 4 ms"),
        (Closed(2401, FACTS, CLOSED.event), f"{ID} after 2.4 s"),
        (Managed(5, None, "gone", "POST", 410, "Gone", 1), "gone"),
        (RequestRefused(5, FACTS, "GET", "/prod", 409, "taken"), ID),
        (RequestRefused(5, None, "GET", "/secret", 403, "no"), ""),
        (Unrouted(5, FACTS, OFFER, "throttled"), ID),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whoever_asks_is_told_ids_routes_and_times(entry: Entry, details: str) -> None:
    """And still no payload."""
    assert details_of(entry) == details
