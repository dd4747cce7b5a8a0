"""Lambda's APIs for the processes of functions: the Runtime API, and Invoke.

It listens on loopback. Each environment has a secret path, so that no other process answers its
events. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol
from urllib.parse import unquote

from poker_signal.emulator.aws.http import Answer, Request
from poker_signal.emulator.aws.results import NotInvokable, Raised
from poker_signal.emulator.protocols.http_connection import HttpConnection
from poker_signal.emulator.settings import Settings

MAX_PAYLOAD_BYTES = 6_291_556
"""Largest result or payload of a synchronous invocation."""

MAX_BODY_BYTES = 4 * MAX_PAYLOAD_BYTES
"""Largest body that is read, so that one that is too large gets Lambda's answer."""

Reply = Callable[[Answer], None]
Outcome = bytes | Raised
"""The end of an invocation: the result's bytes, or the error."""

# A process waits for its next event as long as the emulator runs.
_SETTINGS = Settings(request_timeout_s=60, keep_alive_timeout_s=86_400)


class RuntimeClient(Protocol):
    """An environment, as the Runtime API sees it."""

    def next_event(self, reply: Reply) -> None:
        """Answer with the next event, now or later."""

    def ended(self, request_id: str, outcome: Outcome) -> bool:
        """Take the end of an invocation; False: this is not the one that runs."""

    def init_failed(self, error: Raised) -> None:
        """Take the error of the init phase."""


class Callee(Protocol):
    """A function, as Invoke sees it."""

    def call(self, payload: bytes, then: Callable[[Outcome], None]) -> NotInvokable | None:
        """Start an invocation; return why it cannot start, or None."""


class RuntimeApi:
    """Server of both APIs."""

    def __init__(self) -> None:
        self.functions: Mapping[str, Callee] = {}
        """The functions that Invoke can call, by name."""
        self._clients: dict[str, RuntimeClient] = {}
        """By secret path."""
        self._connections: set[HttpConnection] = set()
        self._invoke_path = secrets.token_urlsafe(16)
        self._server: asyncio.Server

    async def start(self) -> None:
        """Listen on any free port."""
        self._server = await asyncio.get_running_loop().create_server(
            partial(HttpConnection, self, _SETTINGS, MAX_BODY_BYTES), "127.0.0.1", 0
        )

    def stop(self) -> None:
        """Close the port and all connections."""
        self._server.close()
        for connection in list(self._connections):
            connection.close()

    @property
    def _address(self) -> str:
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def lambda_url(self) -> str:
        """``endpoint_url`` for a client of Lambda."""
        return f"http://{self._address}/{self._invoke_path}"

    def add(self, client: RuntimeClient) -> tuple[str, str]:
        """Add an environment; return its secret path and its ``AWS_LAMBDA_RUNTIME_API``."""
        path = secrets.token_urlsafe(16)
        self._clients[path] = client
        return path, f"{self._address}/{path}"

    def remove(self, path: str) -> None:
        """Remove an environment."""
        self._clients.pop(path, None)

    # As the responder of HTTP connections.

    def http_opened(self, connection: HttpConnection) -> None:
        """Add a connection."""
        self._connections.add(connection)

    def http_closed(self, connection: HttpConnection) -> None:
        """Remove a connection."""
        self._connections.discard(connection)

    def http_failed(self, words: str) -> None:
        """Do nothing: only runtimes connect here."""

    def respond(self, request: Request, reply: Callable[..., None]) -> None:
        """Answer a request of a runtime, or an Invoke."""
        if "origin" in request.last_values:
            reply(_error(403, "AccessDeniedException", "Web pages may not use this API."))
            return
        _, secret, *path = request.path.split("/")
        client = self._clients.get(secret)
        match request.method, *path:
            case "GET", "2018-06-01", "runtime", "invocation", "next" if client:
                client.next_event(reply)
            case "POST", "2018-06-01", "runtime", "invocation", request_id, end if client:
                reply(_ended([client], request_id, end, request.body))
            case "POST", "2018-06-01", "runtime", "init", "error" if client:
                client.init_failed(error_of(request.body))
                reply(_ACCEPTED)
            case "POST", "runtime", "invocation", request_id, end if secret == "2018-06-01":
                # Some runtime clients take host and port only. The id of an event is a secret too.
                reply(_ended(list(self._clients.values()), request_id, end, request.body))
            case "POST", "2015-03-31", "functions", name, "invocations" if secrets.compare_digest(
                secret.encode(), self._invoke_path.encode()
            ):
                self._invoke(unquote(name), request, reply)
            case _:
                reply(_error(403, "AccessDeniedException", "Forbidden"))

    def _invoke(self, name: str, request: Request, reply: Reply) -> None:
        """Answer Invoke: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html ."""
        # A name, a part of an ARN or a whole one, each maybe with a qualifier.
        found = re.fullmatch(r"(?:.*function:|\d{12}:)?([\w-]+)(?::[\w$-]+)?", name)
        function = self.functions.get(found[1]) if found else None
        kind = request.header("X-Amz-Invocation-Type") or "RequestResponse"
        if function is None:
            known = ", ".join(self.functions) or "none"
            words = f"Function not found: {name}; there are {known}"
            reply(_error(404, "ResourceNotFoundException", words))
        elif len(request.body) > MAX_PAYLOAD_BYTES:
            reply(_error(413, "RequestTooLargeException", f"more than {MAX_PAYLOAD_BYTES} bytes"))
        elif kind == "DryRun":
            reply(Answer(204))
        elif kind == "Event":
            refused = function.call(request.body or b"{}", lambda _: None)
            reply(_error(429, "TooManyRequestsException", refused.why) if refused else Answer(202))
        else:
            refused = function.call(request.body or b"{}", lambda end: reply(_answer_of(end)))
            if refused is not None:
                reply(_error(429, "TooManyRequestsException", refused.why))


def error_of(body: bytes) -> Raised:
    """Return the error that a runtime reports as JSON."""
    try:
        error = json.loads(body)
        type_ = str(error.get("errorType", ""))
        return Raised(str(error.get("errorMessage", "")), type_, _place(error.get("stackTrace")))
    except (ValueError, AttributeError, RecursionError):
        return Raised("the runtime reported an error that is not JSON", "Runtime.Unknown")


def _place(stack: object) -> tuple[str, int] | None:
    """Return file and line of the innermost frame of a Python traceback."""
    lines = stack if isinstance(stack, list) else []
    places = re.findall(r'File "([^"\n]+)",? [Ll]ine (\d+)', "\n".join(map(str, lines)))
    return (places[-1][0], int(places[-1][1])) if places else None


def _ended(clients: list[RuntimeClient], request_id: str, end: str, body: bytes) -> Answer:
    outcome: Outcome = body if end == "response" else error_of(body)
    is_too_large = len(body) > MAX_PAYLOAD_BYTES
    if is_too_large:
        words = f"Exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."
        outcome = Raised(words, "Function.ResponseSizeTooLarge")
    if not any(client.ended(request_id, outcome) for client in clients):
        return _error(400, "InvalidRequestID", "Invalid request ID")
    return _error(413, "RequestEntityTooLarge", words) if is_too_large else _ACCEPTED


def _answer_of(outcome: Outcome) -> Answer:
    if isinstance(outcome, bytes):
        return Answer(200, outcome, [("X-Amz-Executed-Version", "$LATEST")])
    document = {"errorMessage": outcome.message, "errorType": outcome.type or "Error"}
    return Answer(
        200,
        json.dumps(document).encode(),
        [("X-Amz-Function-Error", "Unhandled"), ("X-Amz-Executed-Version", "$LATEST")],
    )


def _error(status: int, type_: str, message: str) -> Answer:
    document = {"errorType": type_, "errorMessage": message, "Type": "User", "Message": message}
    return Answer(status, json.dumps(document).encode(), [("x-amzn-ErrorType", type_)])


_ACCEPTED = Answer(202, b'{"status":"OK"}')
