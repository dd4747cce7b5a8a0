"""DynamoDB and @connections on loopback that answer at once.

They run in their own process, so that only the caller's CPU time is counted. They use TLS and
AWS's full list of authorities, because both add to the cost of a container's first call.
"""

import contextlib
import json
import multiprocessing
import ssl
from collections.abc import Generator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore
import trustme

from poker_signal.core.model import Row
from poker_signal.lambda_app.table import _item_of


class _Stub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    items: Sequence[dict[str, Any]] = ()

    def do_POST(self) -> None:
        """Answer Query with all rows, GetItem with its row, other DynamoDB calls with {}."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        _, _, operation = self.headers.get("X-Amz-Target", "").rpartition(".")
        answer: dict[str, Any] = {}
        if operation == "Query":
            answer = {"Items": self.items, "Count": len(self.items)}
        elif operation == "GetItem":
            key = json.loads(body)["Key"]["connectionId"]
            answer = {"Item": next(item for item in self.items if item["connectionId"] == key)}
        content = json.dumps(answer).encode() if operation else b""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no access log."""


def _serve(port: "multiprocessing.Queue[int]", rows: Sequence[Row], certificate: str) -> None:
    _Stub.items = [_item_of(row) for row in rows]
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Stub)
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    port.put(server.server_address[1])
    server.serve_forever()


@contextlib.contextmanager
def serving(rows: Sequence[Row], certificate: str = "") -> Generator[str, None, None]:
    """Serve a game's rows, behind TLS if there is a certificate; yield host and port."""
    ports: multiprocessing.Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=_serve, args=(ports, rows, certificate), daemon=True)
    server.start()
    try:
        yield f"127.0.0.1:{ports.get(timeout=30)}"
    finally:
        server.terminate()
        server.join()


@contextlib.contextmanager
def stub(rows: Sequence[Row], folder: Path) -> Generator[dict[str, str], None, None]:
    """Serve a game's rows behind TLS; yield environment variables that point a function to it."""
    authority = trustme.CA()
    certificate, bundle = folder / "server.pem", folder / "authorities.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    public = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
    bundle.write_bytes(public + authority.cert_pem.bytes())
    with serving(rows, str(certificate)) as address:
        yield {
            "AWS_ENDPOINT_URL_DYNAMODB": f"https://{address}",
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"https://{address}/prod",
            "AWS_CA_BUNDLE": str(bundle),
        }
