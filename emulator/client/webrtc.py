"""A host or a player with a real WebRTC stack, aiortc, as the peer in a WebRTC handshake.

It needs the extra ``rtc``. It trickles its candidates, as browsers and the app in the field do.
Like the app it discards candidates that come before the offer.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Literal, NamedTuple

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceCandidate,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidAccessError, InvalidStateError
from aiortc.rtcicetransport import parse_stun_turn_uri
from aiortc.sdp import SessionDescription, candidate_from_sdp, candidate_to_sdp

from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.model import HOST
from poker_signal.emulator.client.connection import Client, Ended, Frame

CLIENT = "poker-signal-bot/1"

LABEL = "table"
"""Label of the data channel that HOST opens."""

SAME_JOIN_S = 2.0
"""Seconds for which a further join is not answered while an offer waits for its answer."""

LEAVE_S = 1.0
"""Seconds that a peer that leaves spends on reports and on closing lost connections."""

_OWN = frozenset(
    {"pong", "ack", "welcome", "go-away", "player-joined", "player-left", "host-away", "host-back"}
)
"""Types of the server's frames that belong to no handshake."""

# Lost connections
#
# A channel that closes, or a connection that fails, is forgotten. HOST then waits for a join, as a
# table does. A player joins again
# - when its connection has failed, or the server has given a watched join up (NO_ANSWER);
# - when another HOST has come since its last join (host-back). While a join or a connection is
#   under way it only notes that one has come: the server delivers the join to the new HOST, and a
#   connection to a HOST that is gone closes or fails.
# A HOST that closes the channel itself does not come back, so it is not asked again.

_HELLO = "hello"
"""Type and id of the first message."""

_MALFORMED = (ValueError, KeyError, TypeError, InvalidStateError, InvalidAccessError)
"""Exceptions that aiortc and this module raise for malformed descriptions and candidates."""


class BadIceServer(PokerSignalError, ValueError):
    """The URL is not that of a STUN or TURN server; the text shows the format."""


def check_ice_server(url: str) -> None:
    """Check a URL now; aiortc would check it at the first handshake.

    Raises:
        BadIceServer: the URL is malformed.
    """
    try:
        server = parse_stun_turn_uri(url)
    except ValueError:
        server = {"host": "", "port": 0}
    # aiortc parses stun://HOST as a host with the name //HOST.
    if not 0 < server["port"] < 65536 or "/" in server["host"]:
        raise BadIceServer(f"{url}: an ICE server is stun:HOST:PORT or turn:HOST:PORT")


class Happened(NamedTuple):
    """An event of a WebRTC handshake or of a data channel."""

    kind: Literal["open", "message", "closed", "left", "problem"]
    other: str
    """The other player; empty if the event is about no player."""
    text: str


class Channel:
    """An open data channel, and the messages that came through it, in order."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self._received: asyncio.Queue[str] = asyncio.Queue()
        channel.on("message", self._received.put_nowait)

    def send(self, text: str) -> None:
        """Send a message."""
        self._channel.send(text)

    async def receive(self) -> str:
        """Wait for the next message; return it."""
        return await self._received.get()


class Peer:
    """A host or player: a signaling client, and an RTCPeerConnection for each other peer."""

    def __init__(
        self,
        client: Client,
        tell: Callable[[Happened], None],
        ice_servers: Sequence[str] = (),
    ) -> None:
        self._client = client
        self._tell = tell
        self._configuration = RTCConfiguration([RTCIceServer(url) for url in ice_servers])
        self._is_greeted = False
        self._is_leaving = False
        self._is_joining = False
        """True from a player's join to HOST's offer, or to an error."""
        self._has_host_come = False
        """True: another HOST has come since the player's last join."""
        self._tasks: set[asyncio.Future[None]] = set()
        self._begun_s: dict[str, float] = {}
        self._connections: dict[str, RTCPeerConnection] = {}
        self._channels: defaultdict[str, asyncio.Future[Channel]] = defaultdict(asyncio.Future)

    async def hello(self) -> None:
        """Ask for a welcome: its ICE servers are used, unless others were given.

        Once it has come, the server hears of open channels. An older server has none.
        """
        await self._client.send(_HELLO, payload={"client": CLIENT}, id_=_HELLO)

    async def join(self) -> None:
        """Send a join to HOST, which then offers a data channel."""
        self._is_joining, self._has_host_come = True, False
        await self._client.send("join", HOST, {"playerName": self._client.player})

    async def channel(self, other: str) -> Channel:
        """Return the data channel to another peer once it is open."""
        return await self._channels[other]

    def say(self, other: str, text: str) -> None:
        """Send a message to a peer whose data channel is open."""
        self._channels[other].result().send(text)

    async def read(self) -> None:
        """Take part in handshakes until the signaling connection ends."""
        async for frame in self._client.frames():
            try:
                await self._receive(frame)
            except Ended:
                return
            except _MALFORMED as error:
                what = f"{frame.type} cannot be used: {error!r}"
                self._tell(Happened("problem", frame.sender or "", what))

    async def close(self) -> None:
        """Close all connections to peers."""
        self._is_leaving = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=LEAVE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for connection in self._connections.values():
            await connection.close()

    async def _receive(self, frame: Frame) -> None:
        sender = frame.sender
        if sender is None:
            await self._hear_server(frame)
            return
        match frame.type:
            case "join":
                if not self._awaits_answer(sender):
                    await self._offer(sender)
            case "offer":
                await self._answer(sender, frame.payload)
            case "answer":
                await self._connections[sender].setRemoteDescription(_description(frame.payload))
            case "ice-candidate":
                await self._add_candidate(sender, frame.payload)

    async def _hear_server(self, frame: Frame) -> None:
        payload = frame.payload if isinstance(frame.payload, dict) else {}
        match frame.type:
            case "welcome":
                self._welcomed(payload)
            case "player-left" | "host-away":
                await self._left(str(payload.get("playerId")), str(payload.get("reason")))
            case "host-back":
                self._has_host_come = True
                await self._join_new_host()
            case "error" if frame.body.get("id") == _HELLO:
                """An older server."""
            case kind if kind not in _OWN:
                self._tell(Happened("problem", "", frame.text))
        if frame.code in {"HOST_NOT_FOUND", "NO_ANSWER"}:
            self._is_joining = False
            if frame.code == "NO_ANSWER":
                await self.join()
            await self._join_new_host()

    async def _left(self, other: str, reason: str) -> None:
        # In a mesh it hears of all players, those included with whom it has no connection.
        if other not in self._begun_s:
            return
        # An open channel outlives signaling: it tells itself when it ends.
        if other in self._connections and not self._is_open(other):
            await self._forget(other)
        if other not in self._connections:
            del self._begun_s[other]
        self._tell(Happened("left", other, reason))

    async def _join_new_host(self) -> None:
        if self._has_host_come and not self._is_joining and HOST not in self._connections:
            await self.join()

    def _awaits_answer(self, player: str) -> bool:
        """Return whether an offer went out a moment ago; the server may deliver a join twice."""
        connection = self._connections.get(player)
        if connection is None or connection.signalingState != "have-local-offer":
            return False
        return time.monotonic() - self._begun_s[player] < SAME_JOIN_S

    def _is_open(self, other: str) -> bool:
        return other in self._channels and self._channels[other].done()

    async def _forget(self, other: str) -> None:
        connection = self._connections.pop(other)
        if self._is_open(other):
            del self._channels[other]
        await connection.close()

    async def _offer(self, player: str) -> None:
        connection = await self._connect(player)
        channel = connection.createDataChannel(LABEL)
        channel.on("open", lambda: self._opened(player, connection, channel))
        await self._describe(player, await connection.createOffer())

    async def _answer(self, host: str, offer: Any) -> None:
        description = _description(offer)
        connection = await self._connect(host)
        connection.on("datachannel", lambda channel: self._opened(host, connection, channel))
        await connection.setRemoteDescription(description)
        await self._describe(host, await connection.createAnswer())

    async def _connect(self, other: str) -> RTCPeerConnection:
        if other in self._connections:
            # A player that joins again gets a new connection.
            await self._forget(other)
        if other == HOST:
            self._is_joining = False
        connection = RTCPeerConnection(self._configuration)
        self._connections[other] = connection
        self._begun_s[other] = time.monotonic()
        connection.on("connectionstatechange", lambda: self._changed(other, connection))
        return connection

    def _changed(self, other: str, connection: RTCPeerConnection) -> None:
        if connection.connectionState == "failed":
            self._do(self._lost(other, connection, has_failed=True))

    async def _lost(
        self, other: str, connection: RTCPeerConnection, *, has_failed: bool = False
    ) -> None:
        """Forget a connection that has ended; a player may join again."""
        if self._connections.get(other) is not connection:
            return
        if has_failed:
            self._tell(Happened("problem", other, "the connection has failed"))
            await self._report(other, {"state": "failed"})
        await self._forget(other)
        if has_failed and other == HOST:
            await self.join()
        await self._join_new_host()

    def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that must not hold up aiortc, which has called."""
        if self._is_leaving:
            coroutine.close()
            return

        async def do() -> None:
            with suppress(Ended):
                await coroutine

        task = asyncio.ensure_future(do())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _welcomed(self, payload: dict[str, Any]) -> None:
        self._is_greeted = True
        servers = payload.get("iceServers")
        if servers and not self._configuration.iceServers:
            known = ("urls", "username", "credential")
            self._configuration = RTCConfiguration(
                [
                    RTCIceServer(**{key: each[key] for key in known if key in each})
                    for each in servers
                ]
            )

    async def _report(self, other: str, payload: dict[str, Any]) -> None:
        if self._is_greeted:
            await self._client.send("report", other, payload)

    def _opened(self, other: str, connection: RTCPeerConnection, channel: RTCDataChannel) -> None:
        if self._connections.get(other) is not connection:
            return

        def tell(text: str | bytes) -> None:
            self._tell(Happened("message", other, text if isinstance(text, str) else repr(text)))

        # Another table may open several on one connection: the first one counts.
        is_first = not self._is_open(other)
        if is_first:
            self._channels[other].set_result(Channel(channel))
            ms = round((time.monotonic() - self._begun_s[other]) * 1000)
            self._do(self._report(other, {"state": "connected", "ms": ms}))

        def close() -> None:
            self._tell(Happened("closed", other, channel.label))
            if is_first:
                self._do(self._lost(other, connection))

        channel.on("message", tell)
        channel.on("close", close)
        self._tell(Happened("open", other, channel.label))

    async def _describe(self, other: str, description: RTCSessionDescription) -> None:
        """Send a description without candidates, then each candidate in its own message."""
        connection = self._connections[other]
        await connection.setLocalDescription(description)
        await self._client.send(
            description.type, other, {"type": description.type, "sdp": description.sdp}
        )
        gathered = SessionDescription.parse(connection.localDescription.sdp)
        for index, media in enumerate(gathered.media):
            for candidate in media.ice_candidates:
                await self._client.send(
                    "ice-candidate",
                    other,
                    {
                        "candidate": f"candidate:{candidate_to_sdp(candidate)}",
                        "sdpMid": media.rtp.muxId,
                        "sdpMLineIndex": index,
                    },
                )

    async def _add_candidate(self, sender: str, payload: Any) -> None:
        connection = self._connections.get(sender)
        if connection is None or connection.remoteDescription is None:
            self._tell(Happened("problem", sender, "a candidate came before its description"))
            return
        # Browsers send null or an empty candidate at the end.
        if payload and payload["candidate"]:
            await connection.addIceCandidate(_candidate(payload))


@asynccontextmanager
async def taking_part(peer: Peer) -> AsyncGenerator[None, None]:
    """Let a peer take part in handshakes during the block; close its connections at the end.

    An exception in a callback of the peer ends the block.
    """
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(peer.read())
        try:
            yield
        finally:
            reading.cancel()
            await peer.close()


def _description(payload: Any) -> RTCSessionDescription:
    with _parsing_sdp():
        SessionDescription.parse(payload["sdp"])
    return RTCSessionDescription(sdp=payload["sdp"], type=payload["type"])


def _candidate(payload: Any) -> RTCIceCandidate:
    with _parsing_sdp():
        candidate = candidate_from_sdp(payload["candidate"].removeprefix("candidate:"))
    candidate.sdpMid = payload.get("sdpMid")
    candidate.sdpMLineIndex = payload.get("sdpMLineIndex")
    return candidate


@contextmanager
def _parsing_sdp() -> Generator[None, None, None]:
    """Raise ValueError for malformed SDP, for which aiortc's parser raises other exceptions."""
    try:
        yield
    except (AssertionError, IndexError, AttributeError) as error:
        raise ValueError("this is not SDP") from error
