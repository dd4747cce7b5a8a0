"""HTTP on the port: keep-alive, limits, and whatever somebody sends by mistake."""

import asyncio
import errno
import re
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from unittest.mock import Mock

import pytest

from poker_signal.emulator.aws.http import FORBIDDEN, Answer
from poker_signal.emulator.protocols.http_connection import (
    MAX_BODY_BYTES,
    HttpConnection,
    Responder,
    Switch,
)
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.conftest import Records
from tests.support.client import peer, settle
from tests.support.frames import HANDSHAKE, answer, raw_connection, read_answer

GET = b"GET /prod HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_connection_may_ask_again(emulator: Emulator) -> None:
    """As connection pools do; requests that were sent ahead are answered in order."""
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
        writer.write(GET + b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
        statuses = [(await read_answer(reader))[0] for _ in range(3)]
        assert statuses == [426, 403, 426]


async def test_a_refused_handshake_leaves_the_connection_open(emulator: Emulator) -> None:
    """As recorded from execute-api: keep-alive, and the next attempt may succeed."""
    refused = HANDSHAKE.replace(b"playerId=raw", b"playerId=")
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
        writer.write(refused)
        assert (await read_answer(reader))[0] == 400
        writer.write(HANDSHAKE)
        assert (await read_answer(reader))[0] == 101


async def test_http_1_0_is_answered_and_closed(emulator: Emulator) -> None:
    """A WebSocket handshake takes HTTP/1.1."""
    request = HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0")
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
        writer.write(request)
        assert (await read_answer(reader))[0] == 400
        assert await reader.read() == b""


MISTAKES = {
    "tls-hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), 400),
    "garbage": (bytes(range(128, 256)) * 80, 414),
    "garbage-lines": (b"\x00\x01\r\n\r\n", 400),
    "no-host": (b"GET /prod HTTP/1.1\r\n\r\n", 400),
    "space-in-header": (b"GET /prod HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "bad-length": (b"POST /prod HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n", 400),
    "long-url": (HANDSHAKE.replace(b"raw", b"r" * 4096), 414),
    "endless-url": (b"GET /" + b"x" * 20_000, 414),
    "long-headers": (HANDSHAKE.replace(b"Host: ", b"X: " + b"x" * 10_240 + b"\r\nHost: "), 431),
    "endless-headers": (b"GET /prod HTTP/1.1\r\nX: " + b"x" * 20_000, 431),
    "endless-body": (
        b"POST /prod HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n" + bytes(300_000),
        413,
    ),
}


@pytest.mark.parametrize(("request_", "status"), MISTAKES.values(), ids=MISTAKES.keys())
async def test_what_is_no_request_is_answered_and_costs_nothing(
    emulator: Emulator, request_: bytes, status: int
) -> None:
    """A clear answer to whoever sent it, and a healthy peer does not notice."""
    async with peer(emulator, "Alice") as alice:
        assert (await answer(emulator, request_))[0] == status
        await settle(alice)


POST = b"POST /prod HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"", []),
        (GET[:1], [408]),
        (HANDSHAKE[:-2], [408]),
        (POST[:-1], [408]),
        (GET + GET[:10], [426, 408]),
        (POST + POST[:-30], [426, 408]),
    ],
    ids=["nothing", "method", "last-line", "body", "second-path", "second-header"],
)
async def test_half_a_request_is_not_waited_for_for_ever(sent: bytes, statuses: list[int]) -> None:
    """408, and the connection ends; silently where nothing was asked at all."""
    async with Emulator(Settings(port=0, request_timeout_s=0.2)) as emulator:
        async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
            writer.write(sent)
            assert [(await read_answer(reader))[0] for _ in statuses] == statuses
            assert await reader.read() == b""


async def test_who_reads_no_answers_is_answered_no_more() -> None:
    """Requests by the thousand, sent ahead, must not fill the memory with answers."""
    async with Emulator(Settings(port=0, keep_alive_timeout_s=0.05)) as emulator:
        loop = asyncio.get_running_loop()
        # Its answer is as long as itself.
        long = GET.replace(b"/prod", b"/prod/@connections/" + b"x" * 4_000)
        with socket.socket() as client:
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(client, ("127.0.0.1", emulator.port))
            async with asyncio.timeout(10):
                with pytest.raises(ConnectionError):
                    await loop.sock_sendall(client, long * 10_000)
        async with peer(emulator, "Alice") as alice:
            await settle(alice)


def at_once(send: Callable[[], object]) -> None:
    """Send while a callback of the poll holds up the loop: uvloop's timers come before the next."""
    send()


def a_callback_later(send: Callable[[], object]) -> None:
    """Send after the next poll: asyncio's timers come after it, and after what was due by then."""
    asyncio.get_running_loop().call_soon(send)


LAST_MOMENTS = [pytest.param(None, a_callback_later, id="asyncio")]
with suppress(ImportError):
    import uvloop

    LAST_MOMENTS.append(pytest.param(uvloop.new_event_loop, at_once, id="uvloop"))


async def ask_at_the_last_moment(
    emulator: Emulator, keep_alive_s: float, moment: Callable[[Callable[[], object]], None]
) -> int | None:
    """Return what the second request gets, or None: this machine took too long to send it."""
    loop = asyncio.get_running_loop()
    held_up: asyncio.Future[bool] = loop.create_future()
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    ours, theirs = socket.socketpair()
    with closing(writer), ours, theirs:

        def hold_up() -> None:
            loop.remove_reader(ours)
            is_in_time = time.monotonic() < asked + keep_alive_s
            # Not to wait for something: it keeps the loop from reading, as a busy machine does.
            time.sleep(2 * keep_alive_s)
            moment(partial(writer.write, GET))
            held_up.set_result(is_in_time)

        asked = time.monotonic()
        writer.write(GET)
        assert (await read_answer(reader))[0] == 426
        loop.add_reader(ours, hold_up)
        theirs.send(b"!")
        if not await held_up:
            return None
        status, _, _ = await read_answer(reader)
        # It may idle no longer than it might before.
        assert await reader.read() == b""
        return status


@pytest.mark.parametrize(("loop_factory", "moment"), LAST_MOMENTS)
def test_who_asks_at_the_last_moment_is_answered(
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None,
    moment: Callable[[Callable[[], object]], None],
) -> None:
    """The connection has idled for too long, but a request lies in it that was not read yet."""

    async def ask() -> int:
        settings = Settings(port=0, keep_alive_timeout_s=0.05)
        async with Emulator(settings) as emulator, asyncio.timeout(30):
            while True:
                args = (emulator, settings.keep_alive_timeout_s, moment)
                if (status := await ask_at_the_last_moment(*args)) is not None:
                    return status

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(ask()) == 426


async def test_an_idle_connection_is_closed_where_no_file_can_be_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That is when closing matters most: to look at a socket takes no descriptor."""
    async with Emulator(Settings(port=0, keep_alive_timeout_s=0.05)) as emulator:
        async with raw_connection(emulator) as (reader, writer), asyncio.timeout(10):
            for name in ("EpollSelector", "KqueueSelector", "DevpollSelector", "DefaultSelector"):
                no_more = OSError(errno.EMFILE, "Too many open files")
                monkeypatch.setattr(selectors, name, Mock(side_effect=no_more), raising=False)
            writer.write(GET)
            assert (await read_answer(reader))[0] == 426
            assert await reader.read() == b""


async def test_requests_sent_ahead_let_others_have_their_turn(records: Records) -> None:
    """However many there are: a message is not dealt with after all of them."""
    async with Emulator(Settings(port=0, turn_s=0), records) as emulator:
        async with peer(emulator, "Alice") as alice, raw_connection(emulator) as (reader, writer):
            writer.write(GET * 500)
            await settle(alice)
            async with asyncio.timeout(10):
                for _ in range(500):
                    assert (await read_answer(reader))[0] == 426
            kinds = [record.kind for record in records]
            assert "refused" in kinds[kinds.index("message") :]


def told(
    pieces: list[bytes], answer: Answer | Switch
) -> tuple[Mock, Mock, HttpConnection, Callable[[], None]]:
    """Let a connection receive a handshake in pieces; return how it is answered, too."""
    wire = Mock(asyncio.Transport)
    wire.get_extra_info.return_value = ("127.0.0.1", 1)
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
"""What comes in pieces is read by h11."""


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
async def test_a_switch_hands_over_what_came_early(way: list[bytes]) -> None:
    """With the head, and while the answer was waited for."""
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
    """And what the client asks next is taken by the same rules."""
    answers, asked = [], []
    for way in WAYS.values():
        wire, responder, connection, reply = told(way, answer)
        connection.data_received(GET[:9])
        reply()
        connection.data_received(GET[9:])
        reply()
        answers.append(re.sub(rb"(Date|x-amzn-RequestId): [^\r]+", rb"\1", written(wire)))
        asked.append([call.args[0] for call in responder.respond.mock_calls])
        connection.connection_lost(None)
    assert answers[0].count(b"HTTP/1.1 ") == 2
    assert answers[0] == answers[1]
    assert len(asked[0]) == 2
    assert asked[0] == asked[1]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
async def test_who_sends_without_end_before_the_answer_is_cut_off(way: list[bytes]) -> None:
    """It does not wait for an answer."""
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
