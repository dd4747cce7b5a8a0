"""Parser of API Gateway's events: each becomes a Connect, a Message or a Disconnect."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from poker_signal.core import messages, presence
from poker_signal.core.aws_event import Response, iso_time
from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.errors import InvalidConnect
from poker_signal.core.invocation import Outcome
from poker_signal.core.model import (
    ROW_LIFETIME_S,
    WANTS,
    Connect,
    ConnectionId,
    Disconnect,
    GameId,
    GatewayEvent,
    Message,
    PlayerId,
    Row,
)


class MalformedEvent(PokerSignalError):
    """Not an event of a WebSocket API: the Lambda integration is configured wrongly."""


_T = TypeVar("_T")


_SESSION = re.compile(r"[\x21-\x7e]{8,128}")


_LATEST_MS = 253_402_300_799_999
"""The last millisecond of 9999: ISO 8601 writes a year with four digits."""


def parse_event(raw: Mapping[str, Any]) -> GatewayEvent:
    """Parse the event that API Gateway passes to Lambda.

    Raises:
        InvalidConnect: a query parameter is missing or not valid; refuse the handshake.
        MalformedEvent: it is not an event of a WebSocket API.
    """
    # Fast path for a message whose fields all have the expected types. Python's share of a relayed
    # message costs 13.9 µs without it and 13.1 µs with it (6 %).
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
        at_ms = context.get("requestTimeEpoch")
        at = at_ms // 1000 if type(at_ms) is int else None
        code, reason = context.get("disconnectStatusCode"), context.get("disconnectReason")
        return Disconnect(connection_id, at, presence.reason_of(code, reason))
    raise MalformedEvent(
        f"requestContext.eventType is {event_type!r}, not CONNECT, MESSAGE or DISCONNECT"
    )


def ticket_of(raw: Mapping[str, Any]) -> str | None:
    """Return the join ticket of a ``$connect`` that ``parse_event`` has accepted; None: no ticket.

    The parsed event does not contain the ticket, so no effect, row or log line can contain it.
    """
    parameters = raw.get("queryStringParameters") or {}
    ticket = parameters.get("ticket")
    return ticket if isinstance(ticket, str) else None


def response_for(outcome: Outcome) -> Response:
    """Return Lambda's response, once all effects are performed."""
    if outcome.name == "refused" and outcome.error is not None:
        return {"statusCode": outcome.error.status_code, "body": str(outcome.error)}
    return {"statusCode": 200}


def _parse_connect(
    raw: Mapping[str, Any], context: Mapping[str, Any], connection_id: ConnectionId
) -> Connect:
    connected_at_ms = _field(context, "connectedAt", int)
    if not 0 <= connected_at_ms <= _LATEST_MS:
        raise MalformedEvent(f"requestContext.connectedAt is {connected_at_ms}, not a time in ms")
    parameters: Mapping[str, object] = {}
    if raw.get("queryStringParameters") is not None:
        parameters = _field(raw, "queryStringParameters", dict)
    session, origin = _session(parameters), _origin(raw)
    player_id, game_id = parameters.get("playerId"), parameters.get("gameId")
    if not messages.is_name(player_id):
        raise InvalidConnect("playerId", messages.NAME_RULE)
    if not messages.is_name(game_id):
        raise InvalidConnect("gameId", messages.NAME_RULE)
    row = Row(
        connection_id=connection_id,
        player_id=PlayerId(player_id),
        game_id=GameId(game_id),
        connected_at=iso_time(connected_at_ms),
        ttl=connected_at_ms // 1000 + ROW_LIFETIME_S,
        session=session,
        wants=_wants(parameters),
    )
    return Connect(row, at=connected_at_ms // 1000, origin=origin)


def _session(parameters: Mapping[str, object]) -> str | None:
    value = parameters.get("session")
    if value is None:
        return None
    if not isinstance(value, str) or not _SESSION.fullmatch(value):
        raise InvalidConnect("session", "8 to 128 visible ASCII characters, or left out")
    return hashlib.sha256(value.encode()).hexdigest()


def _wants(parameters: Mapping[str, object]) -> frozenset[str]:
    """Return the known words of ``wants``; a later version's words are ignored."""
    value = parameters.get("wants")
    return WANTS.intersection(value.split(",")) if isinstance(value, str) else frozenset()


def _origin(raw: Mapping[str, Any]) -> str | None:
    """Return the ``Origin`` header: the connecting page. Header names are case-insensitive."""
    headers = raw.get("headers")
    if isinstance(headers, Mapping):
        for name, value in headers.items():
            if name.lower() == "origin" and isinstance(value, str):
                return value
    return None


def _field(container: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    value = container.get(key)
    if not isinstance(value, kind):
        raise MalformedEvent(f"{key} is missing or no {kind.__name__}: not a WebSocket API's event")
    return value
