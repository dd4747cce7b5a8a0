"""Random bytes on the port: the emulator runs on, other clients are not affected, nothing leaks.

``make fuzz`` runs forty times as many cases.
"""

import asyncio
import gc
import logging
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import psutil
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.sync.client import ClientConnection, connect

from poker_signal.emulator.gateway.config import ApiConfig, FunctionConfig, RouteConfig
from poker_signal.emulator.protocols.http_connection import HttpConnection
from poker_signal.emulator.protocols.websocket_connection import WebSocketConnection
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.support import tiers
from tests.support.frames import HANDSHAKE, frame

CASES = tiers.FUZZ_CASES

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
"""Event loops for the emulator; they differ in the errors that they tolerate."""
with suppress(ImportError):
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop

ROOT = Path(__file__).parents[2]

# Bytes that arrive.

COMPRESSED_HANDSHAKE = HANDSHAKE.replace(
    b"Host:", b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost:"
)

BYSTANDER = b"AAAAAAAAAAAAAAA%3D"
"""Placeholder in a case for the id of a connection that may be posted to."""

_PATH = b"/prod/@connections/" + BYSTANDER
REQUESTS = (
    b"POST " + _PATH + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"POST " + _PATH + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\xf0\x9f\x82\xa1",
    b"POST " + _PATH.replace(b"@", b"%40") + b" HTTP/1.1\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST " + _PATH + b" HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
    b"Content-Length: 2\r\n\r\nok",
    b"GET " + _PATH + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HEAD " + _PATH + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"DELETE " + _PATH + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /prod HTTP/1.0\r\n\r\n",
)

MESSAGES = (
    b'{"type":"join"}',
    b'{"type":"ping","id":"1"}',
    b'{"type":"offer","targetId":"raw","payload":{"sdp":"v=0"},"id":"2"}',
    b'{"type":"answer","targetId":"\\ud800","payload":"\\udfff","id":"\\ud83c"}',
    b'{"type":"ice-candidate","targetId":"absent","payload":' + b"[" * 500,
    b'{"type":1e999,"targetId":-0}',
    b'"\xc3\xa9"',
    b"{}",
    b'{"action":"whoami"}',
    b'{"action":["whoami"]}',
    b"\xff",
    b"",
)

SIZES = (125, 126, 127, 32_768, 32_769, 65_535, 65_536, 131_072, 131_073)


def deflated(message: bytes) -> bytes:
    """Return a message compressed as in permessage-deflate."""
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


Edit = tuple[int, Literal["insert", "delete", "replace", "repeat", "cut"], bytes]


def edited(data: bytes, edits: list[Edit]) -> bytes:
    """Return the bytes with these edits."""
    for where, kind, new in edits:
        at = where % (len(data) + 1)
        left = {
            "insert": new + data[at:],
            "delete": data[at + len(new) :],
            "replace": new + data[at + len(new) :],
            "repeat": data[at // 2 :],
            "cut": b"",
        }
        data = data[:at] + left[kind]
    return data


NEW = st.binary(max_size=6) | st.sampled_from((b"\r\n", b"\r\n\r\n", b":", b" ", b"%", b"\0"))
KINDS = st.sampled_from(("insert", "delete", "replace", "repeat", "cut"))
EDITS = st.lists(st.tuples(st.integers(0, 2**18), KINDS, NEW), max_size=4)

HEADS = st.sampled_from((0x81, 0x81, 0x01, 0x80, 0x00, 0x88, 0x89, 0x8A, 0x82, 0xC1, 0x41))
HANDSHAKES = st.sampled_from((HANDSHAKE, COMPRESSED_HANDSHAKE))

PAYLOADS = st.one_of(
    st.sampled_from(MESSAGES),
    st.sampled_from(MESSAGES).map(deflated),
    st.sampled_from(SIZES).map(lambda size: b"x" * size),
    st.sampled_from(SIZES).map(lambda size: deflated(b"x" * size)),
    st.builds(lambda code, why: code.to_bytes(2, "big") + why, st.integers(0, 5000), st.binary()),
    st.binary(max_size=200),
)

FRAMES = st.lists(
    st.builds(
        frame,
        HEADS | st.integers(0, 255),
        st.sampled_from((True, True, True, False)),
        PAYLOADS,
        st.none() | st.none() | st.integers(0, 2**64 - 1),
    ),
    max_size=6,
).map(b"".join)

DATA = st.one_of(
    st.binary(max_size=2_000),
    st.builds(edited, HANDSHAKES, EDITS),
    st.builds(
        lambda handshake, frames, edits: handshake + edited(frames, edits),
        HANDSHAKES,
        FRAMES,
        EDITS,
    ),
    st.builds(
        lambda requests, edits: edited(b"".join(requests), edits),
        st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4),
        EDITS,
    ),
)


class Case(NamedTuple):
    """Bytes that a client sends, in two pieces, and the way it ends the connection."""

    data: bytes
    split: int
    ending: Literal["half-close", "close", "reset", "wait"]


REFUSED = Case(HANDSHAKE.replace(b"&gameId", b""), 0, "close")
"""A handshake that the core refuses, which random edits hardly ever make."""

ENDINGS = (*("half-close", "close", "reset") * 10, "wait")

ANYTHING = st.builds(Case, DATA, st.integers(0, 2**12), st.sampled_from(ENDINGS))

# Clients that must not be affected.


def whoami(event: Any, context: object) -> dict[str, object]:
    """Return the connection id to the client; this is a handler."""
    return {"statusCode": 200, "body": event["requestContext"]["connectionId"]}


API = ApiConfig(
    functions={
        "core": FunctionConfig(handler="core"),
        "whoami": FunctionConfig(handler=f"{__name__}:whoami"),
    },
    routes={
        "$connect": RouteConfig(function="core"),
        "$disconnect": RouteConfig(function="core"),
        "$default": RouteConfig(function="core"),
        "whoami": RouteConfig(function="whoami", two_way=True),
    },
)


class World:
    """An emulator in a thread, a host and a player that talk, and a bystander that gets posts."""

    def __init__(self, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self.cases = 0
        self._new_loop = new_loop
        self._unhandled: list[str] = []
        self._said = 0
        self._stack = ExitStack()
        self._settings = Settings(
            port=0, request_timeout_s=0.2, keep_alive_timeout_s=0.05, close_timeout_s=0.1
        )
        self._bystander_id = b""

    def __enter__(self) -> "World":
        with self._stack:
            self._start_loop()
            self._emulator = Emulator(self._settings, api=API, handlers={"whoami": whoami})
            self._run(self._emulator.__aenter__())
            self._port = self._emulator.port
            # A client of an earlier test may still hold connections to a server that is gone,
            # and the system may assign that server's port again.
            self._not_ours = {(local, remote) for local, remote in self._ends() if remote}
            self._stack.callback(lambda: self._run(self._emulator.__aexit__(None, None, None)))
            self._host = self._stack.enter_context(self._connect("HOST"))
            self._alice = self._stack.enter_context(self._connect("Alice"))
            self._invite_bystander()
            self._stack.callback(lambda: self._bystander.close())
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def bear(self, case: Case) -> None:
        """Play a case; assert that it does not affect the other clients."""
        self.cases += 1
        self._happen(case)
        self.talk()
        self._calm_bystander()
        unhandled, self._unhandled = self._unhandled, []
        assert unhandled == []

    def talk(self) -> None:
        """Let the two clients that are not part of the case talk to each other."""
        self._said += 1
        for speaker, listener, target in (
            (self._host, self._alice, "Alice"),
            (self._alice, self._host, "HOST"),
        ):
            speaker.send(f'{{"type":"offer","targetId":"{target}","payload":{self._said}}}')
            heard = str(listener.recv(timeout=10))
            assert heard.endswith(f'"payload":{self._said}}}'), heard

    def holdings(self) -> dict[str, int]:
        """Count the objects that could leak."""

        async def tasks() -> int:
            return len(asyncio.all_tasks())

        gc.collect()
        kinds = Counter(
            type(thing)
            for thing in gc.get_objects()
            # Connections of an earlier test may be freed at any time.
            if type(thing) in {HttpConnection, WebSocketConnection}
            and thing._settings is self._settings
        )
        return {
            "tasks": self._run(tasks()),
            "HTTP connections": kinds[HttpConnection],
            "WebSocket connections": kinds[WebSocketConnection],
            "sockets": self.sockets(),
        }

    def settles_at(self, holdings: dict[str, int]) -> None:
        """Wait until the counts are these; connections take a moment to end."""
        end = time.monotonic() + 10
        while (held := self.holdings()) != holdings and time.monotonic() < end:
            self.talk()
            # The last case may have closed its connection, and the close frame arrives only now.
            self._calm_bystander()
        assert held == holdings

    def sockets(self) -> int:
        """Count the sockets of the emulator and its clients."""
        return len(self._ends() - self._not_ours)

    def _ends(self) -> set[Any]:
        """Return local and remote addresses of the sockets at the port; a listener has one."""
        found = psutil.Process().net_connections("tcp")
        ends = {(each.laddr, each.raddr) for each in found}
        return {end for end in ends if self._port in {end[0][1], *end[1][1:]}}

    def _start_loop(self) -> None:
        self._loop = self._new_loop()
        self._stack.callback(self._loop.close)
        self._loop.set_exception_handler(self._take_note)
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(self._loop.call_soon_threadsafe, self._loop.stop)

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def _take_note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._unhandled.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _connect(self, player: str, game: str = "HEALTHY") -> ClientConnection:
        url = f"{self._emulator.url}?playerId={player}&gameId={game}"
        for _ in range(4):
            # A client that is silent for the whole request time-out is disconnected.
            with suppress(InvalidMessage, ConnectionClosed, ConnectionError):
                return connect(url, ping_interval=None)
        return connect(url, ping_interval=None)

    def _happen(self, case: Case) -> None:
        data = case.data.replace(BYSTANDER, self._bystander_id)
        split = case.split % (len(data) + 1)
        with socket.create_connection(("127.0.0.1", self._port), timeout=10) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # The emulator may have ended the connection before, which is allowed.
            with suppress(ConnectionError):
                client.sendall(data[:split])
                client.sendall(data[split:])
                if case.ending == "half-close":
                    with suppress(OSError):  # the emulator may have ended the connection before
                        client.shutdown(socket.SHUT_WR)
                if case.ending in {"half-close", "wait"}:
                    hear_out(client)
            if case.ending == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _invite_bystander(self) -> None:
        self._bystander = self._connect("Bystander", "ELSEWHERE").__enter__()
        self._bystander.send('{"action":"whoami"}')
        self._bystander_id = quote(str(self._bystander.recv(timeout=10)), safe="").encode()

    def _calm_bystander(self) -> None:
        """Read the bystander's frames; connect another one if a case has deleted its connection."""
        try:
            while True:
                self._bystander.recv(timeout=0)
        except TimeoutError:
            pass
        except ConnectionClosed:
            self._bystander.close()
            self._invite_bystander()


def hear_out(client: socket.socket) -> None:
    """Read until the emulator ends the connection; a WebSocket is ended from this side."""
    heard = client.recv(65_536)
    assert not heard or heard.startswith(b"HTTP/1.1 "), heard
    if heard.startswith(b"HTTP/1.1 101 "):
        with suppress(OSError):  # it may be closed on both sides
            client.shutdown(socket.SHUT_WR)
    while heard:
        heard = client.recv(65_536)


@pytest.mark.timeout(60 + CASES / 20)
@pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS.keys())
def test_nothing_that_arrives_does_any_harm(
    new_loop: Callable[[], asyncio.AbstractEventLoop], caplog: pytest.LogCaptureFixture
) -> None:
    """Two healthy clients keep talking after each case, and at the end nothing has leaked."""
    caplog.set_level(logging.WARNING)
    new_loop().close()  # the first loop of a process opens shared resources
    with World(new_loop) as world:
        world.talk()
        before = world.holdings()
        assert before["WebSocket connections"] == 3
        assert before["sockets"] == 7  # one that listens, and both ends of three connections

        @settings(
            max_examples=CASES // len(LOOPS),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(case=ANYTHING)
        @example(REFUSED)
        def attack(case: Case) -> None:
            world.bear(case)

        attack()
        world.settles_at(before)
    assert world.cases >= CASES // len(LOOPS)
    assert [record.getMessage() for record in caplog.records] == []
    assert world.sockets() == 0
    print(f"{world.cases} cases, nothing leaked", end=" ")
