"""One open WebSocket connection: incoming frames, outgoing messages, and every way to close it.

The sans-I/O ``ServerProtocol`` of websockets runs inside our own ``asyncio.Protocol``. So a frame
is routed in the callback that received it, without a task or a queue in between, and this module
decides frame sizes and close codes.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
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
"""Bytes of one frame that are parsed before the connection checks whether its turn is over."""

SHORT_BYTES = 8192
"""Most input that is processed as soon as it arrives; longer input waits for its turn."""

MAX_REASON_BYTES = 123
"""Largest reason in a close frame, next to the code (RFC 6455, section 5.5)."""

MAX_PLAIN_BYTES = 0xFFFF
"""Largest payload whose length fits into two bytes of the frame header."""

_FIN_TEXT = 0x81
_MASKED = 0x80
_SHORT_HEADS = [bytes((_FIN_TEXT, size)) for size in range(126)]
_LONG_HEAD = bytes((_FIN_TEXT, 126))
# The last four have RSV1 set: the first frame of a compressed message.
_VALID_FIRST_BYTES = frozenset(
    [0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A, 0x41, 0x42, 0xC1, 0xC2]
)


_NEVER_ENDS = sys.maxsize
"""Length reported for an invalid frame header, so that websockets gets all further bytes."""


def text_at(data: bytes, start: int, max_bytes: int) -> tuple[int, int] | None:
    """Return start and end of the payload of the whole text message that begins at ``start``.

    The four bytes before the payload are its mask. None: the frame is of another kind, longer
    than ``max_bytes``, or incomplete; websockets' parser must read it.
    """
    # Fast path. Python's share of a relayed message is 27.7 µs without it, 13.1 µs with it.
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
    """Return the length of the frame that begins at ``start``; None: its header is incomplete."""
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
    """Return a text message of at most ``MAX_PLAIN_BYTES`` as one unmasked frame."""
    # Fast path. Python's share of a relayed message is 17.2 µs without it, 13.1 µs with it.
    size = len(data)
    if size < 126:
        return _SHORT_HEADS[size] + data
    return _LONG_HEAD + size.to_bytes(2, "big") + data


def may_close_with(code: int) -> bool:
    """Tell whether websockets accepts this code in a close frame."""
    return code in EXTERNAL_CLOSE_CODES or 3000 <= code <= 4999


class Closing(NamedTuple):
    """Code and reason of a closed connection, as ``$disconnect`` gets them."""

    code: int
    reason: str


class Listener(Protocol):
    """The part that handles events of a connection: the gateway."""

    def message_received(self, connection: "WebSocketConnection", text: str) -> None:
        """Handle a text message from the client."""

    def connection_closing(self, connection: "WebSocketConnection") -> None:
        """Handle the start of the closing: nothing can be posted any more."""

    def connection_closed(self, connection: "WebSocketConnection", closing: Closing) -> None:
        """Handle the end of the TCP connection."""


class InputTurns:
    """The connections of a gateway with long input, each of which waits for its turn.

    The event loop runs one turn, and then processes what has arrived meanwhile: a short message
    waits for one turn, however many connections send long ones.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def add(self, turn: Callable[[], None]) -> None:
        """Queue a turn."""
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            self._next_soon()

    def _next_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        try:
            self._waiting[0]()
        finally:
            self._waiting.popleft()
            if self._waiting:
                self._next_soon()


class SilentProtocol(ServerProtocol):
    """Protocol whose own close frames have a code and no reason, as API Gateway's have."""

    def fail(self, code: CloseCode | int, reason: str = "") -> None:
        """Fail the connection, without a reason."""
        super().fail(code)


# The state of a connection, and what changes it
#
# Closing: _closing is set once, by _start_closing, and never changes; _is_closed is set by
# connection_lost. _can_post turns False with _closing, or a little earlier, as soon as websockets
# has sent or received a close frame.
# Reading is paused by invocation_started (at max_in_flight invocations), by data_received (for long
# input) and by _work (after turn_s of work). Only _take_turn resumes it, once the backlog is
# processed and all reasons are gone; invocation_ended schedules this turn. Bytes that still arrive
# meanwhile go to _backlog. Writing is never paused: above the high-water mark, pause_writing aborts
# the connection.
# Two parsers read frames. text_at takes whole text messages, which websockets' parser never sees;
# all other frames go to websockets, in pieces (_take). length_at says where such a frame ends, and
# _owed counts its bytes still to give. Both must find the same end of each frame: otherwise payload
# would be read as a header. So text_at only runs between frames (_owed is 0), between messages
# (_fragments is None) and before closing; tests compare length_at with websockets. An invalid
# header "never ends": websockets fails the connection and discards the rest.
class WebSocketConnection(asyncio.Protocol):
    """An established WebSocket connection."""

    def __init__(
        self,
        facts: Facts,
        protocol: ServerProtocol,
        listener: Listener,
        settings: Settings,
        clock: Clock,
        turns: InputTurns,
    ) -> None:
        self.facts = facts
        self.last_received_ms = facts.connected_at_ms
        """Epoch milliseconds of the client's last message; before it, of the connect."""
        self._last_active_ms = facts.connected_at_ms
        self._protocol = protocol
        self._listener = listener
        self._settings = settings
        self._clock = clock
        self._turns = turns
        self._transport: asyncio.Transport
        self._fragments: bytearray | None = None
        """Payload received of a fragmented message; None between messages."""
        self._closing: Closing | None = None
        self._can_post = True
        """True until either side begins to close."""
        self._timers: list[Timer] = []
        self._abort_timer: asyncio.TimerHandle | None = None
        self._backlog = b""
        """Received bytes that wait for the rest of a frame header, or for the next turn."""
        self._owed = 0
        """Bytes of the current frame not yet given to websockets' parser."""
        is_in_one = settings.outbound_fragment_bytes is None
        self._max_plain = MAX_PLAIN_BYTES if is_in_one else -1
        """Largest message sent with a prebuilt frame header; -1 turns that off."""
        self._max_whole = min(settings.max_frame_bytes, settings.max_message_bytes)
        self._turn_is_due = False
        self._in_flight = 0
        self._max_in_flight = settings.max_in_flight
        self._is_closed = False

    # Methods for the gateway.

    @property
    def is_open(self) -> bool:
        """True until the connection starts to close."""
        return self._closing is None

    def post(self, text: str, now_ms: int) -> bool:
        """Send a text message; return whether the connection is still open afterwards."""
        if not self._can_post:
            return False
        # A lone surrogate, which JSON allows and UTF-8 does not, becomes a question mark.
        data = text.encode(errors="replace")
        self._last_active_ms = now_ms
        if len(data) <= self._max_plain:
            # Written directly: the protocol has no unsent frames, because _feed flushes them.
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
        """Cut the TCP connection without a close frame."""
        self._transport.abort()
        self._start_closing(Closing(1006, self._settings.abnormal_close_reason))

    def invocation_started(self) -> None:
        """Count a started invocation; pause reading once ``max_in_flight`` are running."""
        self._in_flight += 1
        if self._is_busy:
            self._transport.pause_reading()

    def invocation_ended(self) -> None:
        """Count an ended invocation; schedule reading again if it was paused for too many."""
        was_busy = self._is_busy
        self._in_flight -= 1
        if was_busy and not self._is_busy:
            self._take_turn_soon()

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a transport on which the 101 has been written."""
        # Not isinstance: uvloop's transports do not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._settings.max_unread_bytes)
        self._timers = [
            self._clock.call_later(self._settings.max_duration_s, self._go_away),
            self._clock.call_later(self._settings.idle_timeout_s, self._check_idle),
        ]

    def data_received(self, data: bytes) -> None:
        """Process bytes from the peer, or keep them for a later turn."""
        if self._backlog:
            data = self._backlog + data
        if self._turn_is_due or self._in_flight >= self._max_in_flight:
            self._backlog = data
        elif len(data) > SHORT_BYTES:
            self._backlog = data
            self._transport.pause_reading()
            self._take_turn_soon()
        else:
            self._work(data)

    def _take_turn_soon(self) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            self._turns.add(self._take_turn)

    def _take_turn(self) -> None:
        """Process the backlog; then resume reading if nothing else pauses it."""
        self._turn_is_due = False
        self._work(self._backlog)
        if not self._turn_is_due and not self._is_busy and not self._is_closed:
            self._transport.resume_reading()

    def _work(self, data: bytes) -> None:
        """Process frames until the data, the turn or the limit of invocations is used up.

        Most frames are whole text messages, which only need to be unmasked. websockets' parser
        handles all others, and everything that is invalid.
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
                # Not loop.time(), which stands still during a callback of uvloop.
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
        """Give websockets the next piece of a frame; return its size, 0: incomplete header."""
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
        """Let websockets parse bytes, then handle its frames and send its output."""
        self._protocol.receive_data(data)
        if self._protocol.state is not State.OPEN:
            self._can_post = False
        for frame in self._protocol.events_received():
            assert isinstance(frame, Frame)
            if self._closing is None:
                self._frame_received(frame)
        self._flush()
        if self._closing is None and self._protocol.close_sent is not None:
            # websockets failed the connection, for example with 1002 or 1009.
            self._start_closing(Closing(self._protocol.close_sent.code, ""))

    def eof_received(self) -> None:
        """Start closing; asyncio closes the transport once the write buffer is sent.

        The peer has ``close_timeout_s`` to read it.
        """
        self._protocol.receive_eof()
        self._start_closing(Closing(1006, self._settings.abnormal_close_reason))

    def pause_writing(self) -> None:
        """Abort: a peer that does not read must not fill the memory with unsent messages."""
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end of the TCP connection to the listener."""
        self._is_closed = True
        self._start_closing(Closing(1006, self._settings.abnormal_close_reason))
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        assert self._closing is not None
        self._listener.connection_closed(self, self._closing)

    # Frames.

    def _frame_received(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.CONT:
                self._fragment_received(frame)
            case Opcode.BINARY:
                self._fail(CloseCode.UNSUPPORTED_DATA)
            case Opcode.CLOSE:
                self._close_received()
            case Opcode.PING | Opcode.PONG:
                # websockets has answered the ping already.
                if self._settings.pings_reset_idle:
                    self._last_active_ms = self._clock.now_ms()

    def _fragment_received(self, frame: Frame) -> None:
        data = frame.data
        if self._fragments is not None or not frame.fin:
            if self._fragments is None:
                self._fragments = bytearray()
            # Not a list: a message may have a hundred thousand empty fragments.
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

    # Time limits.

    def _go_away(self) -> None:
        self.close(CloseCode.GOING_AWAY, "Going away")

    def _check_idle(self) -> None:
        """Close an idle connection, or check again when it would be idle for long enough."""
        idle_s = (self._clock.now_ms() - self._last_active_ms) / 1000
        left_s = self._settings.idle_timeout_s - idle_s
        if left_s <= 0:
            self._go_away()
        else:
            self._timers[1] = self._clock.call_later(left_s, self._check_idle)

    # Closing and writing.

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
                # Half-close, so that the peer still gets the close frame. close() with unread
                # input would reset the connection and lose the frame.
                self._transport.write_eof()
            else:
                self._transport.close()


class InflateOnly(PerMessageDeflate):
    """permessage-deflate that reads compressed messages and sends uncompressed ones.

    A server that accepted the extension may send uncompressed frames (RFC 7692, section 6).
    The inflated size is limited by ``max_message_bytes``, not by the limit of a frame.
    """

    def __init__(self, remote_no_context_takeover: bool, max_message_bytes: int) -> None:
        super().__init__(remote_no_context_takeover, True, 15, 15)
        self._max_message_bytes = max_message_bytes

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Inflate an incoming frame."""
        return super().decode(frame, max_size=self._max_message_bytes)

    def encode(self, frame: Frame) -> Frame:
        """Return an outgoing frame unchanged."""
        return frame
