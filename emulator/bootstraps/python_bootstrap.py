"""Runtime of Python functions: loads a handler, and calls it with each event, as on Lambda.

Any Python from 3.9 on runs it. The arguments are JSON: ``simplejson``, the folder of that library;
``management``, the URL of ``@connections``; ``hosts``, the path of the API by host. Modelled on
https://github.com/aws/aws-lambda-python-runtime-interface-client, whose words it prints.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Iterable
from functools import partial
from typing import Any

# A process that multiprocessing spawns imports this file, too.
ARGUMENTS: dict[str, Any] = json.loads(sys.argv[1]) if __name__ == "__main__" else {}
COROUTINE = 0x80
"""Flag of a coroutine function's code."""

MAX_RESULT_BYTES = 6_291_556
"""Lambda's limit of a result."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_PLAIN = {str, int, float, bool, type(None)}


class RuntimeConnection:
    """HTTP/1.1 to the Runtime API. ``http.client`` would take 30 ms of each cold start."""

    def __init__(self, api: str) -> None:
        address, _, self._prefix = api.partition("/")
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._prefix = f"/{self._prefix}/2018-06-01/runtime"
        self._host = address
        self._rest = b""

    def request(
        self, method: str, path: str, body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request; return status, headers by lower-case name, and body."""
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\nHost: {self._host}\r\n"
        self._socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        while b"\r\n\r\n" not in self._rest:
            self._read()
        answer, _, self._rest = self._rest.partition(b"\r\n\r\n")
        line, *lines = answer.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        size = int(headers.get("content-length", 0))
        while len(self._rest) < size:
            self._read()
        body, self._rest = self._rest[:size], self._rest[size:]
        return int(line.split()[1]), headers, body

    def _read(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            # The emulator is gone.
            os._exit(0)
        self._rest += data


class CognitoIdentity:
    """The member ``identity`` of the context."""

    def __init__(self, cognito: dict[str, str]) -> None:
        self.cognito_identity_id = cognito.get("cognitoIdentityId")
        self.cognito_identity_pool_id = cognito.get("cognitoIdentityPoolId")


class Context:
    """The ``context`` argument of a handler."""

    def __init__(self, headers: dict[str, str]) -> None:
        of = os.environ.get
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.log_group_name = of("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = of("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = of("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = of("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = of("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers["lambda-runtime-invoked-function-arn"]
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = None
        self.identity = CognitoIdentity(
            json.loads(headers.get("lambda-runtime-cognito-identity", "{}"))
        )
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function's timeout, at least 0."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write a message to the log."""
        sys.stdout.write(str(message))


class RuntimeFault(Exception):
    """A failure with Lambda's own ``errorType``."""

    def __init__(self, type_: str, message: str, lines: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.type = type_
        self.lines = list(lines)


def load(handler: str) -> Any:
    """Import a handler by Lambda's notation, ``FOLDER/MODULE.FUNCTION``."""
    module_name, _, name = handler.rpartition(".")
    module_name = module_name.replace("/", ".")
    if not module_name:
        raise RuntimeFault("Runtime.MalformedHandlerName", f"Bad handler '{handler}'")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise RuntimeFault("Runtime.ImportModuleError", message, own_frames(error)) from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        lines = [f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").strip()}']
        raise RuntimeFault("Runtime.UserCodeSyntaxError", message, lines) from error
    found = getattr(module, name, None)
    if found is None:
        message = f"Handler '{name}' missing on module '{module_name}'"
        raise RuntimeFault("Runtime.HandlerNotFound", message)
    if not callable(found):
        message = f"{name} in module '{module_name}' is no function but {type(found).__name__}"
        raise RuntimeFault("Runtime.HandlerNotFound", message)
    if getattr(getattr(found, "__code__", None), "co_flags", 0) & COROUTINE:
        message = (
            f"{name} in module '{module_name}' is a coroutine function, which Lambda does not "
            "await; make it a plain function that calls asyncio.run()"
        )
        raise RuntimeFault("Runtime.HandlerNotFound", message)
    return found


def own_frames(error: BaseException) -> list[str]:
    """Return the lines of a traceback below this file and importlib."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if each.filename != __file__ and "<frozen" not in each.filename]
    return traceback.format_list(own)


def is_plain(value: Any) -> bool:
    """Tell whether Python's own json writes a value as Lambda does."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is dict:
        return all(type(key) is str and is_plain(each) for key, each in value.items())
    return kind in (list, tuple) and all(map(is_plain, value))


def marshal(value: Any) -> bytes:
    """Return a result as JSON: a Decimal is a number, a named tuple an object, bytes are text."""
    result = value if isinstance(value, bytes) else as_json(value)
    if len(result) > MAX_RESULT_BYTES:
        words = "Response payload size exceeded maximum allowed payload size"
        raise RuntimeFault("Function.ResponseSizeTooLarge", f"{words} ({MAX_RESULT_BYTES} bytes).")
    return result


def as_json(value: Any) -> bytes:
    """Return a result as the JSON that Lambda's runtime writes with simplejson."""
    try:
        if is_plain(value):
            return json.dumps(value).encode()
        sys.path.append(ARGUMENTS["simplejson"])
        try:
            import simplejson
        finally:
            sys.path.pop()

        def number(each: Any) -> Any:
            if type(each).__name__ == "Decimal":
                return simplejson.RawJSON(str(each))
            raise TypeError(f"Object of type {type(each).__name__} is not JSON serializable")

        text = simplejson.dumps(value, use_decimal=False, allow_nan=True, default=number)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RuntimeFault(
            "Runtime.MarshalError", f"Unable to marshal response: {error}"
        ) from error


def failure(error: BaseException) -> bytes:
    """Print an exception as Lambda does; return its JSON for the Runtime API."""
    if isinstance(error, RuntimeFault):
        type_, lines = error.type, error.lines
    else:
        type_, lines = type(error).__name__, own_frames(error)
    trace = "".join(["Traceback (most recent call last):\n", *lines]) if lines else ""
    sys.stderr.write(f"[ERROR] {type_}: {error}\n{trace}")
    flush()
    document = {"errorMessage": str(error), "errorType": type_, "stackTrace": lines}
    return json.dumps(document).encode()


def flush() -> None:
    """Show what was printed before the result is known."""
    for stream in (sys.stdout, sys.stderr):
        # A handler may have replaced or closed it.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()


def log_as_lambda(request_ids: list[str]) -> None:
    """Give the root logger Lambda's handler: handlers rely on it while they load."""
    import logging

    class Formatter(logging.Formatter):
        def format(self, record: Any) -> str:
            record.aws_request_id = request_ids[0]
            return super().format(record)

    handler = logging.StreamHandler(sys.stderr)
    layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    formatter = Formatter(layout, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.root.addHandler(handler)


def to_emulator(url: str) -> str:
    """Return the URL for a request to ``@connections``, wherever the handler has built it.

    The hosts of the emulated API need its path, as on AWS. A server on this machine stays itself;
    any other host stands for a deployment of this API.
    """
    head, mark, rest = url.partition("/@connections")
    if not mark:
        head, mark, rest = url.partition("/%40connections")
    management: str = ARGUMENTS["management"]
    host, _, path = head.partition("://")[2].partition("/")
    if not mark or head == management:
        return url
    expected = ARGUMENTS["hosts"].get(host)
    if expected is None and host.rpartition(":")[0] in LOOPBACK:
        return url
    if expected is not None and path != expected:
        scheme, _, authority = management.partition("://")
        return f"{scheme}://{authority.partition('/')[0]}{path and '/'}{path}{mark}{rest}"
    return f"{management}{mark}{rest}"


HTTP_CLIENTS = {
    "botocore.httpsession": "URLLib3Session",
    "aiobotocore.httpsession": "AIOHTTPSession",
    "requests.sessions": "Session",
}
"""Class of each HTTP client whose ``send`` gets a request with a ``url``."""


class PostsToEmulator:
    """Import hook that sends posts of the usual HTTP clients to the emulator."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Let the other finders find a client's module, and patch it once it is executed."""
        if name not in HTTP_CLIENTS:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                loader: Any = spec.loader
                loader.exec_module = partial(self._patch, loader.exec_module)
                return spec
        return None

    def _patch(self, execute: Any, module: Any) -> None:
        execute(module)
        client = getattr(module, HTTP_CLIENTS[module.__name__])
        send = client.send

        def send_to_emulator(session: Any, request: Any, *rest: Any, **more: Any) -> Any:
            url = to_emulator(request.url)
            if url != request.url:
                # The proxies were chosen for the URL that the handler has built.
                request.url = url
                if "proxies" in more:
                    more["proxies"] = {}
                if hasattr(session, "_proxy_config"):
                    session._proxy_config._proxies = {}
            return send(session, request, *rest, **more)

        client.send = send_to_emulator


def main() -> None:
    """Load the handler named by ``_HANDLER``, then call it with each event."""
    # As on Lambda, where the task root is read-only; no edit meets the bytecode of an older one.
    sys.dont_write_bytecode = True
    stdout: Any = sys.stdout
    stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    root = os.environ["LAMBDA_TASK_ROOT"]
    with contextlib.suppress(ValueError):
        sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
    sys.path.insert(0, root)
    sys.argv[:] = [root]
    sys.meta_path.insert(0, PostsToEmulator())
    connection = RuntimeConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    request_ids = [""]
    log_as_lambda(request_ids)
    try:
        handler = load(os.environ["_HANDLER"])
    except (Exception, SystemExit) as error:
        connection.request("POST", "/init/error", failure(error))
        flush()
        os._exit(1)
    while True:
        _, headers, body = connection.request("GET", "/invocation/next")
        request_id = request_ids[0] = headers["lambda-runtime-aws-request-id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
        result, way = b"", "response"
        try:
            result = marshal(handler(json.loads(body), Context(headers)))
        except Exception as error:
            result, way = failure(error), "error"
        flush()
        connection.request("POST", f"/invocation/{request_id}/{way}", result)


if __name__ == "__main__":
    main()
