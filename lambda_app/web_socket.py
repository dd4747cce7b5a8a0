"""A WebSocket client of the standard library, for the canary (RFC 6455).

Lambda's runtime has no WebSocket client, and the zip holds only our own code. This one blocks, and
does what a player needs: text frames in both directions, answers to pings, a clean close.
"""

import base64
import hashlib
import os
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from poker_signal.core.base_error import PokerSignalError

MAX_HEAD_BYTES: Final = 16_384
MAX_MESSAGE_BYTES: Final = 262_144
"""More than API Gateway posts: a longer frame is the work of another server."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUATION, _TEXT, _CLOSE, _PING, _PONG = 0, 1, 8, 9, 10
_FIN, _MASKED = 0x80, 0x80
_TWO_BYTES, _EIGHT_BYTES = 126, 127


class WebSocketError(PokerSignalError):
    """The server refused the handshake, closed the connection, or does not speak WebSocket."""


class WebSocket:
    """An open connection. Each call raises TimeoutError when the deadline has passed."""

    def __init__(self, connected: socket.socket, received: bytes, deadline_s: float) -> None:
        self._socket = connected
        self._received = received
        """Bytes of frames that came with the end of the handshake, or with an earlier frame."""
        self._deadline_s = deadline_s

    @classmethod
    def connect(cls, url: str, deadline_s: float, headers: Mapping[str, str]) -> Self:
        """Connect and shake hands.

        ``deadline_s`` is a time of ``time.monotonic()``, for this and all later calls.

        Raises:
            WebSocketError: the server refused, with the HTTP status in the message.
            OSError: no connection.
        """
        parts = urlsplit(url)
        is_tls = parts.scheme == "wss"
        address = (parts.hostname or "", parts.port or (443 if is_tls else 80))
        connected = socket.create_connection(address, timeout=_left_s(deadline_s))
        try:
            if is_tls:
                context = ssl.create_default_context()
                connected = context.wrap_socket(connected, server_hostname=parts.hostname)
            opened = cls(connected, b"", deadline_s)
            opened._shake_hands(parts, headers)
        except BaseException:
            connected.close()
            raise
        return opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, text: str) -> None:
        """Send a text frame."""
        self._send(_TEXT, text.encode())

    def receive(self) -> str:
        """Return the next text message.

        Raises:
            WebSocketError: the server closed the connection, with the code in the message.
        """
        message = b""
        while True:
            is_last, kind, payload = self._frame()
            if kind == _CLOSE:
                code = int.from_bytes(payload[:2]) if payload else None
                raise WebSocketError(f"closed with {code}")
            if kind == _PING:
                self._send(_PONG, payload)
            elif kind in (_TEXT, _CONTINUATION):
                message += payload
                if len(message) > MAX_MESSAGE_BYTES:
                    raise WebSocketError("a message is too long")
                if is_last:
                    return message.decode()
            elif kind != _PONG:
                raise WebSocketError(f"a frame has the kind {kind}, not text")

    def close(self) -> None:
        """Say goodbye and close; without an answer, if the server gives none at once."""
        try:
            self._send(_CLOSE, (1000).to_bytes(2))
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The server has closed the connection, or the deadline has passed.
        finally:
            self._socket.close()

    def _shake_hands(self, url: SplitResult, headers: Mapping[str, str]) -> None:
        key = base64.b64encode(os.urandom(16))
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = {
            "Host": url.netloc.rpartition("@")[2],
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key.decode(),
            "Sec-WebSocket-Version": "13",
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._send_bytes(f"GET {target} HTTP/1.1\r\n{head}\r\n".encode())
        status, answered = self._head()
        if status != "101":
            raise WebSocketError(f"refused with {status}")
        accepted = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        if answered.get("sec-websocket-accept") != accepted:
            raise WebSocketError("the server does not speak WebSocket")

    def _head(self) -> tuple[str, dict[str, str]]:
        """Return status and header fields of the answer to the handshake."""
        while b"\r\n\r\n" not in self._received:
            if len(self._received) > MAX_HEAD_BYTES:
                raise WebSocketError("the answer to the handshake has no end")
            self._read()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        status = first.split(" ")[1] if first.startswith("HTTP/1.1 ") else first[:40]
        fields = (line.partition(":") for line in rest)
        return status, {name.strip().lower(): value.strip() for name, _, value in fields}

    def _frame(self) -> tuple[bool, int, bytes]:
        """Return whether a frame ends its message, its kind and its payload."""
        first, second = self._take(2)
        if second & _MASKED:
            raise WebSocketError("a frame of the server is masked")
        length = second
        if length == _TWO_BYTES:
            length = int.from_bytes(self._take(2))
        elif length == _EIGHT_BYTES:
            length = int.from_bytes(self._take(8))
        if length > MAX_MESSAGE_BYTES:
            raise WebSocketError("a frame is too long")
        return bool(first & _FIN), first & 0x0F, self._take(length)

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            self._read()
        taken, self._received = self._received[:count], self._received[count:]
        return taken

    def _read(self) -> None:
        self._socket.settimeout(_left_s(self._deadline_s))
        received = self._socket.recv(65_536)
        if not received:
            raise WebSocketError("closed without a code")
        self._received += received

    def _send(self, kind: int, payload: bytes) -> None:
        length = len(payload)
        if length < _TWO_BYTES:
            head = bytes([_FIN | kind, _MASKED | length])
        else:
            head = bytes([_FIN | kind, _MASKED | _EIGHT_BYTES]) + length.to_bytes(8)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self._send_bytes(head + mask + masked)

    def _send_bytes(self, data: bytes) -> None:
        self._socket.settimeout(_left_s(self._deadline_s))
        self._socket.sendall(data)


def _left_s(deadline_s: float) -> float:
    """Return the seconds until a deadline.

    Raises:
        TimeoutError: it has passed.
    """
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s
