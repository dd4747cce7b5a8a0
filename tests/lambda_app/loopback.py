"""An AWS that answers what it is told to, over real sockets: what is sent can be counted."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self


class Answer(NamedTuple):
    """A response of AWS."""

    status: int = 200
    error_type: str | None = None
    """The header by which botocore names an error."""


class Sent(NamedTuple):
    """A request that arrived."""

    method: str
    path: str
    target: str | None
    """DynamoDB's operation, as in ``DynamoDB_20120810.GetItem``."""
    body: bytes


class Endpoint:
    """A server on a port of its own; it hangs where ``answer`` is None, until it is closed."""

    def __init__(self) -> None:
        self.answer: Answer | None = Answer()
        self.sent: list[Sent] = []
        self._closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def wait_for_answer(self, sent: Sent) -> Answer | None:
        """Remember a request; return the answer to it once there is one."""
        self.sent.append(sent)
        if self.answer is None:
            self._closing.wait()
        return self.answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        super().__init__(("127.0.0.1", 0), _Exchange)


class _Exchange(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Answer as told; a connection carries one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = Sent(self.command, self.path, self.headers.get("X-Amz-Target"), body)
        answer = self.server.endpoint.wait_for_answer(sent)
        if answer is None:
            return
        self.send_response(answer.status)
        if answer.error_type is not None:
            self.send_header("x-amzn-ErrorType", answer.error_type)
        content = b"" if answer.status == 410 else b"{}"
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST
    do_DELETE = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
