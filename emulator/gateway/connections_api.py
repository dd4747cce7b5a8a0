"""``@connections`` over HTTP: a backend posts to a connection, looks it up or closes it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

import json
import re
from typing import NamedTuple
from urllib.parse import unquote

from poker_signal.core.aws_event import iso_time
from poker_signal.emulator.aws.connections import ConnectionInfo, Connections
from poker_signal.emulator.aws.http import FORBIDDEN, TOO_MANY_REQUESTS, Answer, Request, error
from poker_signal.emulator.aws.identifiers import is_well_formed
from poker_signal.emulator.aws.throttling import LimitExceeded, TokenBucket
from poker_signal.emulator.settings import Settings

GONE = Answer(410, headers=[("x-amzn-ErrorType", "GoneException")])
TOO_LARGE = error(413, "PayloadTooLargeException", "Payload too large")
NOT_SIGNED = error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
NOT_UTF_8 = error(400, "BadRequestException", "Data is not valid UTF-8")
THROTTLED = error(429, "LimitExceededException", TOO_MANY_REQUESTS)
OK = Answer(200)
NO_CONTENT = Answer(204)

_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/\s,]+/\d{8}/[^/\s,]+/execute-api/aws4_request,\s*"
    r"SignedHeaders=[^\s,]+,\s*Signature=[0-9a-f]{64}"
)


class Target(NamedTuple):
    """The stage and connection id in a path of the management API."""

    stage: str
    """Or the base path of a custom domain; empty: none."""
    connection_id: str


def target_of(request: Request) -> Target | None:
    """Return the target of a request; None if its path is not of the management API.

    Clients percent-encode ``=``, and may encode ``@``. Each segment is decoded once.
    """
    segments = request.target.partition("?")[0].split("/")
    if "@connections" not in [unquote(segment) for segment in segments]:
        return None
    match segments:
        case ["", stage, at, connection_id] if unquote(at) == "@connections":
            return Target(unquote(stage), unquote(connection_id))
        case ["", at, connection_id] if unquote(at) == "@connections":
            return Target("", unquote(connection_id))
        case _:
            return Target("/", "")


def manage(
    request: Request, target: Target, connections: Connections, settings: Settings
) -> Answer:
    """Answer a request of the management API."""
    if target.stage != settings.path.removeprefix("/"):
        return FORBIDDEN
    if request.method not in {"POST", "GET", "DELETE"}:
        return NOT_SIGNED
    if settings.strict_sigv4 and not _SIGNATURE.fullmatch(request.header("Authorization") or ""):
        return NOT_SIGNED
    if not is_well_formed(target.connection_id):
        return _malformed(target.connection_id)
    if request.method == "POST":
        return _post(request, target.connection_id, connections, settings)
    if request.method == "GET":
        return _get(connections.get(target.connection_id))
    return NO_CONTENT if connections.delete(target.connection_id) else GONE


def _post(
    request: Request, connection_id: str, connections: Connections, settings: Settings
) -> Answer:
    if len(request.body) > settings.max_message_bytes:
        return TOO_LARGE
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        return NOT_UTF_8
    return OK if connections.post(connection_id, text) else GONE


def _get(info: ConnectionInfo | None) -> Answer:
    if info is None:
        return GONE
    identity: dict[str, str] = {"sourceIp": info.identity["sourceIp"]}
    if "userAgent" in info.identity:
        identity["userAgent"] = info.identity["userAgent"]
    body = {
        "connectedAt": iso_time(info.connected_at_ms),
        "identity": identity,
        "lastActiveAt": iso_time(info.last_active_at_ms),
    }
    return Answer(200, json.dumps(body, separators=(",", ":")).encode())


def _malformed(connection_id: str) -> Answer:
    return error(400, "BadRequestException", f"Invalid connectionId: {connection_id}")


class ThrottledConnections:
    """``@connections`` behind a token bucket."""

    def __init__(self, connections: Connections, throttle: TokenBucket) -> None:
        self._connections = connections
        self._throttle = throttle

    def post(self, connection_id: str, data: str) -> bool:
        """Send a text frame; False: the connection is gone.

        Raises:
            LimitExceeded: the bucket is empty; the call had no effect.
        """
        self._take()
        return self._connections.post(connection_id, data)

    def get(self, connection_id: str) -> ConnectionInfo | None:
        """Return the state of an open connection; None: it is gone.

        Raises:
            LimitExceeded: the bucket is empty; the call had no effect.
        """
        self._take()
        return self._connections.get(connection_id)

    def delete(self, connection_id: str) -> bool:
        """Close a connection; False: it was gone.

        Raises:
            LimitExceeded: the bucket is empty; the call had no effect.
        """
        self._take()
        return self._connections.delete(connection_id)

    def _take(self) -> None:
        if not self._throttle.take():
            raise LimitExceeded
