"""The usual head of a handshake: read as h11 reads it, or not at all."""

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poker_signal.emulator.protocols.http_connection import (
    Head,
    read_handshake,
    switching_protocols,
)
from tests.support.frames import HANDSHAKE

NAMES = ["Host", "host", "Upgrade", "Connection", "Origin", "Cookie", "Sec-WebSocket-Key", "X-a.b~"]
ODD_NAMES = ["Content-Length", "transfer-encoding", "Expect", "X Y", "é", "", "Host "]
VALUES = ["x", "websocket", "Upgrade", "a  b", 'a:b, c;d="e"', "1", "~!"]
ODD_VALUES = ["", " x", "x ", "a\tb", "é", "\x01", "a\rb", "a\nb", "\x7f", "chunked"]


FIRST_LINES = [
    *("GET /prod?a=b HTTP/1.1\r\n", "GET / HTTP/1.0\r\n", "POST /prod HTTP/1.1\r\n"),
    *("GET  /prod HTTP/1.1\r\n", "GET /é HTTP/1.1\r\n", "\r\nGET / HTTP/1.1\r\n"),
]


def heads(*parts: list[str]) -> st.SearchStrategy[bytes]:
    """Make requests of these parts of header lines, with something after the head."""
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
    """Method, target, each header, that nothing follows, and where it ends."""
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
    """With the first of what follows left over."""
    assert read_handshake(HANDSHAKE + b"\x81") == Head(
        "/prod?playerId=raw&gameId=GAME01",
        [
            ("Host", "example.org"),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
        len(HANDSHAKE),
    )


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
    """Whether it is wrong or not."""
    assert usual in HANDSHAKE
    assert read_handshake(HANDSHAKE.replace(usual, odd)) is None


def test_a_101_is_written_as_h11_writes_it() -> None:
    """Byte for byte."""
    headers = [("Date", "Thu, 26 Nov 2026 00:00:00 GMT"), ("upgrade", "websocket"), ("a", "b, c")]
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(HANDSHAKE)
    connection.next_event()
    written = connection.send(h11.InformationalResponse(status_code=101, headers=headers))
    assert switching_protocols(headers) == written
