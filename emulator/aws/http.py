"""HTTP requests and answers as values, with the error messages of API Gateway."""

import base64
import email.utils
import json
import os
import time
import uuid
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

Headers = list[tuple[str, str]]
"""Names and values in order, in the sender's casing, repeated headers included."""


@dataclass
class Request:
    """A complete HTTP request."""

    method: str
    target: str
    """Path and query string, as sent."""
    headers: Headers
    peer_ip: str
    http_version: str = "1.1"
    body: bytes = b""
    path: str = field(init=False)
    """The path, percent-decoded once."""
    query: list[tuple[str, str]] = field(init=False)
    """The parameters of the query string in order, decoded; ``+`` is a space."""
    last_values: dict[str, str] = field(init=False)
    """The last value of each header, by lower-case name."""
    wants_upgrade: bool = field(init=False)
    """True if the client asks for a WebSocket; its handshake may still be invalid."""

    def __post_init__(self) -> None:
        path, _, query = self.target.partition("?")
        self.path = unquote(path)
        self.query = parse_qsl(query, keep_blank_values=True)
        self.last_values = {name.lower(): value for name, value in self.headers}
        self.wants_upgrade = self.last_values.get("upgrade", "").lower() == "websocket"

    def header(self, name: str) -> str | None:
        """Return the last value of a header; the case of ``name`` does not matter."""
        return self.last_values.get(name.lower())


@dataclass(frozen=True)
class Answer:
    """An HTTP answer other than 101."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list)

    @property
    def reason(self) -> str:
        """The standard phrase of the status, empty if there is none."""
        return HTTPStatus(self.status).phrase if self.status in _STATUSES else ""

    @property
    def _is_typed(self) -> bool:
        return any(name == "Content-Type" for name, _ in self.headers)

    def all_headers(self) -> Headers:
        """Return the headers to send, generated ones included."""
        return [
            ("Date", http_date()),
            *([("Content-Type", "application/json")] if self.body and not self._is_typed else []),
            *([("Content-Length", str(len(self.body)))] if self.status != 204 else []),
            ("x-amzn-RequestId", str(uuid.uuid4())),
            *(_of_forbidden() if self is FORBIDDEN else ()),
            *self.headers,
        ]


_STATUSES = {status.value for status in HTTPStatus}


def http_date() -> str:
    """Return the current time as value of the header ``Date``."""
    return _date(int(time.time()))


@lru_cache(maxsize=1)
def _date(epoch_s: int) -> str:
    return email.utils.formatdate(epoch_s, usegmt=True)


def error(status: int, error_type: str | None, message: str | None) -> Answer:
    """Return an error of the gateway itself.

    boto3 selects its exception class only by the header ``x-amzn-ErrorType``.
    """
    body = b"" if message is None else json.dumps({"message": message}, separators=(",", ":"))
    return Answer(
        status,
        body.encode() if isinstance(body, str) else body,
        [] if error_type is None else [("x-amzn-ErrorType", error_type)],
    )


INTERNAL_SERVER_ERROR = "Internal server error"
TIMED_OUT = "Endpoint request timed out"
TOO_MANY_REQUESTS = "Too Many Requests"

# With a space, as recorded.
FAILED = Answer(
    502,
    b'{"message": "Internal server error"}',
    [("x-amzn-ErrorType", "InternalServerErrorException")],
)
"""A ``$connect`` that raised, or whose response is malformed."""

FORBIDDEN = error(403, "ForbiddenException", "Forbidden")
UPGRADE_REQUIRED = Answer(426, headers=[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")])
URI_TOO_LONG = error(414, "BadRequestException", "Request-URI Too Long")
HEADERS_TOO_LARGE = error(431, "BadRequestException", "Request Header Fields Too Large")
REQUEST_TIMEOUT = error(408, "BadRequestException", "Request Timeout")
THROTTLED = error(429, "TooManyRequestsException", TOO_MANY_REQUESTS)
SHUTTING_DOWN = error(503, "ServiceUnavailableException", "Service Unavailable")


def _of_forbidden() -> Headers:
    """Return the other headers of a recorded 403: an id, and that the connection stays open."""
    extended_id = base64.urlsafe_b64encode(os.urandom(11)).decode()
    return [("x-amz-apigw-id", extended_id), ("Connection", "keep-alive")]


def bad_request(why: str) -> Answer:
    """Return the answer to invalid HTTP or to an invalid WebSocket handshake."""
    return error(400, "BadRequestException", why)
