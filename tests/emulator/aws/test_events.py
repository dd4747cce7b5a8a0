"""Events have the same fields as those of the real service."""

import json
from pathlib import Path
from typing import Any

from poker_signal.core.event_parser import parse_event
from poker_signal.core.model import Connect, ConnectionId, Disconnect, Message
from poker_signal.emulator.aws.events import Facts, connect_event, disconnect_event, message_event
from poker_signal.emulator.aws.http import Request

EVENTS = Path(__file__).parents[2] / "events"

FACTS = Facts("OhDyxN6BIAMCJaA=", 1_707_503_007_396, "prod", "127.0.0.1:3001", "pokerlocal",
              {"userAgent": "Phone/1.0", "sourceIp": "192.0.2.1"})  # fmt: skip
REQUEST_ID = "OhDyw3ykIAMFndA="
TRACE_ID = "Root=1-65c66d9f-0123456789abcdef01234567"
AT_MS = 1_707_503_007_397


def connected(target: str, *headers: tuple[str, str]) -> Any:
    """Return the event of a handshake."""
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("content-length", "0")]
    request = Request("GET", target, [*upgrade, *headers], "192.0.2.1")
    return connect_event(FACTS, request, REQUEST_ID, TRACE_ID, AT_MS)


def keys_of(value: Any) -> Any:
    """Return the shape of an event: keys and types, recursively."""
    if isinstance(value, dict):
        return {key: keys_of(item) for key, item in value.items()}
    return type(value)


def recorded(name: str) -> Any:
    """Return a recorded event."""
    return json.loads((EVENTS / name).read_text(encoding="utf-8"))


def test_a_message_and_a_disconnect_have_the_shape_of_recorded_ones() -> None:
    """Headers and query string exist only in a connect."""
    event = message_event(FACTS, "$default", "{}", REQUEST_ID, "OhDy4RHwIAMCJaA=", AT_MS)
    assert keys_of(event) == keys_of(recorded("message.json"))
    assert list(event) == ["requestContext", "body", "isBase64Encoded"]
    gone = disconnect_event(FACTS, 1001, "Going away", REQUEST_ID, AT_MS)
    assert keys_of(gone) == keys_of(recorded("disconnect.json"))


def test_a_connect_has_the_context_of_a_recorded_one() -> None:
    """No value in a connect event is null."""
    event = connected("/prod?playerId=Alice&gameId=GAME01", ("Host", "localhost:3001"))
    assert keys_of(event["requestContext"]) == keys_of(recorded("connect.json")["requestContext"])
    assert "null" not in json.dumps(event)
    assert list(event["requestContext"])[:3] == ["routeKey", "eventType", "extendedRequestId"]


def test_headers_keep_the_clients_casing_and_lose_the_hop() -> None:
    """Four headers are added, all are sorted, and X-Forwarded-For gets the client's address."""
    host, forwarded = ("Host", "localhost:3001"), ("X-Forwarded-For", "203.0.113.9")
    event = connected("/prod", host, ("x-api-key", "k"), forwarded)
    assert event["headers"] == {
        **{"Host": "127.0.0.1:3001", "X-Amzn-Trace-Id": TRACE_ID, "x-api-key": "k"},
        "X-Forwarded-For": "203.0.113.9, 192.0.2.1",
        **{"X-Forwarded-Port": "443", "X-Forwarded-Proto": "https"},
    }
    assert list(event["headers"]) == sorted(event["headers"], key=str.lower)
    assert event["multiValueHeaders"] == {k: [v] for k, v in event["headers"].items()}


def test_the_core_reads_what_is_built() -> None:
    """Builder and parser agree on every event."""
    connection_id, text = ConnectionId(FACTS.connection_id), 'Zoë 🂡 \0 {"type":'
    message = message_event(FACTS, "$default", text, REQUEST_ID, "OhDy4RHwIAMCJaA=", AT_MS)
    assert parse_event(message) == Message(connection_id, text, AT_MS // 1000, AT_MS)
    gone = disconnect_event(FACTS, 1001, text, REQUEST_ID, AT_MS)
    assert parse_event(gone) == Disconnect(connection_id, AT_MS // 1000)
    event = parse_event(connected("/prod?playerId=Alice&gameId=GAME01"))
    assert isinstance(event, Connect)
    assert event.row.connected_at == "2024-02-09T18:23:27.396Z"
    assert isinstance(event.row.ttl, int)
