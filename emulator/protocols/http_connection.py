"""One TCP connection while it speaks HTTP: h11 parses requests, the gateway answers them.

Fast path: a typical WebSocket handshake is parsed, and its 101 is written, without h11.

Every connection starts here. After an upgrade a WebSocketConnection takes over the transport.
Other connections stay open for more requests, as boto3's connection pool expects.
"""

import asyncio
import re
import selectors
import sys
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple, Protocol, cast

import h11

from poker_signal.emulator.aws.http import (
    HEADERS_TOO_LARGE,
    REQUEST_TIMEOUT,
    URI_TOO_LONG,
    Answer,
    Headers,
    Request,
    bad_request,
    error,
)
from poker_signal.emulator.settings import Settings

MAX_BODY_BYTES = 262_144
"""Largest body that is read: twice the largest post. A larger body is answered with 413."""

MAX_HEADERS = 128
"""Most headers of a request, and most parameters of its query string. Not a quota of AWS: each
takes a few microseconds, in which other clients wait. A browser sends about 15."""

_CLIENT_HELLO = b"\x16\x03"
"""First bytes of a TLS connection."""

TLS_ON_PLAIN_PORT = "wss:// or https:// on a port without TLS: use ws://, or start with --tls"

_WITHOUT_BODY = {204, 304}
"""Statuses whose answers end after the headers (RFC 9110, sections 15.3.5 and 15.4.5)."""

# Not DefaultSelector: epoll takes a file descriptor, and connections must close if none is left.
_Selector = selectors.SelectSelector if sys.platform == "win32" else selectors.PollSelector

# Stricter than RFC 9112: exactly one space after the colon, and a value of visible ASCII with
# spaces only inside it.
_REQUEST_LINE = re.compile(r"GET ([!-~]+) HTTP/1\.1\r\n")
_HEADER = re.compile(r"([-!#$%&'*+.^_`|~0-9A-Za-z]+): ([!-~](?:[ -~]*[!-~])?)\r\n")

_MORE_THAN_A_HEAD = {"content-length", "transfer-encoding", "expect"}
"""Headers that announce a body, or ask for 100 Continue."""


class Head(NamedTuple):
    """The head of a WebSocket handshake: request line and headers."""

    target: str
    headers: Headers
    size: int
    """Bytes, including the blank line."""


def read_handshake(data: bytes) -> Head | None:
    """Return the WebSocket handshake that the data begins with; None: h11 must parse the data."""
    # Fast path. A connect takes a third more server CPU without it: h11 matches each line of
    # request and answer separately.
    size = data.find(b"\r\n\r\n") + 4
    if size < 4:
        return None
    # Latin-1 decodes every byte. Lines with non-ASCII characters match neither pattern.
    text = data[: size - 2].decode("latin-1")
    line = _REQUEST_LINE.match(text)
    if line is None:
        return None
    headers: Headers = []
    end = line.end()
    while end < len(text):
        # Header by header up to the first unusual one, so that the time is linear in the length.
        header = _HEADER.match(text, end)
        if header is None:
            return None
        headers.append((header[1], header[2]))
        end = header.end()
    names = [name.lower() for name, _ in headers]
    if (
        "upgrade" not in names
        or names.count("host") != 1
        or not _MORE_THAN_A_HEAD.isdisjoint(names)
    ):
        return None
    return Head(line[1], headers, size)


def _is_too_long(target: str, settings: Settings) -> bool:
    return len(target) > settings.max_url_chars or target.count("&") >= MAX_HEADERS


def switching_protocols(headers: Headers) -> bytes:
    """Return the head of a 101, byte for byte as h11 writes it."""
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    return f"HTTP/1.1 101 \r\n{''.join(lines)}\r\n".encode("latin-1")


class Switch(NamedTuple):
    """The answer 101, and the protocol that takes over the transport."""

    headers: Headers
    protocol: asyncio.Protocol
    switched: Callable[[], None]
    """Called after the 101 is written and ``protocol.connection_made`` has returned."""


class Responder(Protocol):
    """The part that answers requests: the gateway."""

    def respond(self, request: Request, reply: Callable[[Answer | Switch], None]) -> None:
        """Answer a request: call ``reply`` exactly once, immediately or later."""

    def http_opened(self, connection: "HttpConnection") -> None:
        """Register a connection."""

    def http_closed(self, connection: "HttpConnection") -> None:
        """Unregister a connection that is closed or has been upgraded."""

    def http_failed(self, words: str) -> None:
        """Tell the developer why a connection cannot be served, and what to do."""


# The states of an HTTP connection, for which h11 is made only when it is needed
#
# New (_is_new): no bytes yet. The first chunk decides which parser is used. If it holds the whole
# head of a typical WebSocket handshake (read_handshake) within the size limits, the request goes
# to the responder without h11. Otherwise h11 parses all bytes of this connection.
# Handshake (_handshake is its head): no h11 object exists. data_received collects later bytes in
# _early. If the reply is a Switch (the usual case), _switch writes the 101 and passes _early to the
# WebSocket. If the reply is an Answer, _tell_h11 gives the head and _early to a new
# h11.Connection, which writes the refusal and parses later requests.
# h11: _advance reads events until a request is complete, then waits for _reply. Pipelined
# requests stay in h11's buffer.
# Closing (_closing): no more requests are read; only written answers still leave.
# _pending is True from a complete request until its reply, in both parsers. A peer that sends more
# than its limit of a body in this time is aborted, because these bytes are kept in memory.
class HttpConnection(asyncio.Protocol):
    """A connection that speaks HTTP."""

    def __init__(
        self, responder: Responder, settings: Settings, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._responder = responder
        self._settings = settings
        self._max_body_bytes = max_body_bytes
        self._is_new = True
        """True until the first bytes arrive."""
        self._handshake: bytes | None = None
        """Head of the pending handshake that h11 has not seen; None: h11 parses."""
        self._early = bytearray()
        """Bytes received after this head."""
        self._transport: asyncio.Transport
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._pending = False
        self._closing = False
        """True once no more requests are read."""
        self._unread = False
        """True while the write buffer is above its high-water mark."""
        self._turn_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_is_for_request = False

    @cached_property
    def _h11(self) -> h11.Connection:
        size = self._settings.max_header_bytes
        return h11.Connection(h11.SERVER, max_incomplete_event_size=size)

    def close(self) -> None:
        """Close the connection once written answers are sent, at most ``close_timeout_s`` later."""
        self._closing = True
        self._transport.close()
        self._wait(self._settings.close_timeout_s, for_request=False)

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start waiting for a request."""
        # Not isinstance: uvloop's transports do not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._wait(self._settings.request_timeout_s, for_request=False)
        self._responder.http_opened(self)

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the peer."""
        if self._closing:
            return
        if self._is_new:
            self._is_new = False
            if data.startswith(_CLIENT_HELLO):
                self._responder.http_failed(TLS_ON_PLAIN_PORT)
            if (head := read_handshake(data)) is not None and self._is_short(head):
                self._take_handshake(head, data)
                return
        if self._pending and len(self._ahead) > self._max_body_bytes:
            # A peer that sends this much before it gets an answer does not wait for answers.
            self._transport.abort()
        elif self._handshake is not None:
            self._early += data
        else:
            self._h11.receive_data(data)
            self._advance()

    def eof_received(self) -> None:
        """Read no more requests; asyncio closes the transport once the answers are sent.

        The peer has ``close_timeout_s`` to read them.
        """
        self._closing = True
        self._wait(self._settings.close_timeout_s, for_request=False)

    def pause_writing(self) -> None:
        """Stop reading requests of a peer that does not read its answers."""
        self._unread = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read requests again: the write buffer has drained."""
        self._unread = False
        self._transport.resume_reading()
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer and unregister: the TCP connection is gone."""
        self._stop_waiting()
        self._responder.http_closed(self)

    # Handshakes without h11.

    def _is_short(self, head: Head) -> bool:
        """Tell whether a head is within the size limits."""
        settings = self._settings
        return (
            head.size <= settings.max_header_bytes
            and len(head.headers) <= MAX_HEADERS
            and not _is_too_long(head.target, settings)
        )

    def _take_handshake(self, head: Head, data: bytes) -> None:
        self._stop_waiting()
        self._handshake = data[: head.size]
        self._early += data[head.size :]
        self._pending = True
        request = Request("GET", head.target, head.headers, self._peer_ip)
        self._responder.respond(request, self._reply)

    def _tell_h11(self, handshake: bytes) -> None:
        """Give h11 the handshake, so that it writes the refusal and parses later requests."""
        self._handshake = None
        self._h11.receive_data(handshake + self._early)
        self._early.clear()
        request = self._h11.next_event()
        assert isinstance(request, h11.Request)
        self._request = request
        end = self._h11.next_event()
        assert isinstance(end, h11.EndOfMessage)

    @property
    def _ahead(self) -> bytes | bytearray:
        """Bytes received after the pending request."""
        return self._h11.trailing_data[0] if self._handshake is None else self._early

    # Requests, one after the other.

    def _advance_soon(self) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._turn_is_due = False
        self._advance()

    def _advance(self) -> None:
        """Process received requests for at most ``turn_s``; the rest in a later turn."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.turn_s
        while not (self._pending or self._closing or self._unread or self._transport.is_closing()):
            if self._h11.their_state is h11.IDLE and self._has_too_many_headers():
                self._give_up(HEADERS_TOO_LARGE)
                return
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as malformed:
                self._refuse(malformed)
                return
            if event is h11.NEED_DATA:
                self._transport.resume_reading()
                self._wait_for_request()
                return
            if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return
            if isinstance(event, h11.Request):
                self._request = event
                self._body.clear()
                if self._h11.they_are_waiting_for_100_continue:
                    self._write(h11.InformationalResponse(status_code=100, headers=[]))
            elif isinstance(event, h11.Data):
                self._take_body(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self._ask()
                if loop.time() >= end and not (self._pending or self._closing):
                    # The turn is over: other connections run first.
                    self._transport.pause_reading()
                    self._advance_soon()
                    return

    def _take_body(self, data: bytes | bytearray) -> None:
        self._body += data
        if len(self._body) > self._max_body_bytes:
            self._send(error(413, "PayloadTooLargeException", "Payload too large"))
            self._close_gently()

    def _ask(self) -> None:
        assert self._request is not None
        self._stop_waiting()
        request = self._request
        head_bytes = len(request.target) + sum(len(k) + len(v) + 4 for k, v in request.headers)
        if _is_too_long(request.target.decode("ascii"), self._settings):
            self._reply(URI_TOO_LONG)
        elif head_bytes > self._settings.max_header_bytes:
            self._reply(HEADERS_TOO_LARGE)
        else:
            self._pending = True
            self._responder.respond(self._as_value(request), self._reply)

    def _as_value(self, request: h11.Request) -> Request:
        return Request(
            method=request.method.decode("ascii"),
            target=request.target.decode("ascii"),
            headers=[
                (name.decode("ascii"), value.decode("latin-1"))
                for name, value in request.headers.raw_items()
            ],
            peer_ip=self._peer_ip,
            http_version=request.http_version.decode("ascii"),
            body=bytes(self._body),
        )

    @property
    def _peer_ip(self) -> str:
        peer = self._transport.get_extra_info("peername")
        return peer[0] if peer else "127.0.0.1"

    def _reply(self, reply: Answer | Switch) -> None:
        self._pending = False
        if self._transport.is_closing():
            return
        if not isinstance(reply, Answer):
            self._switch(reply)
            return
        if self._handshake is not None:
            self._tell_h11(self._handshake)
        self._send(reply)
        if self._h11.our_state is h11.MUST_CLOSE:
            self._close_gently()
            return
        self._h11.start_next_cycle()
        self._request = None
        self._wait(self._settings.keep_alive_timeout_s, for_request=False)
        # A pipelined request may be waiting. Not called directly: replies would nest.
        self._advance_soon()

    def _switch(self, switch: Switch) -> None:
        self._transport.write(switching_protocols(switch.headers))
        early = bytes(self._ahead)
        self._closing = True
        self._stop_waiting()
        self._responder.http_closed(self)
        self._transport.set_protocol(switch.protocol)
        self._transport.resume_reading()
        switch.protocol.connection_made(self._transport)
        switch.switched()
        if early:
            switch.protocol.data_received(early)

    def _send(self, answer: Answer) -> None:
        head = h11.Response(
            status_code=answer.status, reason=answer.reason, headers=answer.all_headers()
        )
        self._write(head)
        is_head = self._request is not None and self._request.method == b"HEAD"
        if not is_head and answer.status not in _WITHOUT_BODY:
            self._write(h11.Data(data=answer.body))
        self._write(h11.EndOfMessage())

    def _write(self, event: h11.Event) -> None:
        data = self._h11.send(event)
        if data:
            self._transport.write(data)

    def _refuse(self, malformed: h11.RemoteProtocolError) -> None:
        """Answer input that is not valid HTTP, and close."""
        if malformed.error_status_hint != 431:
            self._give_up(bad_request(f"Not a valid HTTP/1.1 request: {malformed}"))
        elif self._first_line_is_endless():
            self._give_up(URI_TOO_LONG)
        else:
            self._give_up(HEADERS_TOO_LARGE)

    def _first_line_is_endless(self) -> bool:
        received, _ = self._h11.trailing_data
        longest = len("DELETE  HTTP/1.1\r\n") + self._settings.max_url_chars
        return len(received) > longest and b"\n" not in received[:longest]

    def _has_too_many_headers(self) -> bool:
        """Count the lines of a head before h11 parses them, which takes much longer."""
        head, _, _ = self._h11.trailing_data[0].partition(b"\r\n\r\n")
        return head.count(b"\n") > MAX_HEADERS

    def _give_up(self, answer: Answer) -> None:
        if self._h11.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._send(answer)
        self._close_gently()

    def _close_gently(self) -> None:
        """Close once the peer has had time to read the answer.

        Closing a socket with unread input resets it, and the peer loses the answer.
        """
        self._closing = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._wait(self._settings.close_timeout_s, for_request=False)
        else:
            self._transport.close()

    # Timeouts.

    def _wait_for_request(self) -> None:
        """Limit the time from a request's first byte to its last."""
        between_requests = self._h11.their_state is h11.IDLE
        if between_requests and self._first_line_is_endless():
            self._give_up(URI_TOO_LONG)
            return
        begun = not between_requests or bool(self._h11.trailing_data[0])
        if begun and not self._timer_is_for_request:
            self._wait(self._settings.request_timeout_s, for_request=True)

    def _wait(self, seconds: float, *, for_request: bool) -> None:
        self._stop_waiting()
        self._timer_is_for_request = for_request
        self._timer = asyncio.get_running_loop().call_later(seconds, self._waited_too_long)

    def _stop_waiting(self) -> None:
        self._timer_is_for_request = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _waited_too_long(self) -> None:
        if self._timer_is_for_request:
            self._give_up(REQUEST_TIMEOUT)
        elif self._is_asked():
            self._wait(self._settings.request_timeout_s, for_request=True)
        else:
            # Not close(): it would wait for a peer that does not read its answer.
            self._transport.abort()

    def _is_asked(self) -> bool:
        """Tell whether the socket has input that the event loop was too busy to read.

        Closing a socket with unread input resets it. A client that has sent a post then cannot
        know whether it arrived, and botocore must not repeat it.
        """
        if self._closing or not self._transport.is_reading():
            return False
        with _Selector() as selector:
            selector.register(self._transport.get_extra_info("socket"), selectors.EVENT_READ)
            return bool(selector.select(0))
