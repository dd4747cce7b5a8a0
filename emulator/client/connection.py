"""A signaling client: it sends one player's messages and keeps the frames that arrive.

It connects as the app in the field does. Frames are kept until the caller asks for them, so
that a script may expect them in another order than they arrive.
"""

import asyncio
import json
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.typing import Origin

from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.configuration import MAX_FRAME_BYTES
from poker_signal.emulator.protocols.websocket_connection import MAX_REASON_BYTES, may_close_with

MAX_REMEMBERED = 1000
"""Frames that a client keeps until they are expected; beyond this the oldest are dropped."""

MAX_CHARACTERS = 4 * 1024 * 1024
"""Characters of these frames. Parsed, a hostile one takes 25 bytes for each."""

MAX_CLOSING_S = 1
"""Seconds that a server may take to answer a close frame; then the TCP connection is dropped."""

PING_EVERY_S = 240
"""Seconds between two pings of ``keep_alive``."""

ABSENT: Final[Any] = object()
"""Value of a member that is left out of a message; ``None`` is sent as ``null``."""

_UNESCAPED = "!~*'()"
"""Characters that encodeURIComponent does not escape, besides letters, digits, ``_.-``."""


class BadUrl(PokerSignalError, ValueError):
    """The URL is not that of a signaling server; the text says why."""


class Ended(PokerSignalError):
    """The connection has ended, so that nothing can be sent."""


class Frame(NamedTuple):
    """One text frame from the server."""

    number: int
    """Frames that this client got before it."""
    at_s: float
    """Seconds since the client began to connect."""
    text: str
    """The frame as it arrived."""
    body: Any
    """``text`` parsed as JSON; ``None`` if it is not JSON."""

    @property
    def type(self) -> str | None:
        """The wire protocol's ``type``; None if absent or not a string."""
        return self._member("type")

    @property
    def sender(self) -> str | None:
        """Name of the player that sent it; None for the server's own frames."""
        return self._member("senderId")

    @property
    def payload(self) -> Any:
        """The wire protocol's ``payload``, or ``None``."""
        return self.body.get("payload") if isinstance(self.body, dict) else None

    @property
    def code(self) -> str | None:
        """The code of an ``error`` or ``undelivered``; None for other frames."""
        return self.payload.get("code") if isinstance(self.payload, dict) else None

    def _member(self, name: str) -> str | None:
        value = self.body.get(name) if isinstance(self.body, dict) else None
        return value if isinstance(value, str) else None


class NotHeard(PokerSignalError):
    """An expected frame did not come; ``heard`` holds the frames that no call has claimed."""

    def __init__(self, awaited: str, within_s: float, heard: list[Frame], closed: str) -> None:
        super().__init__(awaited, within_s, heard, closed)
        self.awaited = awaited
        self.within_s = within_s
        self.heard = heard
        self.closed = closed

    @property
    def came(self) -> str:
        """Frames that came instead, as text for a message."""
        frames = [
            frame.text if len(frame.text) < 200 else f"{frame.text[:197]}…" for frame in self.heard
        ]
        came = ", ".join(frames) or "nothing"
        return f"{came}; then {self.closed}" if self.closed else came

    def __str__(self) -> str:
        return f"awaited {self.awaited} within {self.within_s:g} s; heard {self.came}"


def check_close(code: int, reason: str) -> None:
    """Check that a close frame can carry this code and reason.

    Raises:
        ValueError: no such code can be sent, or the reason is too long.
    """
    if not may_close_with(code):
        raise ValueError(f"{code} cannot be sent; 1000, 1001 and 3000 to 4999 can")
    if len(reason.encode()) > MAX_REASON_BYTES:
        raise ValueError(f"a reason has at most {MAX_REASON_BYTES} bytes")


def checked_url(url: str) -> str:
    """Return a server's URL without a slash at its end, so that a query string can be appended.

    Raises:
        BadUrl: another scheme, no valid host, or a query string or fragment.
    """
    try:
        parts = urlsplit(url)
        # As the resolver does: it rejects labels that are empty or too long.
        has_host = bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError as error:
        raise BadUrl(f"its host or port is not valid: {error}") from error
    if parts.scheme in {"http", "https"}:
        scheme = {"http": "ws", "https": "wss"}[parts.scheme]
        raise BadUrl(f"a WebSocket URL starts with {scheme}:// in place of {parts.scheme}://")
    if parts.scheme not in {"ws", "wss"} or not url.lower().startswith(f"{parts.scheme}://"):
        raise BadUrl("a WebSocket URL starts with wss:// (deployment) or ws:// (emulator)")
    if not has_host or any(char.isspace() for char in url):
        raise BadUrl("a WebSocket URL is wss://HOST/STAGE")
    if "?" in url or "#" in url:
        raise BadUrl("leave out the query string: the client adds playerId and gameId")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def query_of(**parameters: str | None) -> str:
    """Return a query string, encoded as by encodeURIComponent; ``None`` values are left out."""
    present = {name: value for name, value in parameters.items() if value is not None}
    members = [f"{name}={quote(value, safe=_UNESCAPED)}" for name, value in present.items()]
    return f"?{'&'.join(members)}" if members else ""


def connect_to(
    url: str,
    query: str,
    timeout_s: float = 10,
    authority: Path | None = None,
    origin: str | None = None,
) -> connect:
    """Return a WebSocket connection with any query string, to be awaited or entered.

    ``authority``: certificate (PEM) to trust, instead of the system's. ``origin``: the origin of a
    page, which a browser would send.
    """
    tls: dict[str, Any] = {}
    if authority is not None:
        tls["ssl"] = ssl.create_default_context(cafile=str(authority))
    return connect(
        url + query,
        origin=None if origin is None else Origin(origin),
        # The app's stack does not offer compression, and API Gateway does not accept it.
        compression=None,
        max_size=MAX_FRAME_BYTES,
        open_timeout=timeout_s,
        close_timeout=min(timeout_s, MAX_CLOSING_S),
        # The app sends no ping frames.
        ping_interval=None,
        **tls,
    )


def date_in(response: Response) -> str | None:
    """Return the header Date of an answer to a handshake; None: there is none."""
    return next(iter(response.headers.get_all("Date")), None)


class Client:
    """One player's connection; made by ``signal_client``."""

    def __init__(self, socket: ClientConnection, player: str, started_s: float) -> None:
        self.player = player
        self.handshake_s = time.perf_counter() - started_s
        """Seconds from the DNS lookup to the 101 response."""
        self.on_frame: Callable[[Frame], None] = lambda _: None
        """Called with every frame when it arrives, also if an ``expect`` waits for it."""
        self._socket = socket
        self._started_s = started_s
        self._pending: deque[Frame] = deque()
        self._characters = 0
        """Characters of the frames in ``_pending``."""
        self._is_leaving = False
        self._count = 0
        self._closed_by_us = False
        self._ended = False
        self._news = asyncio.Event()

    @property
    def close_code(self) -> int | None:
        """Close code; 1006: ended without a closing handshake; None: still open."""
        return self._socket.close_code if self._ended else None

    @property
    def close_reason(self) -> str:
        """Reason in the close frame; empty if there is none."""
        return self._socket.close_reason or ""

    @property
    def closed_by_us(self) -> bool:
        """True if this client closed or aborted the connection."""
        return self._closed_by_us

    @property
    def date(self) -> str | None:
        """The server's clock in its answer to the handshake; None: it sent no header Date."""
        response = self._socket.response
        return date_in(response) if response is not None else None

    @property
    def certificate(self) -> dict[str, Any] | None:
        """The server's certificate, as ``ssl.SSLSocket.getpeercert`` returns it; None: no TLS."""
        tls = self._socket.transport.get_extra_info("ssl_object")
        return None if tls is None else tls.getpeercert()

    async def send(
        self, type_: str, target: str | None = None, payload: Any = ABSENT, id_: Any = ABSENT
    ) -> None:
        """Send a message of the wire protocol; raise ``Ended`` if the connection has ended."""
        members = {"type": type_, "targetId": target or ABSENT, "payload": payload, "id": id_}
        present = {name: value for name, value in members.items() if value is not ABSENT}
        await self.send_text(json.dumps(present))

    async def send_text(self, text: str) -> None:
        """Send any text as a text frame.

        Raises:
            Ended: the connection has ended.
        """
        try:
            await self._socket.send(text)
        except ConnectionClosed as error:
            raise Ended(f"the connection has ended: {error}") from error

    async def expect(
        self, type: str | None = None, sender: str | None = None, within: float = 10
    ) -> Frame:
        """Return the next frame of this type and sender; ``None`` matches any.

        Other frames are kept for a later ``expect``.

        Raises:
            NotHeard: none came ``within`` seconds, or the connection ended.
        """

        def fits(frame: Frame) -> bool:
            return type in {None, frame.type} and sender in {None, frame.sender}

        return await self.expect_where(fits, _in_words(type, sender), within)

    async def expect_where(
        self, fits: Callable[[Frame], bool], awaited: str, within: float = 10
    ) -> Frame:
        """Return the next frame that fits; ``awaited`` names it in an error.

        Raises:
            NotHeard: none came ``within`` seconds, or the connection ended.
        """
        try:
            async with asyncio.timeout(within):
                while (frame := self._claim(fits)) is None:
                    await self._wait_for_news()
        except (TimeoutError, EOFError):
            raise self._not_heard(awaited, within) from None
        return frame

    async def expect_close(self, within: float | None = 10) -> int:
        """Wait for the end of the connection; return its close code. ``within`` None: no limit.

        Raises:
            NotHeard: it did not end ``within`` seconds.
        """
        try:
            async with asyncio.timeout(within):
                while not self._ended:
                    await self._wait_for_news()
        except TimeoutError:
            raise self._not_heard("the end of the connection", within or 0) from None
        return self._socket.close_code or 1006

    async def ping_by_control_frame(self) -> None:
        """Send a ping frame of the WebSocket protocol, which is no message.

        Raises:
            Ended: the connection has ended.
        """
        try:
            await self._socket.ping()
        except ConnectionClosed as error:
            raise Ended(f"the connection has ended: {error}") from error

    async def keep_alive(self, every_s: float = PING_EVERY_S) -> None:
        """Send pings until cancelled: API Gateway closes a connection after ten silent minutes."""
        while True:
            await asyncio.sleep(every_s)
            await self.send("ping")

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Yield frames until the connection ends."""
        while True:
            while (frame := self._claim(lambda _: True)) is not None:
                yield frame
            if self._ended:
                return
            await self._wait_for_news()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection with a close frame.

        Raises:
            ValueError: no such code can be sent, or the reason is too long.
        """
        check_close(code, reason)
        self._closed_by_us = self._closed_by_us or not self._ended
        await self._socket.close(code, reason)

    def abort(self) -> None:
        """Drop the TCP connection without a close frame, as a lost network does."""
        self._closed_by_us = True
        self._socket.transport.abort()

    async def read(self) -> None:
        """Receive frames until the connection ends."""
        try:
            while True:
                data = await self._socket.recv()
                # Frames may be there faster than they are handled: timers and signals come first.
                await asyncio.sleep(0)
                if self._is_leaving:
                    continue
                at_s = time.perf_counter() - self._started_s
                text = data if isinstance(data, str) else data.decode(errors="replace")
                frame = Frame(self._count, at_s, text, _read(text))
                self._remember(frame)
                self._count += 1
                self.on_frame(frame)
                self._tell()
        except ConnectionClosed:
            self._ended = True
            self._tell()

    def leave(self) -> None:
        """Discard further frames: the connection is about to be closed."""
        self._is_leaving = True

    def _remember(self, frame: Frame) -> None:
        self._pending.append(frame)
        self._characters += len(frame.text)
        while len(self._pending) > MAX_REMEMBERED or self._characters > MAX_CHARACTERS:
            self._characters -= len(self._pending.popleft().text)

    def _tell(self) -> None:
        # Waiting calls hold the old event, so that any number of them wake up.
        self._news.set()
        self._news = asyncio.Event()

    async def _wait_for_news(self) -> None:
        if self._ended:
            raise EOFError
        await self._news.wait()

    def _claim(self, fits: Callable[[Frame], bool]) -> Frame | None:
        for frame in self._pending:
            if fits(frame):
                self._pending.remove(frame)
                self._characters -= len(frame.text)
                return frame
        return None

    def _not_heard(self, awaited: str, within_s: float) -> NotHeard:
        closed = ""
        if self._ended:
            closed = f"the connection ended with {self.close_code} {self.close_reason}".rstrip()
        return NotHeard(awaited, within_s, list(self._pending), closed)


Tickets = Callable[[str, str], str]
"""Returns a join ticket for a game id and a player's name."""


@asynccontextmanager
async def signal_client(
    url: str,
    player: str,
    game: str,
    session: str | None = None,
    timeout_s: float = 10,
    ticket: str | None = None,
    wants: str | None = None,
    authority: Path | None = None,
    origin: str | None = None,
) -> AsyncGenerator[Client, None]:
    """Connect a player; close the connection at the end, if it is still open.

    ``wants``: frames to get unasked, such as ``presence,go-away``. ``authority``: certificate to
    trust. ``origin``: the origin of a page.

    Raises:
        InvalidStatus: the server refused the handshake.
        OSError, TimeoutError, InvalidHandshake: not reached; see ``explain.explain``.
    """
    query = query_of(playerId=player, gameId=game, session=session, ticket=ticket, wants=wants)
    started_s = time.perf_counter()
    async with connect_to(url, query, timeout_s, authority, origin) as socket:
        client = Client(socket, player, started_s)
        reading = asyncio.ensure_future(client.read())
        try:
            yield client
        finally:
            client.leave()
            await client.close()
            await reading


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _in_words(type_: str | None, sender: str | None) -> str:
    kind = "a frame" if type_ is None else f"“{type_}”"
    return kind if sender is None else f"{kind} from “{sender}”"
