"""API Gateway's shape, once: the event that it hands to Lambda, and the response that it takes.

The emulator builds the event, ``parse_event`` reads it. The shape is that of recorded events:
keys that do not apply are left out, none is ever ``null``, and messages carry neither headers
nor query string, which exist only while connecting
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html).
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NotRequired, TypedDict, TypeVar

from poker_signal.core import messages
from poker_signal.core.errors import InvalidConnect, PokerSignalError
from poker_signal.core.invocation import Outcome
from poker_signal.core.model import (
    ROW_LIFETIME_S,
    Connect,
    ConnectionId,
    Disconnect,
    GameId,
    GatewayEvent,
    Message,
    PlayerId,
    Row,
)

EventType = Literal["CONNECT", "MESSAGE", "DISCONNECT"]


class Identity(TypedDict):
    """Whom the gateway believes to talk to."""

    userAgent: NotRequired[str]
    """Only if the client sent the header."""
    sourceIp: str


class RequestContext(TypedDict):
    """What the gateway knows of an event and its connection."""

    routeKey: str
    """The route that was selected: ``$default`` where no other matched."""
    authorizer: NotRequired[dict[str, Any]]
    messageId: NotRequired[str]
    """Messages only."""
    disconnectStatusCode: NotRequired[int]
    """Disconnects only: the close code."""
    eventType: EventType
    extendedRequestId: str
    requestTime: str
    """``09/Feb/2024:18:23:28 +0000``"""
    messageDirection: Literal["IN"]
    disconnectReason: NotRequired[str]
    """Disconnects only; may be empty."""
    stage: str
    connectedAt: int
    """Epoch milliseconds, the same for every event of a connection."""
    requestTimeEpoch: int
    """Epoch milliseconds of this event."""
    identity: Identity
    requestId: str
    domainName: str
    connectionId: str
    apiId: str


class LambdaEvent(TypedDict):
    """What Lambda is called with."""

    headers: NotRequired[dict[str, str]]
    multiValueHeaders: NotRequired[dict[str, list[str]]]
    queryStringParameters: NotRequired[dict[str, str]]
    """Connects with a query string only; of a repeated key the last value."""
    multiValueQueryStringParameters: NotRequired[dict[str, list[str]]]
    stageVariables: NotRequired[dict[str, str]]
    requestContext: RequestContext
    body: NotRequired[str]
    """Messages only: the text as it was sent."""
    isBase64Encoded: bool


class AuthorizerEvent(TypedDict):
    """What a REQUEST authorizer is called with, before ``$connect``."""

    type: Literal["REQUEST"]
    methodArn: str
    headers: dict[str, str]
    multiValueHeaders: dict[str, list[str]]
    queryStringParameters: dict[str, str]
    multiValueQueryStringParameters: dict[str, list[str]]
    stageVariables: dict[str, str]
    requestContext: RequestContext


class Response(TypedDict):
    """What Lambda answers: at ``$connect`` the status of the handshake, elsewhere of no effect."""

    statusCode: int
    body: NotRequired[str]


class MalformedEvent(PokerSignalError):
    """Not an event of a WebSocket API: the integration is set up wrongly."""


_T = TypeVar("_T")

_SESSION = re.compile(r"[\x21-\x7e]{8,128}")
_LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, where ISO 8601's four digits end."""


def parse_event(raw: Mapping[str, Any]) -> GatewayEvent:
    """Read the event that API Gateway hands to Lambda.

    Raises:
        InvalidConnect: the query string names no player or no game; refuse the handshake.
        MalformedEvent: this is no event of a WebSocket API.
    """
    # Nearly all events are messages, of which nothing is odd: they are read in one go.
    context = raw.get("requestContext")
    if type(context) is dict and context.get("eventType") == "MESSAGE":
        connection_id, at_ms = context.get("connectionId"), context.get("requestTimeEpoch")
        body = raw.get("body")
        if type(connection_id) is str and type(at_ms) is int and type(body) is str:
            return Message(ConnectionId(connection_id), body, at_ms // 1000, at_ms)
    context = _field(raw, "requestContext", dict)
    event_type = _field(context, "eventType", str)
    connection_id = ConnectionId(_field(context, "connectionId", str))
    if event_type == "MESSAGE":
        at_ms = _field(context, "requestTimeEpoch", int)
        return Message(connection_id, _field(raw, "body", str), at_ms // 1000, at_ms)
    if event_type == "CONNECT":
        return _parse_connect(raw, context, connection_id)
    if event_type == "DISCONNECT":
        return Disconnect(connection_id)
    raise MalformedEvent(
        f"requestContext.eventType is {event_type!r}, not CONNECT, MESSAGE or DISCONNECT"
    )


def ticket_of(raw: Mapping[str, Any]) -> str | None:
    """Return the join ticket of a ``$connect`` that ``parse_event`` has read, if it has one.

    Not a part of the event as it is read: so no effect, no row and no log line can hold it.
    """
    parameters = raw.get("queryStringParameters") or {}
    ticket = parameters.get("ticket")
    return ticket if isinstance(ticket, str) else None


def response_for(outcome: Outcome) -> Response:
    """Return what Lambda answers once everything is done."""
    if outcome.name == "refused" and outcome.error is not None:
        return {"statusCode": outcome.error.status_code, "body": str(outcome.error)}
    return {"statusCode": 200}


def iso_time(epoch_ms: int) -> str:
    """Return a moment in ISO 8601, UTC, milliseconds, ``Z``: 2024-02-09T18:23:28.112Z."""
    moment = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03d}Z"


def _parse_connect(
    raw: Mapping[str, Any], context: Mapping[str, Any], connection_id: ConnectionId
) -> Connect:
    connected_at_ms = _field(context, "connectedAt", int)
    if not 0 <= connected_at_ms <= _LATEST_MS:
        raise MalformedEvent(f"requestContext.connectedAt is {connected_at_ms}, no time in ms")
    parameters: Mapping[str, object] = {}
    if raw.get("queryStringParameters") is not None:
        parameters = _field(raw, "queryStringParameters", dict)
    row = Row(
        connection_id=connection_id,
        player_id=PlayerId(_name(parameters, "playerId")),
        game_id=GameId(_name(parameters, "gameId")),
        connected_at=iso_time(connected_at_ms),
        ttl=connected_at_ms // 1000 + ROW_LIFETIME_S,
        session=_session(parameters),
    )
    return Connect(row, at=connected_at_ms // 1000, origin=_origin(raw))


def _name(parameters: Mapping[str, object], key: str) -> str:
    value = parameters.get(key)
    if not isinstance(value, str) or not messages.is_name(value):
        raise InvalidConnect(key, messages.NAME_RULE)
    return value


def _session(parameters: Mapping[str, object]) -> str | None:
    value = parameters.get("session")
    if value is None:
        return None
    if not isinstance(value, str) or not _SESSION.fullmatch(value):
        raise InvalidConnect("session", "8 to 128 visible ASCII characters, or left out")
    return hashlib.sha256(value.encode()).hexdigest()


def _origin(raw: Mapping[str, Any]) -> str | None:
    """Return the header that tells which page connects; its name is in any case."""
    headers = raw.get("headers")
    if isinstance(headers, Mapping):
        for name, value in headers.items():
            if name.lower() == "origin" and isinstance(value, str):
                return value
    return None


def _field(container: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    value = container.get(key)
    if not isinstance(value, kind):
        raise MalformedEvent(f"{key} is missing or no {kind.__name__}: no WebSocket API's event")
    return value
