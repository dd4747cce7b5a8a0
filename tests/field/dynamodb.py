"""moto's DynamoDB without a socket in between, and with indexes that may be late.

A third of what a handshake costs on moto is HTTP between two threads of one process; here
botocore hands its requests over directly.
"""

import io
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from moto.moto_server.werkzeug_app import create_backend_app

from poker_signal.emulator.faults import Faults
from poker_signal.emulator.index_lag import Application, LaggingIndex
from poker_signal.lambda_app.table import schema

TABLE = "connections-in-the-field"

REGION = "eu-west-1"
"""Not that of other tests: moto has one DynamoDB per process and region."""


@cache
def _moto() -> Application:
    # This service's own application: moto's server looks for it anew, in two hundred folders, for
    # every request.
    app: Application = create_backend_app("dynamodb")
    return app


def client(faults: Faults, now_s: Callable[[], float] = time.monotonic) -> Any:
    """Return a botocore client of a table that is empty."""
    session = botocore.session.get_session()
    client = session.create_client(
        "dynamodb",
        endpoint_url="http://127.0.0.1:1",
        region_name=REGION,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        # As the function's own client has it, for the same reasons.
        config=Config(user_agent="poker-signal", parameter_validation=False),
    )
    index = LaggingIndex(_moto(), faults, now_s)
    client.meta.events.register("before-send.dynamodb", _send_to(index, threading.Lock()))
    if TABLE in client.list_tables()["TableNames"]:
        client.delete_table(TableName=TABLE)
    client.create_table(**schema(TABLE))
    return client


def _send_to(app: Application, lock: threading.Lock) -> Callable[..., AWSResponse]:
    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        head: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            head.update(status=int(status.split()[0]), headers=dict(headers))

        # moto's tables are not made for several threads at once either.
        with lock:
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
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        text = value.decode() if isinstance(value, bytes) else value
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = text
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ
