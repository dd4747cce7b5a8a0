"""The events that API Gateway passes to Lambda.

Every field is as in recordings of the real service.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from poker_signal.core.aws_event import (
    AuthorizerEvent,
    EventType,
    Identity,
    LambdaEvent,
    RequestContext,
)
from poker_signal.emulator.aws.http import Request

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_HOP_BY_HOP = frozenset({"connection", "upgrade", "content-length"})
"""Headers that API Gateway removes from the event of ``$connect``."""


class Label(NamedTuple):
    """The names of a connection in displays."""

    name: str = ""
    """The client's name: the player."""
    group: str = ""
    """Its group: the game."""


class Facts(NamedTuple):
    """A connection's constant properties."""

    connection_id: str
    connected_at_ms: int
    stage: str
    domain_name: str
    api_id: str
    identity: Identity
    stage_variables: Mapping[str, str] = MappingProxyType({})
    authorizer: dict[str, Any] | None = None
    """The context that the authorizer returned; None: there is no authorizer."""
    label: Label = Label()
    """For displays only; no handler sees it."""


def connect_event(
    facts: Facts, request: Request, request_id: str, trace_id: str, at_ms: int
) -> LambdaEvent:
    """Return the ``$connect`` event of a handshake."""
    headers = _forwarded_headers(facts, request, trace_id)
    event: LambdaEvent = {
        "headers": dict(headers),
        "multiValueHeaders": _multi_value(headers),
        "requestContext": _context(facts, "$connect", "CONNECT", request_id, at_ms),
        "isBase64Encoded": False,
    }
    if request.query:
        event["queryStringParameters"] = dict(request.query)
        event["multiValueQueryStringParameters"] = _multi_value(request.query)
    return _with_stage_variables(event, facts)


def authorizer_event(
    facts: Facts, request: Request, method_arn: str, request_id: str, trace_id: str, at_ms: int
) -> AuthorizerEvent:
    """Return the event of a REQUEST authorizer: the handshake with its hop-by-hop headers."""
    connect = connect_event(facts, request, request_id, trace_id, at_ms)
    headers = [
        *connect["headers"].items(),
        ("Connection", "upgrade"),
        ("content-length", "0"),
        ("Upgrade", "websocket"),
    ]
    headers.sort(key=lambda header: header[0].lower())
    hop = {"Connection": ["upgrade"], "content-length": ["0"], "Upgrade": ["websocket"]}
    return {
        "type": "REQUEST",
        "methodArn": method_arn,
        "headers": dict(headers),
        "multiValueHeaders": {**connect["multiValueHeaders"], **hop},
        "queryStringParameters": dict(request.query),
        "multiValueQueryStringParameters": _multi_value(request.query),
        "stageVariables": dict(facts.stage_variables),
        "requestContext": connect["requestContext"],
    }


def message_event(
    facts: Facts, route_key: str, body: str, request_id: str, message_id: str, at_ms: int
) -> LambdaEvent:
    """Return the event of a message."""
    # Written out instead of calling _context, because this runs for every message.
    connection_id, connected_at_ms, stage, domain_name, api_id, identity = facts[:6]
    context: RequestContext = {
        "routeKey": route_key,
        "messageId": message_id,
        "eventType": "MESSAGE",
        "extendedRequestId": request_id,
        "requestTime": _request_time(at_ms // 1000),
        "messageDirection": "IN",
        "stage": stage,
        "connectedAt": connected_at_ms,
        "requestTimeEpoch": at_ms,
        "identity": identity,
        "requestId": request_id,
        "domainName": domain_name,
        "connectionId": connection_id,
        "apiId": api_id,
    }
    if facts.authorizer is not None:
        context["authorizer"] = facts.authorizer
    event: LambdaEvent = {"requestContext": context, "body": body, "isBase64Encoded": False}
    return _with_stage_variables(event, facts) if facts.stage_variables else event


def disconnect_event(
    facts: Facts, code: int, reason: str, request_id: str, at_ms: int
) -> LambdaEvent:
    """Return the ``$disconnect`` event of a closed connection.

    It has none of the handshake's headers: a handler that needs them stores them at ``$connect``.
    """
    headers = [
        ("Host", facts.domain_name),
        ("x-api-key", ""),
        ("X-Forwarded-For", ""),
        ("x-restapi", ""),
    ]
    context = _context(facts, "$disconnect", "DISCONNECT", request_id, at_ms)
    context["disconnectStatusCode"] = code
    context["disconnectReason"] = reason
    event: LambdaEvent = {
        "headers": dict(headers),
        "multiValueHeaders": _multi_value(headers),
        "requestContext": context,
        "isBase64Encoded": False,
    }
    return _with_stage_variables(event, facts)


def request_time(epoch_ms: int) -> str:
    """Format a time as access logs do, in UTC: ``09/Feb/2024:18:23:28 +0000``."""
    return _request_time(epoch_ms // 1000)


@lru_cache(maxsize=8)
def _request_time(epoch_s: int) -> str:
    moment = datetime.fromtimestamp(epoch_s, UTC)
    # Not %b, which depends on the locale.
    return f"{moment:%d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"


def _context(
    facts: Facts, route_key: str, event_type: EventType, request_id: str, at_ms: int
) -> RequestContext:
    context: RequestContext = {
        "routeKey": route_key,
        "eventType": event_type,
        "extendedRequestId": request_id,
        "requestTime": request_time(at_ms),
        "messageDirection": "IN",
        "stage": facts.stage,
        "connectedAt": facts.connected_at_ms,
        "requestTimeEpoch": at_ms,
        "identity": facts.identity,
        "requestId": request_id,
        "domainName": facts.domain_name,
        "connectionId": facts.connection_id,
        "apiId": facts.api_id,
    }
    if facts.authorizer is not None:
        context["authorizer"] = facts.authorizer
    return context


def _with_stage_variables(event: LambdaEvent, facts: Facts) -> LambdaEvent:
    if facts.stage_variables:
        event["stageVariables"] = dict(facts.stage_variables)
    return event


def _forwarded_headers(facts: Facts, request: Request, trace_id: str) -> list[tuple[str, str]]:
    """Return the client's headers, in its casing, and those of the gateway, sorted by name."""
    found: list[tuple[str, int, str, str]] = []
    for name, value in request.headers:
        lower = name.lower()
        if lower == "host":
            found.append((lower, len(found), name, facts.domain_name))
        elif lower not in _HOP_BY_HOP and not lower.startswith("x-forwarded-"):
            found.append((lower, len(found), name, value))
    forwarded_for = request.last_values.get("x-forwarded-for")
    peer_ip = request.peer_ip
    forwarded_for = f"{forwarded_for}, {peer_ip}" if forwarded_for else peer_ip
    found += [
        ("x-amzn-trace-id", len(found), "X-Amzn-Trace-Id", trace_id),
        ("x-forwarded-for", len(found), "X-Forwarded-For", forwarded_for),
        ("x-forwarded-port", len(found), "X-Forwarded-Port", "443"),
        ("x-forwarded-proto", len(found), "X-Forwarded-Proto", "https"),
    ]
    # The index in each tuple keeps repeated headers in the client's order.
    found.sort()
    return [(name, value) for _, _, name, value in found]


def _multi_value(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
