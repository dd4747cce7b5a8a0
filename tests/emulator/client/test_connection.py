"""The signaling client: what it sends, keeps, awaits and reports."""

import pytest
from websockets.asyncio.server import ServerConnection, serve

from poker_signal.emulator.client.connection import (
    BadUrl,
    Ended,
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
