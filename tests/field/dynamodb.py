"""moto's DynamoDB in a process of its own, and with indexes that may be late.

Half of what a handshake costs here is moto's work: beside the function, the emulator and all
clients it would make them late. botocore hands its requests over without a socket in between.
"""

import io
import multiprocessing
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from multiprocessing.connection import Connection
from typing import Any, cast
from urllib.parse import urlsplit

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.faults.lagging_dynamodb import (
    Application,
    Environ,
    LaggingIndex,
    StartResponse,
)
from poker_signal.lambda_app.table import schema

TABLE = "connections-in-the-field"

Answer = tuple[str, list[tuple[str, str]], bytes]
"""Status, headers and body."""


class Moto:
    """A WSGI application: the process's tables, for as long as this process lives."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._process, there = context.Pipe()
        context.Process(target=_answer_all, args=(there,), daemon=True).start()
        there.close()
        # moto's tables are not made for several threads at once: whoever asks first is answered
        # first. A lock would let some wait for many others.
        self._turns = ThreadPoolExecutor(1)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        plain = {key: value for key, value in environ.items() if isinstance(value, str)}
        body = environ["wsgi.input"].read()
        status, headers, answer = self._turns.submit(self._ask, plain, body).result()
        start_response(status, headers)
        return [answer]

    def _ask(self, environ: Environ, body: bytes) -> Answer:
        self._process.send((environ, body))
        return cast(Answer, self._process.recv())


_moto = cache(Moto)


def _answer_all(asked: Connection) -> None:
    """Answer until nobody asks any more; what the process does."""
    from moto.moto_server.werkzeug_app import create_backend_app

    # This service's own application: moto's server looks for it anew, in two hundred folders, for
    # every request.
    app: Application = create_backend_app("dynamodb")
    with suppress(EOFError):
        while True:
            environ, body = asked.recv()
            asked.send(_answer(app, environ, body))


def _answer(app: Application, environ: Environ, body: bytes) -> Answer:
    head: list[Any] = []
    streams = {"wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO()}
    rest = {
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    answer = b"".join(app(environ | streams | rest, lambda *args: head.extend(args[:2])))
    return head[0], [*head[1]], answer


def client(faults: Faults, now_s: Callable[[], float] = time.monotonic) -> Any:
    """Return a botocore client of a table that is empty."""
    session = botocore.session.get_session()
    client = session.create_client(
        "dynamodb",
        endpoint_url="http://127.0.0.1:1",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        # As the function's own client has it, for the same reasons.
        config=Config(user_agent="poker-signal", parameter_validation=False),
    )
    index = LaggingIndex(_moto(), faults, now_s)
    client.meta.events.register("before-send.dynamodb", _send_to(index))
    if TABLE in client.list_tables()["TableNames"]:
        client.delete_table(TableName=TABLE)
    client.create_table(**schema(TABLE))
    return client


def _send_to(app: Application) -> Callable[..., AWSResponse]:
    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        head: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            head.update(status=int(status.split()[0]), headers=dict(headers))

        body = b"".join(app(_environ_of(request), start_response))
        return AWSResponse(request.url, head["status"], head["headers"], _Raw(body))

    return send


class _Raw(io.BytesIO):
    """A body, as urllib3 has it."""

    def stream(self) -> Any:
        yield self.read()


def _environ_of(request: AWSPreparedRequest) -> dict[str, Any]:
    url = urlsplit(request.url)
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": url.path or "/",
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.netloc,
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        text = value.decode() if isinstance(value, bytes) else value
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = text
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ
