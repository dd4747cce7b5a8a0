"""The signaling client: what it sends, keeps, awaits and reports."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from poker_signal.emulator.client.connection import (
    MAX_CHARACTERS,
    MAX_REMEMBERED,
    BadUrl,
    Client,
    Ended,
    Frame,
    NotHeard,
    checked_url,
    query_of,
    signal_client,
)
from poker_signal.emulator.server import Emulator
from tests.emulator.client.check.broken import url_of
from tests.emulator.conftest import Records

GAME = "GAME01"


async def test_nothing_is_awaited_after_the_end(emulator: Emulator) -> None:
    """An ended connection raises at once, with the close code instead of a time-out."""
    session = "a-secret-of-alice"
    async with signal_client(emulator.url, "Alice", GAME, session) as alice:
        assert alice.close_code is None
        async with signal_client(emulator.url, "Alice", GAME, session):
            assert await alice.expect_close() == 1000
            with pytest.raises(
                NotHeard, match="heard nothing; then the connection ended with 1000"
            ):
                await alice.expect(within=60)
            with pytest.raises(Ended):
                await alice.send("ping")
    assert not alice.closed_by_us


async def test_frames_are_yielded_until_the_end(emulator: Emulator, records: Records) -> None:
    """Frames that came earlier are yielded too; the server gets the close code and reason."""
    heard = []
    async with signal_client(emulator.url, "Zoë 🂡 +%20", GAME) as alice:
        await alice.send("ping")
        await alice.send("join", id_="1")
        async for frame in alice.frames():
            heard.append(frame)
            if len(heard) == 2:
                await alice.close(4001, "bye")
        assert await alice.expect_close() == 4001
    assert [(frame.number, frame.type, frame.code) for frame in heard] == [
        (0, "pong", None),
        (1, "error", "HOST_NOT_FOUND"),
    ]
    assert heard[1].body["id"] == "1"
    assert 0 < alice.handshake_s < heard[0].at_s < heard[1].at_s
    assert alice.closed_by_us
    assert alice.close_reason == "bye"
    assert "4001" in records[-1].outcome


async def test_what_is_no_json_is_heard_and_what_is_left_out_is_not_sent() -> None:
    """A server may send anything; a payload of None is sent, but an omitted one is not."""
    said = ("[1]", "x", b"\xff", '{"type":1,"payload":{"code":[]}}', "[" * 100_000)

    async def babble(connection: ServerConnection) -> None:
        for data in said:
            await connection.send(data)
        async for text in connection:
            await connection.send(text)

    async with serve(babble, "127.0.0.1", 0) as server:
        async with signal_client(url_of(server), "Alice", GAME) as alice:
            frames = [await alice.expect() for _ in said]
            await alice.send("offer", "Bob", None)
            await alice.send("ping")
            sent = [(await alice.expect()).body for _ in range(2)]
    assert [frame.type for frame in frames] == [None] * 5
    assert [frame.body for frame in frames[:3]] == [[1], None, None]
    assert frames[2].text == "\ufffd"
    assert frames[4].body is None
    assert sent == [{"type": "offer", "targetId": "Bob", "payload": None}, {"type": "ping"}]


def test_queries_are_encoded_as_by_the_app() -> None:
    """Encoding is exactly that of JavaScript's encodeURIComponent."""
    name = "a b/ü&=+%🂡!~*'()-_.#?"
    assert query_of(playerId=name, session=None) == (
        "?playerId=a%20b%2F%C3%BC%26%3D%2B%25%F0%9F%82%A1!~*'()-_.%23%3F"
    )
    assert query_of() == ""


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://localhost:3001/prod", "ws:// in place of http://"),
        ("https://x.example.org/prod", "wss:// in place of https://"),
        ("localhost:3001/prod", "starts with wss://"),
        ("", "starts with wss://"),
        ("ws:///prod", "wss://HOST/STAGE"),
        ("ws://a b/prod", "wss://HOST/STAGE"),
        ("ws://x:70000/prod", "its host or port is not valid: "),
        ("ws://a..b/prod", "its host or port is not valid: "),
        ("ws://[::1/prod", "its host or port is not valid: "),
        ("ws://x/prod?playerId=a", "leave out the query string"),
        ("ws://x/prod#a", "leave out the query string"),
    ],
)
def test_another_url_is_explained(url: str, says: str) -> None:
    """A bad URL is refused before connecting; a good one loses its trailing slash."""
    assert checked_url("ws://127.0.0.1:3001/prod") == "ws://127.0.0.1:3001/prod"
    assert checked_url("WSS://x.example.org/prod/") == "wss://x.example.org/prod"
    assert checked_url("wss://x.example.org") == "wss://x.example.org"
    assert checked_url("ws://[::1]:3001/prod") == "ws://[::1]:3001/prod"
    with pytest.raises(BadUrl, match=says.replace("?", r"\?")):
        checked_url(url)


@asynccontextmanager
async def flooded(frame: str) -> AsyncGenerator[Client, None]:
    """Connect a client to a server that sends a frame again and again, as fast as it is read."""

    async def flood(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.send(frame)
                # Several in a packet; but the client is in the same process.
                await socket.send(frame)
                await asyncio.sleep(0)

    async with serve(flood, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        async with signal_client(f"ws://127.0.0.1:{port}/prod", "A", "G") as client:
            yield client


async def frames_until(client: Client, most: int) -> int:
    """Count frames until there are enough, one turn of the event loop after the other."""
    seen: list[Frame] = []
    client.on_frame = seen.append
    before = in_a_turn = 0
    while len(seen) < most:
        await asyncio.sleep(0)
        in_a_turn = max(in_a_turn, len(seen) - before)
        before = len(seen)
    return in_a_turn


async def test_a_flood_of_frames_is_bounded_in_bytes_and_leaves_time() -> None:
    """The newest are kept; a timer or Ctrl-C waits for one frame, not for all that are there."""
    large = json.dumps("x" * 130_000)
    async with flooded(large) as client:
        assert await frames_until(client, 200) <= 2
        kept = client._pending  # its memory
        assert 0 < sum(len(frame.text) for frame in kept) <= MAX_CHARACTERS
        assert client._characters == sum(len(frame.text) for frame in kept)
        await client.expect()
        assert client._characters == sum(len(frame.text) for frame in kept)
    async with flooded("{}") as client:
        assert await frames_until(client, 3000) <= 2
        assert len(client._pending) == MAX_REMEMBERED  # its memory


async def test_a_frame_that_api_gateway_cannot_send_ends_the_connection() -> None:
    """128 KiB at most: a server that sends more is none."""
    async with flooded("x" * 131_073) as client:
        assert await client.expect_close() in {1006, 1009}
        with pytest.raises(NotHeard, match="heard nothing"):
            await client.expect()
