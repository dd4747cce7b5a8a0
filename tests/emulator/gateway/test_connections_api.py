"""@connections on the same port, byte by byte and as boto3 uses it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config
from websockets.asyncio.client import ClientConnection, connect

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.gateway.config import ApiConfig
from poker_signal.emulator.protocols.http_connection import HttpConnection
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.conftest import Records
from tests.support.client import hear_text as hear
from tests.support.frames import answer, raw_connection, read_answer

NO_ROUTES = ApiConfig(functions={}, routes={})
"""Everybody may connect, and who says something is told ``Forbidden`` and its connection's id."""

STRANGER = "AAAAAAAAAAAAAAA="
"""A well-formed id that nobody has."""


@pytest.fixture
async def emulator(records: Records, clock: VirtualClock) -> AsyncGenerator[Emulator, None]:
    """An API without routes, on a clock that stands still."""
    async with serving(records, clock) as emulator:
        yield emulator


def serving(
    records: Records | None = None, clock: VirtualClock | None = None, **settings: Any
) -> Emulator:
    """Return an emulator of an API without routes."""
    return Emulator(Settings(port=0, **settings), records, clock, api=NO_ROUTES)


def client_of(emulator: Emulator, **options: Any) -> connect:
    """Return a WebSocket client."""
    return connect(emulator.url, compression=None, ping_interval=None, **options)


async def id_of(client: ClientConnection) -> str:
    """Return the id of a client's connection."""
    await client.send("who am I?")
    return str(json.loads(await hear(client))["connectionId"])


def path_of(connection_id: str) -> str:
    """Return where a connection is managed."""
    return f"/prod/@connections/{quote(connection_id, safe='')}"


def request(method: str, target: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a request; its length is given if no header says anything of it."""
    if not any(header.lower().startswith(("content-length", "transfer-")) for header in headers):
        headers = (*headers, f"Content-Length: {len(body)}")
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *headers]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def post(connection_id: str, body: bytes, *headers: str) -> bytes:
    """Return a request that posts to a connection."""
    return request("POST", path_of(connection_id), body, *headers)


Outcome = tuple[int, str, bytes]
"""Status, ``x-amzn-ErrorType`` and body."""


async def outcome_of(emulator: Emulator, request_: bytes) -> Outcome:
    """Return what comes of a request on a connection of its own."""
    status, headers, body = await answer(emulator, request_)
    return status, headers.get("x-amzn-errortype", ""), body


FORBIDDEN: Outcome = (403, "ForbiddenException", b'{"message":"Forbidden"}')
NOT_SIGNED: Outcome = (
    403,
    "MissingAuthenticationTokenException",
    b'{"message":"Missing Authentication Token"}',
)
GONE: Outcome = (410, "GoneException", b"")


def malformed(connection_id: str) -> Outcome:
    """Return what comes of an id that API Gateway cannot have made."""
    message = json.dumps(f"Invalid connectionId: {connection_id}")
    return 400, "BadRequestException", f'{{"message":{message}}}'.encode()


# Who is addressed.


@pytest.mark.parametrize("at", ["@", "%40"], ids=["raw", "encoded"])
async def test_a_post_arrives_as_one_text_message(emulator: Emulator, at: str) -> None:
    """boto3 writes ``@`` as it is, other SDKs as ``%40``."""
    async with client_of(emulator) as client:
        target = path_of(await id_of(client)).replace("@", at)
        status, headers, body = await answer(emulator, request("POST", target, "Zoë 🂡".encode()))
        assert (status, body) == (200, b"")
        assert len(headers["x-amzn-requestid"]) == 36
        assert await hear(client) == "Zoë 🂡"


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
    """By the stage, by the id's shape, and then by who is there; the id is decoded once."""
    assert await outcome_of(emulator, request(method, target)) == outcome


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "PATCH", "TRACE", "BREW"])
async def test_other_methods_are_refused(emulator: Emulator, method: str) -> None:
    """In REST's words: there is no such method that one could be allowed to call."""
    async with client_of(emulator) as client:
        target = path_of(await id_of(client))
        assert await outcome_of(emulator, request(method, target, b"x")) == NOT_SIGNED


async def test_a_head_is_answered_without_a_body(emulator: Emulator) -> None:
    """Its answer ends with the headers, and the next one begins there."""
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
        for target in (path_of(STRANGER), "/prod", "/other"):
            writer.write(request("HEAD", target))
            await reader.readuntil(b"\r\n\r\n")
        writer.write(request("GET", path_of(STRANGER)))
        assert (await read_answer(reader))[0] == 410


# What is sent.


async def test_128_kib_arrive_and_a_byte_more_does_not(emulator: Emulator) -> None:
    """413, and the client hears nothing of it."""
    async with client_of(emulator) as client:
        connection_id = await id_of(client)
        too_much = await outcome_of(emulator, post(connection_id, b"x" * 131_073))
        assert too_much[:2] == (413, "PayloadTooLargeException")
        assert (await outcome_of(emulator, post(connection_id, b"y" * 131_072)))[0] == 200
        assert await hear(client) == "y" * 131_072


async def test_bytes_that_are_no_text_are_refused(emulator: Emulator) -> None:
    """A WebSocket's text is UTF-8, or the client would end the connection."""
    async with client_of(emulator) as client:
        connection_id = await id_of(client)
        refused = await outcome_of(emulator, post(connection_id, b"caf\xe9"))
        assert refused[:2] == (400, "BadRequestException")
        assert (await outcome_of(emulator, post(connection_id, b"next")))[0] == 200
        assert await hear(client) == "next"


async def test_an_empty_body_is_an_empty_message(emulator: Emulator) -> None:
    """boto3 lets one send it."""
    async with client_of(emulator) as client:
        assert (await outcome_of(emulator, post(await id_of(client), b"")))[0] == 200
        assert await hear(client) == ""


async def test_a_chunked_body_arrives_whole(emulator: Emulator) -> None:
    """As clients send it that do not know its length in advance."""
    body = b"3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nTrailer: z\r\n\r\n"
    async with client_of(emulator) as client:
        chunked = post(await id_of(client), body, "Transfer-Encoding: chunked")
        assert (await outcome_of(emulator, chunked))[0] == 200
        assert await hear(client) == "abcdefgh"


async def test_a_chunked_body_ends_at_its_limit_too(emulator: Emulator) -> None:
    """Its length is known only when it is too late."""
    endless = post(STRANGER, b"ffff\r\n" + b"x" * 65_535 + b"\r\n", "Transfer-Encoding: chunked")
    more = b"ffff\r\n" + b"x" * 65_535 + b"\r\n"
    assert (await outcome_of(emulator, endless + more * 4))[0] == 413


async def test_what_is_longer_than_its_length_is_the_next_request(emulator: Emulator) -> None:
    """And no valid one: what was announced is sent, the rest is refused."""
    async with client_of(emulator) as client, raw_connection(emulator) as (reader, writer):
        writer.write(post(await id_of(client), b"hello, world\r\n\r\n", "Content-Length: 5"))
        async with asyncio.timeout(10):
            assert (await read_answer(reader))[0] == 200
            assert (await read_answer(reader))[0] == 400
            assert await reader.read() == b""
        assert await hear(client) == "hello"


@pytest.mark.parametrize(
    "body",
    [(b"abc", "Content-Length: 9"), (b"9\r\nabc", "Transfer-Encoding: chunked")],
    ids=["length", "chunk"],
)
async def test_what_is_shorter_than_its_length_is_waited_for_in_vain(
    body: tuple[bytes, str],
) -> None:
    """For as long as a request may take: 408, and nothing is sent."""
    async with serving(request_timeout_s=0.5) as emulator, client_of(emulator) as client:
        connection_id = await id_of(client)
        async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
            writer.write(post(connection_id, *body))
            assert (await read_answer(reader))[0] == 408
            assert await reader.read() == b""
        assert (await outcome_of(emulator, post(connection_id, b"next")))[0] == 200
        assert await hear(client) == "next"


@pytest.mark.parametrize(
    "half",
    [b"P", b"POST /prod/@conn", b"POST / HTTP/1.1\r\nHo"],
    ids=["method", "path", "header"],
)
async def test_half_a_request_is_not_waited_for_for_ever(half: bytes) -> None:
    """Also not on a connection that has asked before."""
    async with serving(request_timeout_s=0.5) as emulator:
        async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
            writer.write(post(STRANGER, b"x") + half)
            assert (await read_answer(reader))[0] == 410
            assert (await read_answer(reader))[0] == 408
            assert await reader.read() == b""


async def test_who_expects_to_be_told_to_continue_is_told(emulator: Emulator) -> None:
    """curl asks before it sends a large body."""
    async with client_of(emulator) as client, raw_connection(emulator) as (reader, writer):
        whole = post(await id_of(client), b"large", "Expect: 100-continue")
        async with asyncio.timeout(10):
            writer.write(whole.removesuffix(b"large"))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
            writer.write(b"large")
            assert (await read_answer(reader))[0] == 200
        assert await hear(client) == "large"


async def test_requests_that_were_sent_ahead_are_answered_in_order(emulator: Emulator) -> None:
    """And done in order: the client hears what came before the end, and then the end."""
    async with client_of(emulator) as client, raw_connection(emulator) as (reader, writer):
        connection_id = await id_of(client)
        posts = [post(connection_id, str(n).encode()) for n in range(100)]
        delete = request("DELETE", path_of(connection_id))
        writer.write(b"".join(posts) + delete + posts[0] + request("GET", "/nowhere"))
        async with asyncio.timeout(10):
            statuses = [(await read_answer(reader))[0] for _ in range(103)]
        assert statuses == [200] * 100 + [204, 410, 403]
        assert [await hear(client) for _ in range(100)] == [str(n) for n in range(100)]
        async with asyncio.timeout(10):
            await client.wait_closed()


# What else can be done.


async def test_get_tells_when_it_connected_and_when_it_last_spoke(
    emulator: Emulator, clock: VirtualClock
) -> None:
    """What is posted to it does not count; without a User-Agent there is none."""
    async with client_of(emulator, user_agent_header=None) as client:
        connection_id = await id_of(client)
        clock.advance(1.5)
        await id_of(client)
        clock.advance(7)
        await answer(emulator, post(connection_id, b"x"))
        status, headers, body = await answer(emulator, request("GET", path_of(connection_id)))
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body) == {
        "connectedAt": "2023-11-14T22:13:20.000Z",
        "identity": {"sourceIp": "127.0.0.1"},
        "lastActiveAt": "2023-11-14T22:13:21.500Z",
    }


async def test_delete_closes_with_1000_and_then_it_is_gone(emulator: Emulator) -> None:
    """For everybody, at once, before the client has answered."""
    async with client_of(emulator) as client:
        target = path_of(await id_of(client))
        async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
            writer.write(request("DELETE", target))
            status, headers, _ = await read_answer(reader)
            assert (status, "content-length" in headers) == (204, False)
            for method in ("DELETE", "GET", "POST"):
                writer.write(request(method, target))
                assert (await read_answer(reader))[0] == 410
            await client.wait_closed()
        assert (client.close_code, client.close_reason) == (1000, "Connection Closed Normally")


async def test_every_request_is_told(emulator: Emulator, records: Records) -> None:
    """Which connection, what for, how large, and what came of it."""
    async with client_of(emulator) as client:
        connection_id = await id_of(client)
        await answer(emulator, post(connection_id, b"secret"))
        await answer(emulator, request("GET", path_of(STRANGER)))
    told = [r[2:] for r in records if r.kind == "management"]
    assert told == [
        ("200 OK", "", "", connection_id, "@POST", 6),
        ("410 Gone", "", "", STRANGER, "@GET", 0),
    ]


# boto3.


@contextmanager
def boto3_client(emulator: Emulator, **config: Any) -> Iterator[Any]:
    """Make a client as any backend does, and close its connections afterwards."""
    # Not import statements: neither has types.
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=emulator.management_url,
        region_name="us-west-2",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(read_timeout=10, **config),
    )
    try:
        yield client
    finally:
        client.close()


async def called(method: Callable[..., Any], **parameters: Any) -> Any:
    """Call boto3 in a thread: the emulator runs in this one."""
    async with asyncio.timeout(50):
        return await asyncio.to_thread(method, **parameters)


async def refusal_of(client: Any, operation: str, **parameters: Any) -> tuple[str, str, int]:
    """Return class, code and status of the exception that boto3 raises."""
    with pytest.raises(client.exceptions.ClientError) as refused:
        await called(getattr(client, operation), **parameters)
    response = refused.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return type(refused.value).__name__, response["Error"]["Code"], status


async def test_boto3_posts_gets_and_deletes(emulator: Emulator, clock: VirtualClock) -> None:
    """Everything that it can do."""
    async with client_of(emulator, user_agent_header="test/1") as client:
        connection_id = await id_of(client)
        with boto3_client(emulator) as boto3:
            await called(boto3.post_to_connection, ConnectionId=connection_id, Data="Zoë")
            assert await hear(client) == "Zoë"
            await called(boto3.post_to_connection, ConnectionId=connection_id, Data=b"")
            assert await hear(client) == ""
            got = await called(boto3.get_connection, ConnectionId=connection_id)
            at = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
            assert (got["ConnectedAt"], got["LastActiveAt"]) == (at, at)
            assert got["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "test/1"}
            await called(boto3.delete_connection, ConnectionId=connection_id)
            async with asyncio.timeout(10):
                await client.wait_closed()


async def test_boto3_knows_every_refusal(emulator: Emulator) -> None:
    """By the header; two of them have classes of their own."""
    large = "x" * 131_073
    with boto3_client(emulator) as boto3:
        assert await refusal_of(boto3, "get_connection", ConnectionId=STRANGER) == (
            *("GoneException", "GoneException", 410),
        )
        assert await refusal_of(boto3, "post_to_connection", ConnectionId=STRANGER, Data=large) == (
            "PayloadTooLargeException",
            "PayloadTooLargeException",
            413,
        )
        assert await refusal_of(boto3, "delete_connection", ConnectionId="a/b+c d=") == (
            *("ClientError", "BadRequestException", 400),
        )


async def test_boto3_without_the_stage_is_forbidden(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commonest mistake with ``endpoint_url``."""
    root = emulator.management_url.removesuffix("/prod")
    monkeypatch.setattr(Emulator, "management_url", root)
    with boto3_client(emulator) as boto3:
        refused = await refusal_of(boto3, "post_to_connection", ConnectionId=STRANGER, Data="x")
    assert refused == ("ForbiddenException", "ForbiddenException", 403)


async def test_boto3_tries_again_when_throttled(clock: VirtualClock, records: Records) -> None:
    """As often as it was told to, and then it raises what a backend has to expect."""
    retries = {"mode": "standard", "total_max_attempts": 2}
    async with serving(records, clock, throttle_rate=1, throttle_burst=2) as emulator:
        async with client_of(emulator) as client:
            connection_id = await id_of(client)
            with boto3_client(emulator, retries=retries) as boto3:
                refused = await refusal_of(
                    boto3, "post_to_connection", ConnectionId=connection_id, Data="x"
                )
                assert refused == ("LimitExceededException", "LimitExceededException", 429)
                attempts = [r.outcome for r in records if r.kind == "management"]
                assert attempts == ["429 Too Many Requests"] * 2
                clock.advance(1)
                await called(boto3.post_to_connection, ConnectionId=connection_id, Data="y")
            assert await hear(client) == "y"


async def test_who_is_strict_takes_boto3s_signature_and_nothing_less() -> None:
    """A backend that forgot its credentials finds out here."""
    unsigned = post(STRANGER, b"x")
    other_service = (
        "Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-west-2/s3/aws4_request, "
        f"SignedHeaders=host, Signature={'0' * 64}"
    )
    async with serving(strict_sigv4=True) as emulator, client_of(emulator) as client:
        assert await outcome_of(emulator, unsigned) == NOT_SIGNED
        assert await outcome_of(emulator, post(STRANGER, b"x", other_service)) == NOT_SIGNED
        with boto3_client(emulator) as boto3:
            connection_id = await id_of(client)
            await called(boto3.post_to_connection, ConnectionId=connection_id, Data="signed")
        assert await hear(client) == "signed"


async def test_a_thousand_posts_of_boto3_arrive_in_order_over_one_connection(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pool finds the connection as it left it, every time."""
    accepted: list[HttpConnection] = []
    opened = HttpConnection.connection_made

    def connection_made(self: HttpConnection, transport: asyncio.BaseTransport) -> None:
        accepted.append(self)
        opened(self, transport)

    monkeypatch.setattr(HttpConnection, "connection_made", connection_made)
    async with client_of(emulator) as client:
        connection_id = await id_of(client)
        accepted.clear()
        with boto3_client(emulator) as boto3:

            def post_all() -> None:
                for n in range(1_000):
                    boto3.post_to_connection(ConnectionId=connection_id, Data=f"{n}")

            posting = asyncio.create_task(called(post_all))
            assert [await hear(client) for _ in range(1_000)] == [f"{n}" for n in range(1_000)]
            await posting
        assert len(accepted) == 1


async def test_posts_from_eight_threads_to_200_connections_lose_nothing(
    emulator: Emulator,
) -> None:
    """Everybody hears each thread's messages, in that thread's order."""
    threads, rounds = 8, 3
    async with asyncio.timeout(50):
        clients = await asyncio.gather(*(client_of(emulator) for _ in range(200)))
        ids = await asyncio.gather(*map(id_of, clients))

        def post_all(thread: int) -> None:
            # Not boto3: eight of its clients take most of a test's time for themselves.
            with closing(HTTPConnection("127.0.0.1", emulator.port, timeout=10)) as http:
                for n in range(rounds):
                    for connection_id in ids:
                        http.request("POST", path_of(connection_id), f"{thread} {n}")
                        with http.getresponse() as response:
                            assert (response.status, response.read()) == (200, b"")

        pool = ThreadPoolExecutor(threads)
        run = asyncio.get_running_loop().run_in_executor
        await asyncio.gather(*(run(pool, post_all, thread) for thread in range(threads)))
        pool.shutdown()
        for client in clients:
            heard = [(await hear(client)).split() for _ in range(threads * rounds)]
            for thread in range(threads):
                of_thread = [n for who, n in heard if who == str(thread)]
                assert of_thread == [str(n) for n in range(rounds)]
        await asyncio.gather(*(client.close() for client in clients))
