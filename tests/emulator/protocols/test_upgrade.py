"""The WebSocket handshake and its answers."""

import json
from datetime import timedelta
from email.utils import parsedate_to_datetime
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.protocol import State
from websockets.server import ServerProtocol

from poker_signal.emulator.aws.http import Answer, Request
from poker_signal.emulator.protocols import upgrade as handshake
from poker_signal.emulator.protocols.upgrade import Upgrade, negotiate
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.support.frames import HANDSHAKE, answer


async def test_the_101_is_as_recorded(emulator: Emulator) -> None:
    """The key is RFC 6455's example, and the header names are API Gateway's."""
    status, headers, body = await answer(emulator, HANDSHAKE)
    assert (status, body) == (101, b"")
    assert headers.pop("date").endswith(" GMT")
    assert dict(headers) == {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    }


@pytest.mark.parametrize("path", [b"/", b"/dev", b"/prod/foo", b"/Prod", b"//prod", b"/prod//"])
async def test_another_path_is_forbidden(emulator: Emulator, path: bytes) -> None:
    """The shared front end of execute-api gives the same answer."""
    refused = await answer(emulator, HANDSHAKE.replace(b"/prod?", path + b"?"))
    assert (refused.status, refused.body) == (403, b'{"message":"Forbidden"}')
    assert refused.headers["content-type"] == "application/json"


MISTAKES = {
    "no-key": (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"", 400),
    "short-key": (b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhl", 400),
    "no-version": (b"Sec-WebSocket-Version: 13\r\n", b"", 400),
    "old-version": (b"Version: 13", b"Version: 8", 426),
    "no-connection": (b"Connection: Upgrade\r\n", b"", 426),
    "post": (b"GET ", b"POST ", 400),
    "control-character": (b"Host: ", b"Host: \x01", 400),
}


@pytest.mark.parametrize(("right", "wrong", "status"), MISTAKES.values(), ids=MISTAKES.keys())
async def test_a_handshake_that_breaks_rfc_6455_is_refused(
    emulator: Emulator, right: bytes, wrong: bytes, status: int
) -> None:
    """The answer says what is wrong."""
    assert right in HANDSHAKE
    got, headers, body = await answer(emulator, HANDSHAKE.replace(right, wrong))
    assert got == status
    assert headers.get("upgrade") == ("websocket" if status == 426 else None)
    if status == 400:
        assert "handshake" in json.loads(body)["message"]


async def test_compression_is_accepted_as_recorded(emulator: Emulator) -> None:
    """A limit of the client's window is not confirmed, nor is an unknown extension."""
    limits = "; server_max_window_bits=12; client_max_window_bits=12"
    for offer, accepted in (
        (f"permessage-deflate{limits}", "permessage-deflate;server_max_window_bits=12"),
        ("x-unknown", None),
    ):
        extensions = f"Sec-WebSocket-Extensions: {offer}\r\nHost:".encode()
        _, headers, _ = await answer(emulator, HANDSHAKE.replace(b"Host:", extensions))
        assert headers.get("sec-websocket-extensions") == accepted


USUAL = {
    "Host": "example.org",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
OTHER_VALUES = ["Upgrade", "keep-alive, Upgrade", "close", "WebSocket", "13", "8", "h2c", "é"]
OTHER_VALUES += ["dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZ===", "dGhl", "", "x,", "\x01"]
OTHER_HEADERS = st.tuples(
    st.sampled_from([*USUAL, "upgrade", "Origin", "Sec-WebSocket-Protocol", "X-Forwarded-For"]),
    st.sampled_from(OTHER_VALUES),
)


@given(st.lists(OTHER_HEADERS, max_size=3), st.sets(st.sampled_from(list(USUAL)), max_size=1))
def test_the_short_way_comes_to_what_websockets_comes_to(
    more: list[tuple[str, str]], missing: set[str]
) -> None:
    """The fast path is taken only where its result is the same."""
    headers = [header for header in USUAL.items() if header[0] not in missing] + more
    request = Request("GET", "/prod", headers, "127.0.0.1")
    short = negotiate(request, Settings())
    with mock.patch.object(handshake, "_leaves_nothing_to_decide", return_value=False):
        long = negotiate(request, Settings())
    if isinstance(short, Answer) or isinstance(long, Answer):
        assert short == long
        return
    assert short.headers[1:] == long.headers[1:]
    assert short.protocol.state is long.protocol.state is State.OPEN
    assert short.protocol.extensions == long.protocol.extensions == []
    assert (short.headers[0][0], long.headers[0][0]) == ("Date", "Date")
    assert parsedate_to_datetime(short.headers[0][1]).utcoffset() == timedelta(0)


def test_the_short_way_is_taken() -> None:
    """A handshake without extras does not call websockets."""
    request = Request("GET", "/prod", list(USUAL.items()), "127.0.0.1")
    with mock.patch.object(ServerProtocol, "accept", side_effect=AssertionError):
        assert isinstance(negotiate(request, Settings()), Upgrade)
