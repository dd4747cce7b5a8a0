"""HTTP on the port: keep-alive, limits, malformed requests, and handshakes without h11."""

import asyncio
import errno
import re
import selectors
import socket
from collections.abc import Callable
from unittest.mock import Mock

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poker_signal.emulator.aws.http import FORBIDDEN, Answer
from poker_signal.emulator.protocols.http_connection import (
    MAX_BODY_BYTES,
    Head,
    HttpConnection,
    Responder,
    Switch,
    read_handshake,
    switching_protocols,
)
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.conftest import Records
from tests.support.client import peer, settle
from tests.support.frames import HANDSHAKE, answer, raw_connection, read_answer

GET = b"GET /prod HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_connection_may_ask_again(emulator: Emulator) -> None:
    """Pipelined requests are answered in order, as recorded from execute-api."""
    refused = HANDSHAKE.replace(b"playerId=raw", b"playerId=")
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(30):
        writer.write(GET + b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n" + refused + HANDSHAKE)
        statuses = [(await read_answer(reader))[0] for _ in range(4)]
        assert statuses == [426, 403, 400, 101]


async def test_http_1_0_is_answered_and_closed(emulator: Emulator) -> None:
    """A WebSocket handshake needs HTTP/1.1."""
    request = HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0")
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(30):
        writer.write(request)
        assert (await read_answer(reader))[0] == 400
        assert await reader.read() == b""


POSTED = b"POST /prod HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POSTED + b"Transfer-Encoding: chunked\r\n\r\n"
POST = POSTED + b"Content-Length: 5\r\n\r\nabcde"
MISTAKES = {
    "tls-hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), 400),
    "garbage": (bytes(range(128, 256)) * 80, 414),
    "garbage-lines": (b"\x00\x01\r\n\r\n", 400),
    "no-host": (b"GET /prod HTTP/1.1\r\n\r\n", 400),
    "space-in-header": (b"GET /prod HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "bad-length": (POSTED + b"Content-Length: ten\r\n\r\n", 400),
    "long-url": (HANDSHAKE.replace(b"raw", b"r" * 4096), 414),
    "endless-url": (b"GET /" + b"x" * 20_000, 414),
    "long-headers": (HANDSHAKE.replace(b"Host: ", b"X: " + b"x" * 10_240 + b"\r\nHost: "), 431),
    "endless-headers": (b"GET /prod HTTP/1.1\r\nX: " + b"x" * 20_000, 431),
    "endless-body": (POSTED + b"Content-Length: 999999\r\n\r\n" + bytes(300_000), 413),
    "endless-chunks": (CHUNKED + (b"ffff\r\n" + bytes(65_535) + b"\r\n") * 5, 413),
}


@pytest.mark.parametrize(("request_", "status"), MISTAKES.values(), ids=MISTAKES.keys())
async def test_what_is_no_request_is_answered_and_costs_nothing(
    emulator: Emulator, request_: bytes, status: int
) -> None:
    """The sender gets a clear answer, and another peer is not affected."""
    async with peer(emulator, "Alice") as alice:
        assert (await answer(emulator, request_))[0] == status
        await settle(alice)


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"", []),
        (GET[:1], [408]),
        (HANDSHAKE[:-2], [408]),
        (POST[:-1], [408]),
        (CHUNKED + b"9\r\nabc", [408]),
        (GET + GET[:10], [426, 408]),
        (POST + POST[:-30], [426, 408]),
    ],
    ids=["nothing", "method", "last-line", "body", "chunk", "second-path", "second-header"],
)
async def test_half_a_request_is_not_waited_for_for_ever(sent: bytes, statuses: list[int]) -> None:
    """The client gets a 408 and a close; without any bytes it gets only the close."""
    async with Emulator(Settings(port=0, request_timeout_s=0.2)) as emulator:
        async with raw_connection(emulator) as (reader, writer), asyncio.timeout(30):
            writer.write(sent)
            assert [(await read_answer(reader))[0] for _ in statuses] == statuses
            assert await reader.read() == b""


async def test_who_reads_no_answers_is_answered_no_more() -> None:
    """Thousands of pipelined requests must not fill the memory with answers."""
    async with Emulator(Settings(port=0, keep_alive_timeout_s=0.05)) as emulator:
        loop = asyncio.get_running_loop()
        # The answer is as long as the request.
        long = GET.replace(b"/prod", b"/prod/@connections/" + b"x" * 4_000)
        with socket.socket() as client:
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(client, ("127.0.0.1", emulator.port))
            async with asyncio.timeout(30):
                with pytest.raises(ConnectionError):
                    await loop.sock_sendall(client, long * 10_000)
        async with peer(emulator, "Alice") as alice:
            await settle(alice)


async def test_requests_sent_ahead_let_others_have_their_turn(records: Records) -> None:
    """Another client's message does not wait for all pipelined requests."""
    async with Emulator(Settings(port=0, turn_s=0), records) as emulator:
        async with peer(emulator, "Alice") as alice, raw_connection(emulator) as (reader, writer):
            writer.write(GET * 500)
            await settle(alice)
            async with asyncio.timeout(30):
                for _ in range(500):
                    assert (await read_answer(reader))[0] == 426
            kinds = [record.kind for record in records]
            assert "refused" in kinds[kinds.index("message") :]


def told(
    pieces: list[bytes], answer: Answer | Switch, ours: socket.socket | None = None
) -> tuple[Mock, Mock, HttpConnection, Callable[[], None]]:
    """Let a connection receive a handshake in pieces; return mocks, and a function that answers."""
    wire = Mock(asyncio.Transport)
    wire.get_extra_info.side_effect = {"socket": ours, "peername": ("127.0.0.1", 1)}.get
    wire.is_closing.side_effect = lambda: wire.close.called or wire.abort.called
    responder = Mock(Responder)
    connection = HttpConnection(responder, Settings())
    connection.connection_made(wire)
    for piece in pieces:
        connection.data_received(piece)
    return wire, responder, connection, lambda: responder.respond.call_args.args[1](answer)


def written(wire: Mock) -> bytes:
    """Return what was written to a transport."""
    return b"".join(call.args[0] for call in wire.write.call_args_list)


WAYS = {"h11": [HANDSHAKE[:9], HANDSHAKE[9:]], "without": [HANDSHAKE]}
"""A handshake that comes in pieces is parsed by h11."""


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
async def test_a_switch_hands_over_what_came_early(way: list[bytes]) -> None:
    """The new protocol gets the data that came with the head or before the answer."""
    taker = Mock(asyncio.Protocol)
    switch = Switch([("upgrade", "websocket")], taker, lambda: None)
    wire, _, connection, reply = told([*way[:-1], way[-1] + b"\x81", b"\x80"], switch)
    connection.data_received(b"\x82")
    reply()
    assert written(wire) == b"HTTP/1.1 101 \r\nupgrade: websocket\r\n\r\n"
    assert b"".join(call.args[0] for call in taker.data_received.mock_calls) == b"\x81\x80\x82"
    wire.set_protocol.assert_called_once_with(taker)


@pytest.mark.parametrize("answer", [FORBIDDEN, Answer(403), Answer(204), Answer(500, b"?")])
async def test_a_refusal_is_the_same_in_both_ways(answer: Answer) -> None:
    """Both parsers lead to the same answers, also to the client's next request."""
    answers, asked = [], []
    for way in WAYS.values():
        wire, responder, connection, reply = told(way, answer)
        connection.data_received(GET[:9])
        reply()
        connection.data_received(GET[9:])
        reply()
        answers.append(
            re.sub(rb"(Date|x-amzn-RequestId|x-amz-apigw-id): [^\r]+", rb"\1", written(wire))
        )
        asked.append([call.args[0] for call in responder.respond.mock_calls])
        connection.connection_lost(None)
    assert answers[0].count(b"HTTP/1.1 ") == 2
    assert answers[0] == answers[1]
    assert len(asked[0]) == 2
    assert asked[0] == asked[1]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
async def test_who_sends_without_end_before_the_answer_is_cut_off(way: list[bytes]) -> None:
    """The client is disconnected without an answer."""
    taker = Mock(asyncio.Protocol)
    wire, _, connection, reply = told(way, Switch([], taker, lambda: None))
    for _ in range(2):
        connection.data_received(bytes(MAX_BODY_BYTES))
    assert not wire.is_closing()
    connection.data_received(b"x")
    assert wire.is_closing()
    reply()
    assert (written(wire), taker.data_received.called) == (b"", False)
    connection.connection_lost(None)


async def test_an_idle_connection_is_closed_unless_a_request_lies_in_it_unread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The check for unread data needs no file descriptor, so it works when none is left."""
    later = Mock()
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", later)
    no_more = OSError(errno.EMFILE, "Too many open files")
    for name in ("EpollSelector", "KqueueSelector", "DevpollSelector", "DefaultSelector"):
        monkeypatch.setattr(selectors, name, Mock(side_effect=no_more), raising=False)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire, responder, connection, reply = told([], FORBIDDEN, ours)
        theirs.send(b"!")
        later.call_args.args[1]()
        assert not wire.is_closing()
        connection.data_received(GET)
        assert responder.respond.called
        reply()
        assert later.call_args.args[0] == Settings().keep_alive_timeout_s
        ours.recv(1)
        later.call_args.args[1]()
        assert wire.is_closing()


# Parsing the head of a usual handshake without h11.

NAMES = ["Host", "host", "Upgrade", "Connection", "Origin", "Cookie", "Sec-WebSocket-Key", "X-a.b~"]
ODD_NAMES = ["Content-Length", "transfer-encoding", "Expect", "X Y", "é", "", "Host "]
VALUES = ["x", "websocket", "Upgrade", "a  b", 'a:b, c;d="e"', "1", "~!"]
ODD_VALUES = ["", " x", "x ", "a\tb", "é", "\x01", "a\rb", "a\nb", "\x7f", "chunked"]

FIRST_LINES = [
    *("GET /prod?a=b HTTP/1.1\r\n", "GET / HTTP/1.0\r\n", "POST /prod HTTP/1.1\r\n"),
    *("GET  /prod HTTP/1.1\r\n", "GET /é HTTP/1.1\r\n", "\r\nGET / HTTP/1.1\r\n"),
]


def heads(*parts: list[str]) -> st.SearchStrategy[bytes]:
    """Return a strategy for requests of these parts, with bytes after the head."""
    line = st.tuples(*map(st.sampled_from, parts)).map("".join)
    return st.builds(
        lambda first, lines, last, rest: f"{first}{''.join(lines)}{last}".encode("latin-1") + rest,
        st.sampled_from(FIRST_LINES),
        st.lists(line, max_size=6),
        st.sampled_from(["\r\n", "\n", ""]),
        st.binary(max_size=3),
    )


USUAL = heads(NAMES, [": "], VALUES, ["\r\n"])
ODD = heads(
    NAMES + ODD_NAMES,
    [": "] * 3 + [":", ":  ", " : ", ":\t", ""],
    VALUES + ODD_VALUES,
    ["\r\n"] * 3 + ["\n", "\r", "\r\n "],
)


@example(HANDSHAKE)
@given(st.one_of(USUAL, ODD, st.binary(max_size=40).map(lambda x: HANDSHAKE.replace(b"raw", x))))
def test_what_is_read_is_what_h11_reads(data: bytes) -> None:
    """Method, target, headers, the empty body and the end of the head are the same."""
    head = read_handshake(data)
    if head is None:
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    request = connection.next_event()
    assert isinstance(request, h11.Request)
    assert (request.method, request.http_version) == (b"GET", b"1.1")
    assert request.target.decode("ascii") == head.target
    assert [
        (name.decode("ascii"), value.decode("latin-1"))
        for name, value in request.headers.raw_items()
    ] == head.headers
    assert isinstance(connection.next_event(), h11.EndOfMessage)
    assert connection.next_event() is h11.PAUSED
    assert connection.trailing_data[0] == data[head.size :]


def test_a_usual_handshake_is_read() -> None:
    """The first byte after the head is left over."""
    lines = HANDSHAKE.decode().split("\r\n")[1:-2]
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    head = Head("/prod?playerId=raw&gameId=GAME01", headers, len(HANDSHAKE))
    assert read_handshake(HANDSHAKE + b"\x81") == head


LEFT = {
    "half": (b"\r\n\r\n", b"\r\n"),
    "no-upgrade": (b"Upgrade: websocket\r\n", b""),
    "no-host": (b"Host: example.org\r\n", b""),
    "two-hosts": (b"Host: ", b"host: a\r\nHost: "),
    "body": (b"Host: ", b"Content-Length: 0\r\nHost: "),
    "asks-for-100": (b"Host: ", b"Expect: 100-continue\r\nHost: "),
    "other-method": (b"GET ", b"POST "),
    "other-version": (b"HTTP/1.1", b"HTTP/1.0"),
    "folded": (b"Host: ", b"X: a\r\n b\r\nHost: "),
    "bare-line-feed": (b"example.org\r\n", b"example.org\n"),
    "space-before-colon": (b"Host: ", b"Host : "),
    "latin-1": (b"Host: ", b"X: \xe9\r\nHost: "),
    "control-character": (b"Host: ", b"X: \x01\r\nHost: "),
}


@pytest.mark.parametrize(("usual", "odd"), LEFT.values(), ids=LEFT.keys())
def test_what_is_odd_is_left_to_h11(usual: bytes, odd: bytes) -> None:
    """Both valid and invalid unusual heads are left to h11."""
    assert usual in HANDSHAKE
    assert read_handshake(HANDSHAKE.replace(usual, odd)) is None


def test_a_101_is_written_as_h11_writes_it() -> None:
    """All bytes are the same."""
    headers = [("Date", "Thu, 26 Nov 2026 00:00:00 GMT"), ("upgrade", "websocket"), ("a", "b, c")]
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(HANDSHAKE)
    connection.next_event()
    written = connection.send(h11.InformationalResponse(status_code=101, headers=headers))
    assert switching_protocols(headers) == written
