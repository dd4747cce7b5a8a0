"""Explanations of connection errors, each with something to do."""

import asyncio
import socket
import ssl

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ProxyError

from poker_signal.core.errors import GameFull, HostProtected, MissingTicket, Superseded
from poker_signal.emulator.client.connection import signal_client
from poker_signal.emulator.client.explain import UNREACHABLE, explain, hint
from tests.emulator.client.check.broken import refusing, url_of


async def explanation(url: str, timeout_s: float = 5) -> str:
    """Connect, which must fail; return the explanation."""
    with pytest.raises(UNREACHABLE) as caught:
        async with signal_client(url, "Alice", "GAME01", timeout_s=timeout_s):
            pass
    return explain(caught.value, url, timeout_s)


async def test_nobody_listens() -> None:
    """A port that is not open gets the advice to start the emulator, the most common fix."""
    # Bound and not listening: refused as a free port is, and no other process can take it.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        said = await explanation(f"ws://127.0.0.1:{port}/prod")
    assert said.startswith(f"no server listens at 127.0.0.1:{port}: start `poker-signal emulate`")


async def test_a_name_that_does_not_exist() -> None:
    """An unknown host name is reported; names under .invalid never exist (RFC 6761)."""
    # Without a network a resolver may take ten seconds to give up.
    said = await explanation("wss://deployment.invalid/prod", timeout_s=50)
    assert said.startswith("the host name deployment.invalid cannot be resolved")


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, "", "the server does not accept"),
        (401, "", "authorizer"),
        (403, "", "stage missing"),
        (404, "", "no WebSocket API"),
        (409, "", "--session"),
        (418, "", "418 I'm a Teapot"),
        (426, "", "does not let WebSockets through"),
        (429, "", "throttling.rate_limit"),
        (500, "", "log group"),
        (503, "", "try again"),
        (508, "", "log group"),
        # API Gateway's own messages, and HTML pages, give no reason.
        (403, '{"message":"Forbidden"}', "stage missing"),
        (404, "<html><h1>No such page</h1></html>", "no WebSocket API"),
        (429, '{"message":"Too Many Requests"}', "throttling.rate_limit"),
        (502, '{"message": "Internal server error"}', "log group"),
        (504, '{"message": "Endpoint request timed out"}', "log group"),
        # A given reason replaces the guess.
        (403, str(GameFull()), "403 Forbidden: This game is full: every seat is taken."),
        (403, '{"message": "not on a Monday"}\n', "403 Forbidden: not on a Monday"),
        (401, str(MissingTicket()), f"401 Unauthorized: {MissingTicket()} Use --ticket-secret"),
        (409, str(HostProtected()), f"409 Conflict: {HostProtected()} Use the host's --session"),
        (409, str(Superseded()), f"409 Conflict: {Superseded()}"),
        (418, "two\nlines \x1b[31m", r"418 I'm a Teapot: two\nlines \x1b[31m"),
        (400, "x" * 300, f"400 Bad Request: {'x' * 200}…"),
        (400, '["a list"]', '400 Bad Request: ["a list"]'),
        (400, "[" * 100_000, "400 Bad Request: [["),
    ],
)
async def test_a_refusal_has_its_status_and_a_reason_or_something_to_do(
    status: int, body: str, says: str
) -> None:
    """The line has the server's reason, or a guess if the server gives none."""
    async with refusing(status, body) as url:
        said = await explanation(url)
    assert said.startswith(f"the handshake was refused with {status} ")
    assert says in said
    assert len(said.splitlines()) == 1
    assert "message" not in said
    assert "<" not in said
    assert ("stage" in said) == ("stage" in says)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak WebSocket"),
        (b"", "does not speak WebSocket"),
        (b"HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n", "refused with 299"),
        (b"HTTP/1.1 299 Odd\r\nContent-Length: 3\r\n\r\nwhy", "refused with 299: why"),
    ],
    ids=["ssh", "hangs up", "unknown status", "unknown status with a reason"],
)
async def test_another_kind_of_server(answer: bytes, says: str) -> None:
    """Another kind of server is reported with its answer; often the port is wrong."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        assert says in await explanation(url_of(server))


async def test_tls_where_there_is_none() -> None:
    """A wss:// URL of a server without TLS gets a hint at ws://."""
    async with serve(ServerConnection.wait_closed, "127.0.0.1", 0) as server:
        said = await explanation(url_of(server).replace("ws:", "wss:"))
    assert "ws:// rather than wss://?" in said


def test_what_cannot_be_played_here() -> None:
    """Other errors keep their own text, and no password of a URL is shown."""
    url = "wss://someone:secret@x.example.org/prod"
    assert "x.example.org did not answer within 3 s" in explain(TimeoutError(), url, 3)
    assert "secret" not in explain(TimeoutError(), url, 3)
    assert "the proxy" in explain(ProxyError("no"), url, 3)
    assert explain(OSError("no route"), url, 3) == "x.example.org cannot be reached: no route"
    no_tls = ssl.SSLError(1, "[SSL] wrong version number")
    assert explain(no_tls, url, 3).endswith("Is it ws://?")
    untrusted = ssl.SSLCertVerificationError(1, "x")
    untrusted.verify_message = "certificate has expired"
    assert "not trusted: certificate has expired. For" in explain(untrusted, url, 3)


def test_what_api_gateway_says_itself_has_a_hint() -> None:
    """API Gateway's error frames get a hint, because they do not explain the cause."""
    assert "log group" in hint('{"message": "Internal server error", "requestId": "x"}')
    assert "$default" in hint('{"message": "Forbidden", "requestId": "x"}')
    assert "throttled" in hint('{"message": "Too Many Requests"}')
    assert hint('{"type":"pong"}') == ""
