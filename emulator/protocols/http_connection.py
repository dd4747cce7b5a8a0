"""One TCP connection as long as it speaks HTTP: h11 reads, the gateway answers.

Fast path: a handshake as nearly every client sends it is read, and its 101 written, without h11.

Every connection starts here. One that upgrades is handed to the WebSocket side, which takes
over its transport; the others may ask again, as boto3's connection pool does.
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
"""Twice what may be posted: enough to answer 413 to a body that is too large, and no more."""


_WITHOUT_BODY = {204, 304}
"""Statuses whose answers end after the headers (RFC 9110, sections 15.3.5 and 15.4.5)."""

# Not the default: epoll takes a file descriptor, and where none is left connections must close.
_Selector = selectors.SelectSelector if sys.platform == "win32" else selectors.PollSelector

# Stricter than RFC 9112: one space after the colon, and a value of visible ASCII, with spaces
# only between.
_REQUEST_LINE = re.compile(r"GET ([!-~]+) HTTP/1\.1\r\n")
_HEADER = re.compile(r"([-!#$%&'*+.^_`|~0-9A-Za-z]+): ([!-~](?:[ -~]*[!-~])?)\r\n")

_MORE_THAN_A_HEAD = {"content-length", "transfer-encoding", "expect"}
"""What says that a body follows, or waits for a word."""


class Head(NamedTuple):
    """A handshake's head."""

    target: str
    headers: Headers
    size: int
    """How many bytes it is."""


def read_handshake(data: bytes) -> Head | None:
    """Return the head that the data begins with; None: h11 reads it."""
    # Fast path. The server's CPU of a connect is a third more without it: h11 matches each line
    # by itself, and those of the answer too.
    size = data.find(b"\r\n\r\n") + 4
    if size < 4:
        return None
    # Latin-1 never fails: what is not ASCII matches no line.
    text = data[: size - 2].decode("latin-1")
    line = _REQUEST_LINE.match(text)
    if line is None:
        return None
    headers: Headers = []
    end = line.end()
    while end < len(text):
        # One after the other, up to the first that is odd: the time grows with the length.
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


def switching_protocols(headers: Headers) -> bytes:
    """Return the head of a 101, byte for byte as h11 writes it."""
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    return f"HTTP/1.1 101 \r\n{''.join(lines)}\r\n".encode("latin-1")


class Switch(NamedTuple):
    """The answer 101: what takes over the transport."""

    headers: Headers
    protocol: asyncio.Protocol
    switched: Callable[[], None]
    """Called when the 101 has been written and the protocol is connected."""


class Responder(Protocol):
    """Who answers requests."""

    def respond(self, request: Request, reply: Callable[[Answer | Switch], None]) -> None:
        """Answer a request by calling ``reply`` once, at once or later."""

    def http_opened(self, connection: "HttpConnection") -> None:
        """Take note of a connection."""

    def http_closed(self, connection: "HttpConnection") -> None:
        """Take note that a connection is gone, or no longer speaks HTTP."""


class HttpConnection(asyncio.Protocol):
    """A connection that speaks HTTP."""

    def __init__(self, responder: Responder, settings: Settings) -> None:
        self._responder = responder
        self._settings = settings
        self._is_new = True
        """Nothing has been received."""
        self._handshake: bytes | None = None
        """The head of one that is pending, which h11 has not been told of."""
        self._early = bytearray()
        """What came after that."""
        self._transport: asyncio.Transport
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._pending = False
        self._closing = False
        """No request is taken any more."""
        self._unread = False
        """More is waiting for the peer than it reads."""
        self._turn_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_is_for_request = False

    @cached_property
    def _h11(self) -> h11.Connection:
        size = self._settings.max_header_bytes
        return h11.Connection(h11.SERVER, max_incomplete_event_size=size)

    def close(self) -> None:
        """Close the connection; an answer that is on its way still arrives, if it is read."""
        self._closing = True
        self._transport.close()
        self._wait(self._settings.close_timeout_s, for_request=False)

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start waiting for a request."""
        # Not isinstance: uvloop's transports do not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._wait(self._settings.request_timeout_s, for_request=False)
        self._responder.http_opened(self)

    def data_received(self, data: bytes) -> None:
        """Take what the peer sent."""
        if self._closing:
            return
        if self._is_new:
            self._is_new = False
            if (head := read_handshake(data)) is not None and self._is_short(head):
                self._take_handshake(head, data)
                return
        if self._pending and len(self._ahead) > MAX_BODY_BYTES:
            # Whoever sends that much before it has an answer does not wait for one.
            self._transport.abort()
        elif self._handshake is not None:
            self._early += data
        else:
            self._h11.receive_data(data)
            self._advance()

    def eof_received(self) -> None:
        """Take note that the peer sends no more; the transport then closes by itself.

        Once the answers are written: the peer has ``close_timeout_s`` to read them.
        """
        self._closing = True
        self._wait(self._settings.close_timeout_s, for_request=False)

    def pause_writing(self) -> None:
        """Take no more requests from a peer that does not read the answers."""
        self._unread = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on: the peer has read."""
        self._unread = False
        self._transport.resume_reading()
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the TCP connection is gone."""
        self._stop_waiting()
        self._responder.http_closed(self)

    # A handshake as usual.

    def _is_short(self, head: Head) -> bool:
        """Tell whether no limit can have been passed."""
        settings = self._settings
        return head.size <= settings.max_header_bytes and len(head.target) <= settings.max_url_chars

    def _take_handshake(self, head: Head, data: bytes) -> None:
        self._stop_waiting()
        self._handshake = data[: head.size]
        self._early += data[head.size :]
        self._pending = True
        request = Request("GET", head.target, head.headers, self._peer_ip)
        self._responder.respond(request, self._reply)

    def _tell_h11(self, handshake: bytes) -> None:
        """Let h11 go on: it writes the refusal, and reads what comes next."""
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
        """What was sent after the request that is pending."""
        return self._h11.trailing_data[0] if self._handshake is None else self._early

    # One request after the other.

    def _advance_soon(self) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._turn_is_due = False
        self._advance()

    def _advance(self) -> None:
        """Deal with what has been received, for a while."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.turn_s
        while not (self._pending or self._closing or self._unread or self._transport.is_closing()):
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
                    # Others may be waiting: go on after them.
                    self._transport.pause_reading()
                    self._advance_soon()
                    return

    def _take_body(self, data: bytes | bytearray) -> None:
        self._body += data
        if len(self._body) > MAX_BODY_BYTES:
            self._send(error(413, "PayloadTooLargeException", "Payload too large"))
            self._close_gently()

    def _ask(self) -> None:
        assert self._request is not None
        self._stop_waiting()
        request = self._request
        head_bytes = len(request.target) + sum(len(k) + len(v) + 4 for k, v in request.headers)
        if len(request.target) > self._settings.max_url_chars:
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
        # A pipelined request may be waiting. Not from here: replies would nest in each other.
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
        """Answer what is not HTTP, and close."""
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

    def _give_up(self, answer: Answer) -> None:
        if self._h11.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._send(answer)
        self._close_gently()

    def _close_gently(self) -> None:
        """Close, once the peer has had time to read the answer.

        A socket that is closed with something unread in it is reset, answer and all.
        """
        self._closing = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._wait(self._settings.close_timeout_s, for_request=False)
        else:
            self._transport.close()

    # Nobody may take for ever.

    def _wait_for_request(self) -> None:
        """Bound the time from a request's first byte to its last."""
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
            # Not close(): that waits for a peer that does not read its answer.
            self._transport.abort()

    def _is_asked(self) -> bool:
        """Tell whether a request has arrived that this loop was too busy to read.

        A socket that is closed with something unread in it is reset, and whoever posted does not
        know whether that arrived: botocore's client must not ask again.
        """
        if self._closing or not self._transport.is_reading():
            return False
        with _Selector() as selector:
            selector.register(self._transport.get_extra_info("socket"), selectors.EVENT_READ)
            return bool(selector.select(0))
