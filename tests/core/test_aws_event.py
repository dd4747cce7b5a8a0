"""Parsing of API Gateway's events, and the responses to them."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poker_signal.core.aws_event import Identity, LambdaEvent, RequestContext, iso_time
from poker_signal.core.errors import HostProtected, InvalidConnect
from poker_signal.core.event_parser import MalformedEvent, parse_event, response_for, ticket_of
from poker_signal.core.invocation import Outcome
from poker_signal.core.model import (
    Connect,
    ConnectionId,
    Disconnect,
    GameId,
    Message,
    PlayerId,
    Row,
)

EVENTS = Path(__file__).parents[1] / "events"
WEBSOCKET_EVENTS = sorted(file.stem for file in EVENTS.glob("*.json") if file.stem != "http-api")

NAME_RULE = "1 to 128 characters, no control characters, not only white space"
SESSION_RULE = "8 to 128 visible ASCII characters, or left out"

BAD_NAMES = {
    "empty": "",
    "blank in Unicode": "\u2003\u00a0\u3000",
    "129 characters": "x" * 129,
    "NUL": "Al\x00ice",
    "DEL": "Alice\x7f",
    "last of C1": "Alice\x9f",
    "lone surrogate": "Alice\ud83c",
}
GOOD_NAMES = {
    "128 characters beyond the BMP": "🃏" * 128,
    "spaces inside and around": " Anna  Maria ",
    "emoji with joiners": "👩‍👩‍👧",
    "just after C1": "\u00a0x",
}
BAD_SESSIONS = {
    "empty": "",
    "7 characters": "s" * 7,
    "129 characters": "s" * 129,
    "space": "secret secret",
    "not ASCII": "secretsécret",
    "DEL": "secret\x7fsecret",
    "line feed at its end": "secretsecret\n",
}
GOOD_SESSIONS = {
    "8 characters": "s" * 8,
    "128 characters": "s" * 128,
    "first and last visible": "!!!!~~~~",
}


def recorded(name: str) -> Any:
    """Return an event of ``tests/events``."""
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def connect_event(**parameters: object) -> dict[str, Any]:
    """Return ``connect.json`` with other query parameters; ``None`` leaves one out."""
    query = {"playerId": "Alice", "gameId": "4711", **parameters}
    event: dict[str, Any] = recorded("connect")
    event["queryStringParameters"] = {
        key: value for key, value in query.items() if value is not None
    }
    return event


def changed(name: str, **context: object) -> dict[str, Any]:
    """Return a recorded event with another context; ``None`` leaves a key out."""
    event: dict[str, Any] = recorded(name)
    merged = event["requestContext"] | context
    event["requestContext"] = {key: value for key, value in merged.items() if value is not None}
    return event


def declared(event: dict[str, Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Return each declared TypedDict with the part of an event that it describes."""
    context = event["requestContext"]
    return [(LambdaEvent, event), (RequestContext, context), (Identity, context["identity"])]


def row_of(event: Mapping[str, Any]) -> Row:
    """Return the row of a connect event."""
    parsed = parse_event(event)
    assert isinstance(parsed, Connect)
    return parsed.row


def test_connect_becomes_a_row() -> None:
    """The row has all that later events need to know about the connection."""
    assert parse_event(recorded("connect")) == Connect(
        Row(
            connection_id=ConnectionId("ShDEC76bIAMCUrA="),
            player_id=PlayerId("Alice"),
            game_id=GameId("4711"),
            connected_at="2024-02-09T18:23:27.396Z",
            ttl=1707503007 + 7200,
            session=None,
        ),
        at=1707503007,
        origin="https://app.example.com",
    )


def test_message_is_what_was_sent() -> None:
    """The body is unchanged, even an empty one; it is validated later."""
    for body in ('{"type":"join"}', ""):
        assert parse_event(recorded("message") | {"body": body}) == Message(
            ConnectionId("ShDEC76bIAMCUrA="), body, 1707503008, at_ms=1707503008401
        )


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"Host": "x", "origin": "https://app.example.com"}, "https://app.example.com"),
        ({"ORIGIN": "null"}, "null"),
        ({"Host": "x"}, None),
        ({"Origin": 7}, None),
        ({}, None),
        (None, None),
        ("Origin", None),
    ],
    ids=["small", "capital", "another header", "no text", "empty", "null", "no object"],
)
def test_the_origin_is_that_of_the_header(headers: object, origin: str | None) -> None:
    """The header's name may be in any case; without a header of text, the origin is None."""
    event = recorded("connect") | {"headers": headers}
    parsed = parse_event(event)
    assert isinstance(parsed, Connect)
    assert parsed.origin == origin


@pytest.mark.parametrize("route_key", ["$default", "join", "$connect"], ids=str)
def test_the_event_type_decides_and_not_the_route_key(route_key: str) -> None:
    """A message is a message, whatever route the API is configured with."""
    assert isinstance(parse_event(changed("message", routeKey=route_key)), Message)
    event = changed("disconnect", routeKey=route_key)
    connection_id = event["requestContext"]["connectionId"]
    assert parse_event(event) == Disconnect(connection_id, at=1707503069)


@pytest.mark.parametrize("at_ms", [None, "1707503069", True], ids=["missing", "text", "boolean"])
def test_a_disconnect_may_lack_its_moment(at_ms: object) -> None:
    """The row must be deleted all the same, so the event is not malformed."""
    event = changed("disconnect", requestTimeEpoch=at_ms)
    assert parse_event(event) == Disconnect(event["requestContext"]["connectionId"], at=None)


def test_names_arrive_decoded_and_of_a_repeated_parameter_the_last_counts() -> None:
    """The last value counts, as in API Gateway, so that all parts see the same player."""
    assert row_of(recorded("connect-unicode")).player_id == "Zoë 🃏"
    assert row_of(recorded("connect-repeated-query")).player_id == "Bob"


def test_a_connect_without_query_is_refused() -> None:
    """API Gateway omits the key for an empty query; events written by hand may have null."""
    event = recorded("connect-without-query")
    for query in ({}, {"queryStringParameters": None}):
        with pytest.raises(InvalidConnect) as caught:
            parse_event(event | query)
        assert str(caught.value) == f"Query parameter playerId must be {NAME_RULE}."


@pytest.mark.parametrize("parameter", ["playerId", "gameId"], ids=str)
@pytest.mark.parametrize(
    "value", [None, 7, *BAD_NAMES.values()], ids=["missing", "number", *BAD_NAMES]
)
def test_a_connect_without_a_proper_name_is_refused(parameter: str, value: object) -> None:
    """A connect without a valid player and game is refused with 400."""
    with pytest.raises(InvalidConnect) as caught:
        parse_event(connect_event(**{parameter: value}))
    assert str(caught.value) == f"Query parameter {parameter} must be {NAME_RULE}."
    assert caught.value.status_code == 400


@pytest.mark.parametrize("name", GOOD_NAMES.values(), ids=GOOD_NAMES)
def test_names_are_kept_exactly(name: str) -> None:
    """Names are compared exactly, so nothing may be trimmed, folded or normalized."""
    row = row_of(connect_event(playerId=name, gameId=name))
    assert (row.player_id, row.game_id) == (name, name)


@given(st.text(st.characters(codec=None), max_size=130) | st.text("\x1f \x7f\x9f\u00a0\ud800A"))
def test_a_name_is_refused_exactly_if_the_rule_says_so(name: str) -> None:
    """A name must not be empty, blank or too long, nor have characters of Cc or Cs."""
    allowed = (
        1 <= len(name) <= 128
        and not name.isspace()
        and not {unicodedata.category(character) for character in name} & {"Cc", "Cs"}
    )
    try:
        assert row_of(connect_event(playerId=name)).player_id == name
    except InvalidConnect:
        assert not allowed
    else:
        assert allowed


@pytest.mark.parametrize("session", [7, *BAD_SESSIONS.values()], ids=["number", *BAD_SESSIONS])
def test_a_session_that_breaks_the_rule_is_refused(session: object) -> None:
    """Sessions that are easy to guess, or that proxies may change, are refused."""
    with pytest.raises(InvalidConnect) as caught:
        parse_event(connect_event(session=session))
    assert str(caught.value) == f"Query parameter session must be {SESSION_RULE}."
    assert caught.value.status_code == 400


@pytest.mark.parametrize("session", GOOD_SESSIONS.values(), ids=GOOD_SESSIONS)
def test_of_a_session_only_its_sha256_is_kept(session: str) -> None:
    """A reader of the table, or of a logged event, cannot take over a seat."""
    event = parse_event(connect_event(session=session))
    assert isinstance(event, Connect)
    assert event.row.session == hashlib.sha256(session.encode()).hexdigest()
    assert session not in repr(event)


@pytest.mark.parametrize(
    ("epoch_ms", "expected"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_707_503_007_005, "2024-02-09T18:23:27.005Z"),
        (1_709_164_800_999, "2024-02-29T00:00:00.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
    ids=["epoch", "leading zeros", "leap day", "last"],
)
def test_moments_are_written_in_iso_8601(epoch_ms: int, expected: str) -> None:
    """Times are UTC with milliseconds and Z, of one length, so they sort as text."""
    assert iso_time(epoch_ms) == expected


@given(st.integers(0, 253_402_300_799_999), st.integers(0, 253_402_300_799_999))
def test_moments_sort_as_they_happened(one_ms: int, other_ms: int) -> None:
    """Times sort as text, because ownership of a name depends on their order."""
    assert (iso_time(one_ms) < iso_time(other_ms)) is (one_ms < other_ms)


@pytest.mark.parametrize(
    "connected_at_ms",
    [None, "1707503007396", -1, 253_402_300_800_000],
    ids=["missing", "text", "before 1970", "after 9999"],
)
def test_a_connect_without_its_moment_is_malformed(connected_at_ms: object) -> None:
    """Without connectedAt, the row could neither be ordered nor expire."""
    with pytest.raises(MalformedEvent, match="connectedAt"):
        parse_event(changed("connect", connectedAt=connected_at_ms))


@pytest.mark.parametrize(
    ("event", "missing"),
    [
        ({}, "requestContext"),
        ({"requestContext": "CONNECT"}, "requestContext"),
        ({"requestContext": {}}, "eventType"),
        (recorded("http-api"), "eventType"),
        (changed("connect", connectionId=None), "connectionId"),
        (changed("message", connectionId=None), "connectionId"),
        (changed("message", requestTimeEpoch=None), "requestTimeEpoch"),
        ({**recorded("message"), "body": None}, "body"),
        (changed("disconnect", connectionId=7), "connectionId"),
        (changed("message", eventType="message"), "eventType is 'message'"),
        (changed("message", eventType="AUTHORIZE"), "eventType is 'AUTHORIZE'"),
    ],
    ids=[
        "empty",
        "context of another kind",
        "empty context",
        "HTTP API",
        "connect without connection",
        "message without connection",
        "message without its moment",
        "message without body",
        "disconnect of a number",
        "lower case",
        "unknown type",
    ],
)
def test_what_is_no_event_of_a_websocket_api_is_malformed(
    event: Mapping[str, Any], missing: str
) -> None:
    """Any other event means a misconfigured integration, not an error of the client."""
    with pytest.raises(MalformedEvent, match=missing):
        parse_event(event)


@pytest.mark.parametrize("name", WEBSOCKET_EVENTS, ids=str)
def test_recorded_events_have_the_declared_shape(name: str) -> None:
    """The emulator builds the declared shape, so it must match API Gateway's events."""
    event = recorded(name)
    for shape, value in declared(event):
        assert shape.__required_keys__ <= value.keys()
        assert value.keys() <= shape.__required_keys__ | shape.__optional_keys__
        assert list(value) == [key for key in shape.__annotations__ if key in value]


@pytest.mark.parametrize("name", ["connected", "disconnected", "delivered", "pong", "undelivered"])
def test_a_refused_handshake_has_its_errors_status_and_all_else_200(name: str) -> None:
    """Browsers show only the status of a refused handshake; a message is always answered 200."""
    for error in (HostProtected(), InvalidConnect("gameId", "there")):
        refused = {"statusCode": error.status_code, "body": str(error)}
        assert response_for(Outcome("refused", error)) == refused
        assert response_for(Outcome(name, error)) == {"statusCode": 200}


@given(
    st.sampled_from([*WEBSOCKET_EVENTS, "http-api"]),
    st.sampled_from(["eventType", "connectionId", "connectedAt", "requestTimeEpoch", "body"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([]) | st.just({}),
)
def test_an_event_that_is_wrong_somewhere_is_read_or_refused(
    name: str, key: str, value: object
) -> None:
    """A changed event is parsed, refused as the client's error, or malformed."""
    event = changed(name, **{key: value}) | ({"body": value} if key == "body" else {})
    with suppress(InvalidConnect, MalformedEvent):
        assert isinstance(parse_event(event), Connect | Message | Disconnect)


@pytest.mark.parametrize("query", ["playerId=Alice", ["playerId"]], ids=["text", "list"])
def test_a_query_that_is_no_object_is_malformed(query: object) -> None:
    """Events may be written by hand, so the error names the wrong member."""
    with pytest.raises(MalformedEvent, match="queryStringParameters"):
        parse_event(recorded("connect") | {"queryStringParameters": query})


@pytest.mark.parametrize(
    ("parameters", "ticket"),
    [
        ({"playerId": "Alice", "gameId": "G", "ticket": "a.b.c"}, "a.b.c"),
        ({"playerId": "Alice", "gameId": "G"}, None),
        ({"ticket": ""}, ""),
        ({"ticket": ["a.b.c"]}, None),
        ({"Ticket": "a.b.c"}, None),
        (None, None),
    ],
    ids=["there", "not there", "empty", "no text", "another", "no query"],
)
def test_the_ticket_is_a_parameter_of_the_handshake(parameters: Any, ticket: str | None) -> None:
    """The ticket is the query parameter ``ticket``, or None if that is not text."""
    assert ticket_of({"queryStringParameters": parameters}) == ticket
    assert ticket_of({}) is None


def test_no_value_of_the_core_holds_the_ticket() -> None:
    """The parsed event has no ticket, so that it cannot be stored, logged or shown."""
    raw = json.loads((EVENTS / "connect-unicode.json").read_text(encoding="utf-8"))
    without = parse_event(raw)
    raw["queryStringParameters"]["ticket"] = "a-ticket"
    assert parse_event(raw) == without
    assert "a-ticket" not in repr(parse_event(raw))
