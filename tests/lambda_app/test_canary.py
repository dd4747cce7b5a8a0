"""The canary against the emulator, and against servers that fail."""

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from websockets.asyncio.server import Server, ServerConnection, serve

from poker_signal.core.configuration import Topology
from poker_signal.core.tickets import read_keys
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.lambda_app import canary, log
from poker_signal.lambda_app.canary import Canary, Result
from poker_signal.lambda_app.web_socket import WebSocket, WebSocketError
from tests.lambda_app.build import Capture, Ssm

KEYS = '{"2026-11": "a-secret-of-32-characters-or-more"}'

PAGE = "https://poker.example.com"

WHOLE = [
    "HOST connects",
    "the player connects",
    "join to HOST",
    "offer to canary",
    "answer to HOST",
    "ice-candidate to canary",
    "ice-candidate to HOST",
    "both leave",
]


async def played(settings: Settings, **options: Any) -> Result:
    """Return the result of a canary against an emulator."""
    async with Emulator(settings) as emulator:
        return await asyncio.to_thread(canary.play, Canary(emulator.url, **options))


@pytest.mark.parametrize("topology", Topology)
async def test_a_handshake_passes(topology: Topology) -> None:
    """A whole handshake passes, and every step of it is played."""
    async with Emulator(Settings(port=0, topology=topology)) as emulator:
        watched = Canary(emulator.url)
        deadline_s = time.monotonic() + 20
        assert await asyncio.to_thread(lambda: [*canary._steps(watched, deadline_s)]) == WHOLE
        result = await asyncio.to_thread(canary.play, watched)
    assert (result.step, result.failure) == ("both leave", None)
    assert result.ms > 0


async def test_tickets_are_signed_and_a_page_is_named() -> None:
    """With tickets, and a list of pages that may connect, the canary passes too."""
    settings = Settings(port=0, ticket_keys=read_keys(KEYS), allowed_origins=PAGE)
    result = await played(settings, origin=PAGE, ticket_keys=lambda: read_keys(KEYS))
    assert result.failure is None


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        (Settings(port=0, ticket_keys=read_keys(KEYS), allowed_origins=PAGE), "refused with 401"),
        (Settings(port=0, allowed_origins="https://other.example.com"), "refused with 403"),
    ],
    ids=["ticket", "page"],
)
async def test_a_refusal_is_a_failure_with_its_status(settings: Settings, failure: str) -> None:
    """A refused handshake fails at its step, with the HTTP status."""
    result = await played(settings, origin=PAGE)
    assert (result.step, result.failure) == ("HOST connects", failure)


def test_nothing_that_listens_is_a_failure() -> None:
    """Without a server the first connect fails, without the text of the exception."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = canary.play(Canary(f"ws://127.0.0.1:{port}/prod"))
    assert (result.step, result.failure) == ("HOST connects", "ConnectionRefusedError")


def test_a_server_that_does_not_answer_is_a_failure_in_time() -> None:
    """The deadline holds for the whole handshake, whatever the server does or does not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = canary.play(Canary(f"ws://127.0.0.1:{port}/prod", patience_s=0.05))
    assert (result.step, result.failure) == ("HOST connects", "TimeoutError")


Behaviour = Callable[[ServerConnection], Any]


@pytest_asyncio.fixture
async def start() -> AsyncGenerator[Callable[[Behaviour], Any], None]:
    """Yield a function that starts a WebSocket server and returns its URL."""
    servers: list[Server] = []

    async def started(behaviour: Behaviour) -> str:
        server = await serve(behaviour, "127.0.0.1", 0)
        servers.append(server)
        return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/prod"

    yield started
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_an_error_of_the_protocol_is_a_failure_with_its_code(start: Any) -> None:
    """A frame of type error ends the handshake, and its code is logged."""

    async def refusing(client: ServerConnection) -> None:
        await client.send('{"type":"error","payload":{"code":"RATE_LIMITED","message":"-"}}')
        await client.wait_closed()

    result = await asyncio.to_thread(canary.play, Canary(await start(refusing)))
    assert (result.step, result.failure) == ("join to HOST", "RATE_LIMITED")


async def test_a_connection_that_closes_is_a_failure_with_its_code(start: Any) -> None:
    """A connection that the server closes fails with its close code."""

    async def closing(client: ServerConnection) -> None:
        await client.close(1013)

    result = await asyncio.to_thread(canary.play, Canary(await start(closing)))
    assert result.failure is not None
    assert "1013" in result.failure


async def test_frames_of_every_form_are_read(start: Any) -> None:
    """Fragments, pings between them, and long messages are one text; a long one is sent, too."""
    heard: list[str] = []

    async def talking(client: ServerConnection) -> None:
        await client.send(["one ", "two ", "three"])
        await client.ping()
        await client.send("x" * 300)
        await client.send("y" * 70_000)
        heard.append(str(await client.recv()))
        heard.append(str(await client.recv()))
        await client.send("heard")
        await client.wait_closed()

    def converse(url: str) -> list[str]:
        with WebSocket.connect(url, time.monotonic() + 20, {}) as opened:
            received = [opened.receive() for _ in range(3)]
            opened.send("short 🂡")
            opened.send("z" * 40_000)
            return [*received, opened.receive()]

    received = await asyncio.to_thread(converse, await start(talking))
    assert received == ["one two three", "x" * 300, "y" * 70_000, "heard"]
    assert heard == ["short 🂡", "z" * 40_000]


async def test_a_message_beyond_all_limits_is_refused(start: Any) -> None:
    """A message that no API Gateway posts is not collected."""

    async def talking(client: ServerConnection) -> None:
        await client.send(["x" * 200_000, "x" * 200_000])
        await client.wait_closed()

    def converse(url: str) -> None:
        with WebSocket.connect(url, time.monotonic() + 20, {}) as opened:
            opened.receive()

    with pytest.raises(WebSocketError, match="too long"):
        await asyncio.to_thread(converse, await start(talking))


ANSWERS = {
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "refused with SSH-2.0-OpenSSH_9.2"),
    "no upgrade": (b"HTTP/1.1 200 OK\r\n\r\n", "refused with 200"),
    "throttled": (b"HTTP/1.1 429 Too Many Requests\r\n\r\n", "refused with 429"),
    "wrong key": (
        b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n",
        "the server does not speak WebSocket",
    ),
    "endless": (
        b"HTTP/1.1 101 OK\r\nX: " + b"x" * 20_000,
        "the answer to the handshake has no end",
    ),
    "cut off": (b"HTTP/1.1 101", "closed without a code"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_is_no_handshake_is_a_failure(case: str) -> None:
    """An answer that API Gateway would not give is a failure that names it."""
    answer, failure = ANSWERS[case]

    def serve_once(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65_536)
            client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_once, args=(listener,))
        thread.start()
        result = canary.play(Canary(f"ws://127.0.0.1:{listener.getsockname()[1]}/prod"))
        thread.join()
    assert (result.step, result.failure) == ("HOST connects", failure)


async def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of a known authority is accepted, that of another is not."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))

    async def greeting(client: ServerConnection) -> None:
        await client.send("hello")
        await client.wait_closed()

    def greeted(url: str) -> str:
        with WebSocket.connect(url, time.monotonic() + 20, {}) as opened:
            return opened.receive()

    async with serve(greeting, "127.0.0.1", 0, ssl=context) as server:
        url = f"wss://localhost:{server.sockets[0].getsockname()[1]}/prod"
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(greeted, url)
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        assert await asyncio.to_thread(greeted, url) == "hello"


async def test_the_line_has_the_metrics_of_the_function_that_is_watched(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The handler logs the metrics under the dimensions of the signaling function."""
    async with Emulator(Settings(port=0)) as emulator:
        monkeypatch.setenv(canary.WEBSOCKET_URL, emulator.url)
        monkeypatch.setenv(canary.FUNCTION_NAME, "poker-signaling")
        monkeypatch.setenv(canary.STAGE, "prod")
        capsys.readouterr()
        answer = await asyncio.to_thread(canary.handler, {}, None)
    assert (answer["passed"], answer["step"]) == (True, "both leave")
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["level"], line["CanaryPassed"], line["CanaryMs"]) == ("INFO", 1, answer["ms"])
    assert [line[name] for name in log.DIMENSIONS] == ["poker-signaling", "prod"]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == log.NAMESPACE
    assert [metric["Name"] for metric in directive["Metrics"]] == ["CanaryPassed", "CanaryMs"]


def test_the_line_of_a_failure_has_its_step_and_no_duration() -> None:
    """A failure counts 0; the time until it failed is no time of a handshake."""
    failed = Result(20_000, "offer to canary", "TimeoutError")
    line = canary.line_of(failed, {}, 7)
    assert (line["level"], line["step"], line["failure"]) == (
        "ERROR",
        "offer to canary",
        "TimeoutError",
    )
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert ([metric["Name"] for metric in directive["Metrics"]], line["CanaryPassed"]) == (
        ["CanaryPassed"],
        0,
    )


def test_the_secrets_are_read_from_the_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a parameter in the settings, each handshake reads it, because secrets change."""
    ssm = Ssm(KEYS)
    monkeypatch.setattr(canary, "ssm_client", lambda: ssm)
    found = Canary.from_env(
        {canary.WEBSOCKET_URL: "wss://x.example", canary.TICKET_SECRET_PARAMETER: "/a/tickets"}
    )
    assert found.ticket_keys is not None
    assert found.ticket_keys() == read_keys(KEYS)
    assert ssm.calls == [{"Name": "/a/tickets", "WithDecryption": True}]
    assert Canary.from_env({canary.WEBSOCKET_URL: "wss://x.example"}).ticket_keys is None


def test_secrets_that_cannot_be_read_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parameter that cannot be read fails the handshake before its first step."""
    monkeypatch.setattr(canary, "ssm_client", lambda: Ssm("", RuntimeError("secret")))
    environ = {canary.WEBSOCKET_URL: "ws://x.example", canary.TICKET_SECRET_PARAMETER: "/a"}
    result = canary.play(Canary.from_env(environ))
    assert (result.step, result.failure) == ("read the secrets of tickets", "RuntimeError")
