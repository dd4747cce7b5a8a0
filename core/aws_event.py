"""API Gateway's shape, once: the event that it hands to Lambda, and the response that it takes.

The emulator builds the event, ``parse_event`` reads it. The shape is that of recorded events:
keys that do not apply are left out, none is ever ``null``, and messages carry neither headers
nor query string, which exist only while connecting
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html).
"""

from datetime import UTC, datetime
from typing import Any, Literal, NotRequired, TypedDict

EventType = Literal["CONNECT", "MESSAGE", "DISCONNECT"]


class Identity(TypedDict):
    """The client, as the gateway sees it: its address and user agent."""

    userAgent: NotRequired[str]
    """Only if the client sent the header."""
    sourceIp: str


class RequestContext(TypedDict):
    """The facts of an event and its connection, as the gateway sets them."""

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
    """The event of a WebSocket route, as Lambda gets it."""

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
    """The event of a REQUEST authorizer, before ``$connect``."""

    type: Literal["REQUEST"]
    methodArn: str
    headers: dict[str, str]
    multiValueHeaders: dict[str, list[str]]
    queryStringParameters: dict[str, str]
    multiValueQueryStringParameters: dict[str, list[str]]
    stageVariables: dict[str, str]
    requestContext: RequestContext


class Response(TypedDict):
    """The response of a function: at ``$connect`` the status of the handshake, else unused."""

    statusCode: int
    body: NotRequired[str]


def iso_time(epoch_ms: int) -> str:
    """Return a moment in ISO 8601, UTC, milliseconds, ``Z``: 2024-02-09T18:23:28.112Z."""
    moment = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03d}Z"
