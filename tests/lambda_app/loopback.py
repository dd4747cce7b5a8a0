"""A server with scripted answers in place of AWS, over real sockets; it records all requests."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self


class Answer(NamedTuple):
    """A response of AWS."""

    status: int = 200
    error_type: str | None = None
    """Value of the header from which botocore takes the error's name."""


class Sent(NamedTuple):
    """A request that arrived."""

    method: str
    path: str
    target: str | None
    """DynamoDB's operation, as in ``DynamoDB_20120810.GetItem``."""
    body: bytes
    user_agent: str | None = None


class Endpoint:
    """A server on its own port; if ``answer`` is None, it does not answer until it is closed."""

    def __init__(self) -> None:
        self.answer: Answer | None = Answer()
        self.hangs_up = False
        """True: it closes the connection instead of answering."""
        self.forgets = False
        """True: it offers keep-alive, as AWS does, but closes each connection after one answer."""
        self.ended = threading.Semaphore(0)
        """Released for each connection that it has closed."""
        self.arrived = threading.Semaphore(0)
        """Released for each request that arrived, perhaps after its client has given up."""
        self.sent: list[Sent] = []
        self._closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """The URL at which it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def wait_for_answer(self, sent: Sent) -> Answer | None:
        """Record a request; return its answer, if None after the server is closed."""
        self.sent.append(sent)
        self.arrived.release()
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

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and release ``ended``."""
        super().shutdown_request(request)
        self.endpoint.ended.release()


class _Exchange(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Send the scripted answer; a connection carries one request."""
        if self.server.endpoint.forgets:
            self.protocol_version = "HTTP/1.1"
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target, agent = self.headers.get("X-Amz-Target"), self.headers.get("User-Agent")
        sent = Sent(self.command, self.path, target, body, agent)
        answer = self.server.endpoint.wait_for_answer(sent)
        if answer is None or self.server.endpoint.hangs_up:
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
        """Write no access log."""
