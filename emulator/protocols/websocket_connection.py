"""One open WebSocket: frames in, messages out, and every way in which it can end.

Sans-I/O ``ServerProtocol`` of websockets inside an ``asyncio.Protocol`` of our own, so that a
frame is routed in the callback that received it, without a task or a queue in between, and
frame sizes and close codes are ours to decide.
"""

import asyncio
import sys
import time
from typing import NamedTuple, Protocol, cast

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import EXTERNAL_CLOSE_CODES, CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import BytesLike

from poker_signal.emulator.aws.events import Facts
from poker_signal.emulator.clock import Clock, Timer
from poker_signal.emulator.settings import Settings

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover - wheels for every platform have it
    from websockets.utils import apply_mask

SLICE_BYTES = 4096
"""How much of a frame is dealt with before it is asked whether others are waiting."""

MAX_REASON_BYTES = 123
"""Space for a reason in a close frame, beside the code (RFC 6455, section 5.5)."""

MAX_PLAIN_BYTES = 0xFFFF
"""What a length of two bytes can tell."""

_FIN_TEXT = 0x81
_MASKED = 0x80
_SHORT_HEADS = [bytes((_FIN_TEXT, size)) for size in range(126)]
_LONG_HEAD = bytes((_FIN_TEXT, 126))
# The last four have RSV1 set: the first frame of a compressed message.
_VALID_FIRST_BYTES = frozenset(
    [0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A, 0x41, 0x42, 0xC1, 0xC2]
)


_NEVER_ENDS = sys.maxsize
"""Length of a frame that nothing can complete."""


def text_at(data: bytes, start: int, max_bytes: int) -> tuple[int, int] | None:
    """Return begin and end of the payload of the whole text message that begins at ``start``.

    It is masked by the four bytes before it. None: the frame is of another kind, longer than
    ``max_bytes``, or not all there; then websockets' parser reads it.
    """
    # Fast path. Python's share of a relayed message costs 27.7 µs without it, 13.1 with it.
    there = len(data) - start
    if there < 6 or data[start] != _FIN_TEXT or data[start + 1] < _MASKED:
        return None
    length, payload = data[start + 1] - _MASKED, start + 6
    if length >= 126:
        if length == 127 or there < 8:
            return None
        length, payload = data[start + 2] << 8 | data[start + 3], start + 8
    end = payload + length
    return (payload, end) if length <= max_bytes and end <= len(data) else None


def length_at(data: bytes, start: int) -> int | None:
    """Return how many bytes the frame has that begins at ``start``; None: too little is there."""
    there = len(data) - start
    if there < 2:
        return None
    first, second = data[start], data[start + 1]
    if second < _MASKED or first not in _VALID_FIRST_BYTES:
        return _NEVER_ENDS
    length = second - _MASKED
    header = 6 if length < 126 else 8 if length == 126 else 14
    if there < header:
        return None
    if length >= 126:
        length = int.from_bytes(data[start + 2 : start + header - 4], "big")
    return header + length


def whole_text(data: bytes) -> bytes:
    """Return the frame of a text message of at most ``MAX_PLAIN_BYTES``, as a server sends it."""
    # Fast path. Python's share of a relayed message costs 17.2 µs without it, 13.1 with it.
    size = len(data)
    if size < 126:
        return _SHORT_HEADS[size] + data
    return _LONG_HEAD + size.to_bytes(2, "big") + data


def may_close_with(code: int) -> bool:
    """Tell whether a close frame can have this code, as websockets decides it."""
    return code in EXTERNAL_CLOSE_CODES or 3000 <= code <= 4999


class Closing(NamedTuple):
    """What a ``$disconnect`` event tells of the end of a connection."""

    code: int
    reason: str


class Listener(Protocol):
    """Who is told what happens on a connection."""

    def message_received(self, connection: "WebSocketConnection", text: str) -> None:
        """Take a text message."""

    def connection_closing(self, connection: "WebSocketConnection") -> None:
        """Take note that nothing can be posted any more."""

    def connection_closed(self, connection: "WebSocketConnection", closing: Closing) -> None:
        """Take note that the TCP connection is gone."""


class SilentProtocol(ServerProtocol):
    """As API Gateway: close frames of its own making give a code and no explanation."""

    def fail(self, code: CloseCode | int, reason: str = "") -> None:
        """Fail the connection."""
        super().fail(code)


class WebSocketConnection(asyncio.Protocol):
    """An established WebSocket connection."""

    def __init__(
        self,
        facts: Facts,
        protocol: ServerProtocol,
        listener: Listener,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self.facts = facts
        self.last_received_ms = facts.connected_at_ms
        """When the client last sent a message."""
        self._last_active_ms = facts.connected_at_ms
        self._protocol = protocol
        self._listener = listener
        self._settings = settings
        self._clock = clock
        self._transport: asyncio.Transport
        self._fragments: bytearray | None = None
        """What has come of a message; None between messages."""
        self._closing: Closing | None = None
        self._can_post = True
        """Neither side has begun to close."""
        self._timers: list[Timer] = []
        self._abort_timer: asyncio.TimerHandle | None = None
        self._backlog = b""
        """What has been received and waits for more, or for the connection's next turn."""
        self._owed = 0
        """How much of a frame that the protocol has begun to read is still to come."""
        is_in_one = settings.outbound_fragment_bytes is None
        self._max_plain = MAX_PLAIN_BYTES if is_in_one else -1
        """How large a message may be whose frame needs no more than its head."""
        self._max_whole = min(settings.max_frame_bytes, settings.max_message_bytes)
        self._turn_is_due = False
        self._in_flight = 0
        self._max_in_flight = settings.max_in_flight
        self._is_closed = False

    # What the gateway asks for.

    @property
    def is_open(self) -> bool:
        """Tell whether something can be posted."""
        return self._closing is None

    def post(self, text: str, now_ms: int) -> bool:
        """Send a text message; tell whether the connection is still open afterwards."""
        if not self._can_post:
            return False
        # Half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a question mark.
        data = text.encode(errors="replace")
        self._last_active_ms = now_ms
        if len(data) <= self._max_plain:
            # Nothing of the protocol's own is waiting to be written before it.
            self._transport.write(whole_text(data))
        else:
            self._send_text(data)
            self._flush()
        return self._closing is None

    def close(self, code: int, reason: str = "") -> None:
        """Start the closing handshake; the peer has ``close_timeout_s`` to answer."""
        if self._closing is None:
            self._protocol.send_close(code, reason)
            self._flush()
            self._start_closing(Closing(code, reason))

    def abort(self) -> None:
        """Cut the connection without a word."""
        self._transport.abort()
        self._start_closing(Closing(1006, self._settings.abnormal_close_reason))

    def invocation_started(self) -> None:
        """Count an invocation; read no more from a client that has too many of them."""
        self._in_flight += 1
        if self._is_busy:
            self._transport.pause_reading()

    def invocation_ended(self) -> None:
        """Count an invocation that is over."""
        was_busy = self._is_busy
        self._in_flight -= 1
        if was_busy and not self._is_busy:
            self._take_turn_soon()

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a transport on which 101 has been sent."""
        # Not isinstance: uvloop's transports do not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._settings.max_unread_bytes)
        self._timers = [
            self._clock.call_later(self._settings.max_duration_s, self._go_away),
            self._clock.call_later(self._settings.idle_timeout_s, self._check_idle),
        ]

    def data_received(self, data: bytes) -> None:
        """Take what the peer sent."""
        if self._backlog:
            data = self._backlog + data
        if self._turn_is_due or self._in_flight >= self._max_in_flight:
            self._backlog = data
        else:
            self._work(data)

    def _take_turn_soon(self) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        """Go on with the backlog; read again once nothing is left of it."""
        self._turn_is_due = False
        self._work(self._backlog)
        if not self._turn_is_due and not self._is_busy and not self._is_closed:
            self._transport.resume_reading()

    def _work(self, data: bytes) -> None:
        """Deal with what has been received, for a while; then others may be waiting.

        Most of it is whole messages: they need no more than to be unmasked. Whatever else it
        is, or what is wrong with it, is for the protocol to decide.
        """
        start, size, end_of_turn = 0, len(data), 0.0
        while start < size and self._in_flight < self._max_in_flight and not self._is_closed:
            text = None
            if not self._owed and self._fragments is None and self._closing is None:
                text = text_at(data, start, self._max_whole)
            if text is not None:
                payload, start = text
                self._text_received(apply_mask(data[payload:start], data[payload - 4 : payload]))
            elif taken := self._take(data, start):
                start += taken
            else:
                break
            if start < size:
                # Not the loop's time, which stands still during a callback of uvloop's.
                now = time.monotonic()
                if not end_of_turn:
                    end_of_turn = now + self._settings.turn_s
                elif now >= end_of_turn:
                    self._transport.pause_reading()
                    self._take_turn_soon()
                    break
        self._backlog = data[start:] if start < size else b""

    @property
    def _is_busy(self) -> bool:
        return self._in_flight >= self._max_in_flight

    def _take(self, data: bytes, start: int) -> int:
        """Hand the protocol a frame, or a piece of one; return how many bytes that were."""
        if not self._owed:
            length = length_at(data, start)
            if length is None:
                return 0
            self._owed = length
        piece = data[start : start + min(self._owed, SLICE_BYTES)]
        self._owed -= len(piece)
        self._feed(piece)
        return len(piece)

    def _feed(self, data: bytes) -> None:
        """Let the protocol read."""
        self._protocol.receive_data(data)
        if self._protocol.state is not State.OPEN:
            self._can_post = False
        for frame in self._protocol.events_received():
            assert isinstance(frame, Frame)
            if self._closing is None:
                self._frame_received(frame)
        self._flush()
        if self._closing is None and self._protocol.close_sent is not None:
            # The protocol failed the connection by itself: 1002, 1009.
            self._start_closing(Closing(self._protocol.close_sent.code, ""))

    def eof_received(self) -> None:
        """Take note that the peer sends no more; the transport then closes by itself.

        Once what waits for the peer is written: it has ``close_timeout_s`` to read that.
        """
        self._protocol.receive_eof()
        self._start_closing(Closing(1006, self._settings.abnormal_close_reason))

    def pause_writing(self) -> None:
        """Cut off a peer that does not read: what waits for it must not fill the memory."""
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the TCP connection is gone, for whatever reason."""
        self._is_closed = True
        self._start_closing(Closing(1006, self._settings.abnormal_close_reason))
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        assert self._closing is not None
        self._listener.connection_closed(self, self._closing)

    # What follows from frames.

    def _frame_received(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.CONT:
                self._fragment_received(frame)
            case Opcode.BINARY:
                self._fail(CloseCode.UNSUPPORTED_DATA)
            case Opcode.CLOSE:
                self._close_received()
            case Opcode.PING | Opcode.PONG:
                # The protocol has answered the ping already.
                if self._settings.pings_reset_idle:
                    self._last_active_ms = self._clock.now_ms()

    def _fragment_received(self, frame: Frame) -> None:
        data = frame.data
        if self._fragments is not None or not frame.fin:
            if self._fragments is None:
                self._fragments = bytearray()
            # Not a list: a hundred thousand empty fragments are one message too.
            self._fragments += data
            if len(self._fragments) > self._settings.max_message_bytes:
                self._fail(CloseCode.MESSAGE_TOO_BIG)
                return
            if not frame.fin:
                return
            data, self._fragments = self._fragments, None
        self._text_received(data)

    def _text_received(self, data: BytesLike) -> None:
        try:
            text = str(data, "utf-8")
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA)
            return
        self.last_received_ms = self._last_active_ms = self._clock.now_ms()
        self._listener.message_received(self, text)

    def _close_received(self) -> None:
        received = self._protocol.close_rcvd
        assert received is not None
        reason = received.reason
        if received.code == CloseCode.NO_STATUS_RCVD:
            reason = "Client-side close frame status not set"
        self._start_closing(Closing(received.code, reason))

    def _fail(self, code: CloseCode) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.fail(code)
            self._flush()
        self._start_closing(Closing(code, ""))

    # Time.

    def _go_away(self) -> None:
        self.close(CloseCode.GOING_AWAY, "Going away")

    def _check_idle(self) -> None:
        """Close, or look again when the time would be up if nothing more happened."""
        idle_s = (self._clock.now_ms() - self._last_active_ms) / 1000
        left_s = self._settings.idle_timeout_s - idle_s
        if left_s <= 0:
            self._go_away()
        else:
            self._timers[1] = self._clock.call_later(left_s, self._check_idle)

    # The end.

    def _start_closing(self, closing: Closing) -> None:
        if self._closing is not None:
            return
        self._closing = closing
        self._can_post = False
        for timer in self._timers:
            timer.cancel()
        self._abort_timer = asyncio.get_running_loop().call_later(
            self._settings.close_timeout_s, self._transport.abort
        )
        self._listener.connection_closing(self)

    def _send_text(self, data: bytes) -> None:
        size = self._settings.outbound_fragment_bytes
        if size is None or len(data) <= size:
            self._protocol.send_text(data)
            return
        self._protocol.send_text(data[:size], fin=False)
        for start in range(size, len(data), size):
            self._protocol.send_continuation(
                data[start : start + size], fin=start + size >= len(data)
            )

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                # Half-closed, the peer still gets the close frame; with unread data of its own
                # in our buffers, close() would reset the connection and lose it.
                self._transport.write_eof()
            else:
                self._transport.close()


class InflateOnly(PerMessageDeflate):
    """permessage-deflate that reads compressed messages and sends plain ones.

    A server that accepted the extension may send uncompressed frames (RFC 7692, section 6).
    The limit on the inflated size is that of the message, not of the frame on the wire.
    """

    def __init__(self, remote_no_context_takeover: bool, max_message_bytes: int) -> None:
        super().__init__(remote_no_context_takeover, True, 15, 15)
        self._max_message_bytes = max_message_bytes

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Inflate an incoming frame."""
        return super().decode(frame, max_size=self._max_message_bytes)

    def encode(self, frame: Frame) -> Frame:
        """Leave an outgoing frame as it is."""
        return frame
