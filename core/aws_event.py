"""Types of the events that API Gateway passes to Lambda, and of the response that it expects.

The emulator builds these events, ``parse_event`` reads them. The shapes are those of recorded
events: keys that do not apply are left out and never ``null``. Messages have neither headers nor
query string; only ``$connect`` has them
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html).
"""

from datetime import UTC, datetime
from typing import Any, Literal, NotRequired, TypedDict

EventType = Literal["CONNECT", "MESSAGE", "DISCONNECT"]


class Identity(TypedDict):
    """The client's address and user agent, as the gateway sees them."""

    userAgent: NotRequired[str]
    """Present only if the client sent the header."""
    sourceIp: str


class RequestContext(TypedDict):
    """Facts about an event and its connection, set by the gateway."""

    routeKey: str
    """The selected route; ``$default`` if no other route matched."""
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
    """The event of a WebSocket route, as Lambda receives it."""

    headers: NotRequired[dict[str, str]]
    multiValueHeaders: NotRequired[dict[str, list[str]]]
    queryStringParameters: NotRequired[dict[str, str]]
    """Connects with a query string only; a repeated key has its last value."""
    multiValueQueryStringParameters: NotRequired[dict[str, list[str]]]
    stageVariables: NotRequired[dict[str, str]]
    requestContext: RequestContext
    body: NotRequired[str]
    """Messages only: the text as the client sent it."""
    isBase64Encoded: bool


class AuthorizerEvent(TypedDict):
    """The event of a REQUEST authorizer, which runs before ``$connect``."""

    type: Literal["REQUEST"]
    methodArn: str
    headers: dict[str, str]
    multiValueHeaders: dict[str, list[str]]
    queryStringParameters: dict[str, str]
    multiValueQueryStringParameters: dict[str, list[str]]
    stageVariables: dict[str, str]
    requestContext: RequestContext


class Response(TypedDict):
    """A function's response. At ``$connect`` it decides the handshake; otherwise it is unused."""

    statusCode: int
    body: NotRequired[str]


def iso_time(epoch_ms: int) -> str:
    """Return a time as ISO 8601 in UTC with milliseconds: ``2024-02-09T18:23:28.112Z``."""
    moment = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03d}Z"
