"""@connections over raw HTTP on the same port; tests/conformance has AWS's behaviour."""

import asyncio
import json
from collections.abc import AsyncGenerator
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection, connect

from poker_signal.emulator.aws.throttling import LimitExceeded, TokenBucket
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.gateway.config import ApiConfig
from poker_signal.emulator.gateway.connections_api import ThrottledConnections
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.conftest import Records
from tests.emulator.functions.test_signaling import FakeConnections
from tests.support.client import hear_text as hear
from tests.support.frames import answer, raw_connection, read_answer

NO_ROUTES = ApiConfig(functions={}, routes={})
"""Every client may connect; a message is answered with ``Forbidden`` and the connection's id."""

STRANGER = "AAAAAAAAAAAAAAA="
"""A well-formed id that no connection has."""


@pytest.fixture
async def emulator(records: Records, clock: VirtualClock) -> AsyncGenerator[Emulator, None]:
    """An API without routes, on a clock that stands still."""
    async with Emulator(Settings(port=0), records, clock, api=NO_ROUTES) as emulator:
        yield emulator


def client_of(emulator: Emulator) -> connect:
    """Return a WebSocket client."""
    return connect(emulator.url, compression=None, ping_interval=None)


async def id_of(client: ClientConnection) -> str:
    """Return the id of a client's connection."""
    await client.send("who am I?")
    return str(json.loads(await hear(client))["connectionId"])


def path_of(connection_id: str) -> str:
    """Return the path of a connection in @connections."""
    return f"/prod/@connections/{quote(connection_id, safe='')}"


def request(method: str, target: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a request; Content-Length is added if no header defines the length."""
    if not any(header.lower().startswith(("content-length", "transfer-")) for header in headers):
        headers = (*headers, f"Content-Length: {len(body)}")
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *headers]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def post(connection_id: str, body: bytes, *headers: str) -> bytes:
    """Return a request that posts to a connection."""
    return request("POST", path_of(connection_id), body, *headers)


Outcome = tuple[int, str, bytes]


async def outcome_of(emulator: Emulator, request_: bytes) -> Outcome:
    """Return status, ``x-amzn-ErrorType`` and body of an answer."""
    status, headers, body = await answer(emulator, request_)
    return status, headers.get("x-amzn-errortype", ""), body


FORBIDDEN: Outcome = (403, "ForbiddenException", b'{"message":"Forbidden"}')
MISSING = b'{"message":"Missing Authentication Token"}'
NOT_SIGNED: Outcome = (403, "MissingAuthenticationTokenException", MISSING)
GONE: Outcome = (410, "GoneException", b"")


def malformed(connection_id: str) -> Outcome:
    """Return the outcome for an id that API Gateway cannot have made."""
    message = json.dumps(f"Invalid connectionId: {connection_id}")
    return 400, "BadRequestException", f'{{"message":{message}}}'.encode()


ADDRESSES = {
    "never-existed": (path_of(STRANGER), GONE),
    "too-short": ("/prod/@connections/abc", malformed("abc")),
    "too-long": (path_of("A" * 16 + "="), malformed("A" * 16 + "=")),
    "no-equals-sign": (path_of("A" * 16), malformed("A" * 16)),
    "raw-equals-sign": (f"/prod/@connections/{STRANGER}", GONE),
    "encoded-twice": ("/prod/@connections/AAAAAAAAAAAAAAA%253D", malformed("AAAAAAAAAAAAAAA%3D")),
    "encoded-slash": ("/prod/@connections/a%2Fb", malformed("a/b")),
    "not-utf-8": ("/prod/@connections/%ff", malformed("�")),
    "newline": (path_of(STRANGER + "\n"), malformed(STRANGER + "\n")),
    "none": ("/prod/@connections/", malformed("")),
    "query": (path_of(STRANGER) + "?x=/@connections/abc", GONE),
    "unknown-stage": (path_of(STRANGER).replace("prod", "dev"), FORBIDDEN),
    "stage-in-capitals": (path_of(STRANGER).replace("prod", "PROD"), FORBIDDEN),
    "no-stage": (path_of(STRANGER).removeprefix("/prod"), FORBIDDEN),
    "no-id": ("/prod/@connections", FORBIDDEN),
    "more-path": (path_of(STRANGER) + "/more", FORBIDDEN),
    "whole-url": ("http://x" + path_of(STRANGER), FORBIDDEN),
    "two-slashes": ("/" + path_of(STRANGER), FORBIDDEN),
}


@pytest.mark.parametrize(("target", "outcome"), ADDRESSES.values(), ids=ADDRESSES.keys())
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_what_is_no_connection_is_refused(
    emulator: Emulator, method: str, target: str, outcome: Outcome
) -> None:
    """The stage is checked, then the id's format, then its connection; the id is decoded once."""
    assert await outcome_of(emulator, request(method, target)) == outcome


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "PATCH", "TRACE", "BREW"])
async def test_other_methods_are_refused(emulator: Emulator, method: str) -> None:
    """The answer is that of REST APIs for a method that does not exist."""
    async with client_of(emulator) as client:
        target = path_of(await id_of(client))
        assert await outcome_of(emulator, request(method, target, b"x")) == NOT_SIGNED


async def test_a_head_is_answered_without_a_body(emulator: Emulator) -> None:
    """The answer ends with its headers, and the next answer follows at once."""
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(30):
        for target in (path_of(STRANGER), "/prod", "/other"):
            writer.write(request("HEAD", target))
            await reader.readuntil(b"\r\n\r\n")
        writer.write(request("GET", path_of(STRANGER)))
        assert (await read_answer(reader))[0] == 410


async def test_a_body_arrives_whole_if_it_is_text(emulator: Emulator) -> None:
    """Empty and chunked bodies arrive; invalid UTF-8 would make the client close the connection."""
    chunks = b"3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nTrailer: z\r\n\r\n"
    async with client_of(emulator) as client:
        connection_id = await id_of(client)
        refused = await outcome_of(emulator, post(connection_id, b"caf\xe9"))
        assert refused[:2] == (400, "BadRequestException")
        for body, headers, heard in (
            (b"", (), ""),
            (chunks, ("Transfer-Encoding: chunked",), "abcdefgh"),
        ):
            whole = post(connection_id, body, *headers)
            assert (await outcome_of(emulator, whole))[0] == 200
            assert await hear(client) == heard


async def test_what_is_longer_than_its_length_is_the_next_request(emulator: Emulator) -> None:
    """The announced bytes are posted; the rest is refused as an invalid request."""
    async with client_of(emulator) as client, raw_connection(emulator) as (reader, writer):
        writer.write(post(await id_of(client), b"hello, world\r\n\r\n", "Content-Length: 5"))
        async with asyncio.timeout(30):
            assert (await read_answer(reader))[0] == 200
            assert (await read_answer(reader))[0] == 400
            assert await reader.read() == b""
        assert await hear(client) == "hello"


async def test_who_expects_to_be_told_to_continue_is_told(emulator: Emulator) -> None:
    """Clients such as curl wait for a 100 before they send a large body."""
    async with client_of(emulator) as client, raw_connection(emulator) as (reader, writer):
        whole = post(await id_of(client), b"large", "Expect: 100-continue")
        async with asyncio.timeout(30):
            writer.write(whole.removesuffix(b"large"))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
            writer.write(b"large")
            assert (await read_answer(reader))[0] == 200
        assert await hear(client) == "large"


async def test_requests_that_were_sent_ahead_are_answered_in_order(emulator: Emulator) -> None:
    """Pipelined requests run in order: the client gets all frames before the close."""
    async with client_of(emulator) as client, raw_connection(emulator) as (reader, writer):
        connection_id = await id_of(client)
        posts = [post(connection_id, str(n).encode()) for n in range(100)]
        delete = request("DELETE", path_of(connection_id))
        get, nowhere = request("GET", path_of(connection_id)), request("GET", "/nowhere")
        # It is gone at once, before the client has answered the close frame.
        writer.write(b"".join(posts) + delete + posts[0] + delete + get + nowhere)
        async with asyncio.timeout(30):
            statuses = [(await read_answer(reader))[0] for _ in range(105)]
        assert statuses == [200] * 100 + [204, 410, 410, 410, 403]
        assert [await hear(client) for _ in range(100)] == [str(n) for n in range(100)]
        async with asyncio.timeout(30):
            await client.wait_closed()


async def test_throttled_requests_are_told_apart(clock: VirtualClock, records: Records) -> None:
    """The error type is the one for which boto3 tries again; each request is recorded."""
    settings = Settings(port=0, throttle_rate=1, throttle_burst=2)
    async with Emulator(settings, records, clock, api=NO_ROUTES) as emulator:
        async with client_of(emulator) as client:
            connection_id = await id_of(client)
            refused = await outcome_of(emulator, post(connection_id, b"x"))
            assert refused[:2] == (429, "LimitExceededException")
            clock.advance(1)
            assert (await outcome_of(emulator, post(connection_id, b"y")))[0] == 200
            assert await hear(client) == "y"
    assert [record[2:8] for record in records if record.kind == "management"] == [
        ("429 Too Many Requests", "", "", connection_id, "@POST", 1),
        ("200 OK", "", "", connection_id, "@POST", 1),
    ]


def test_each_call_takes_a_token() -> None:
    """Calls by a function in this process count too; without a token nothing is done."""
    clock, connections = VirtualClock(), FakeConnections()
    connections.gone.add("b")
    throttled = ThrottledConnections(connections, TokenBucket(1, 4, clock))
    assert throttled.get("a")
    assert throttled.post("a", "x")
    assert not throttled.post("b", "x")
    assert throttled.delete("a")
    for method, arguments in (("get", "a"), ("post", "ay"), ("delete", "a")):
        with pytest.raises(LimitExceeded):
            getattr(throttled, method)(*arguments)
    assert (connections.posted, connections.closed) == ([("a", "x")], ["a"])
    clock.advance(1)
    assert throttled.post("a", "z")


@pytest.mark.parametrize("header", ["Origin: http://localhost:5173", "Host: rebind.example"])
async def test_no_page_posts_looks_or_closes(emulator: Emulator, header: str) -> None:
    """Neither with an Origin nor, by DNS rebinding, under its own name; the client stays."""
    async with client_of(emulator) as client:
        path = path_of(await id_of(client))
        for method in ("GET", "POST", "DELETE"):
            asked = request(method, path, b"forged", header)
            if header.startswith("Host"):
                asked = asked.replace(b"Host: x\r\n", b"")
            status, kind, body = await outcome_of(emulator, asked)
            assert (status, kind) == (403, "ForbiddenException")
            assert b"Web pages may not" in body or b"--domain-name" in body
        assert await id_of(client)
