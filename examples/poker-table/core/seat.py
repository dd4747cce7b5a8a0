"""A seat at the table: WebSocket signaling that opens data channels to other seats."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

HOST = "HOST"


class Seat:
    """One device at the table, as host or player."""

    def __init__(self, socket: ClientConnection, name: str) -> None:
        self.messages: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        """Messages received over data channels: sender's name and text."""
        self.problem: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Reason why this seat lost the table, as a sentence for the player."""
        self._socket = socket
        self._name = name
        self._peers: dict[str, RTCPeerConnection] = {}
        self._channels: dict[str, asyncio.Future[RTCDataChannel]] = {}

    async def join(self) -> None:
        """Ask the host for a data channel."""
        await self._signal("join", HOST, {"playerName": self._name})

    async def say(self, other: str, text: str) -> None:
        """Send a message over the data channel to another seat. Waits until it is open."""
        (await self._channel(other)).send(text)

    async def listen(self) -> None:
        """Answer signaling messages until the server closes the connection."""
        try:
            while True:
                await self._receive(json.loads(await self._socket.recv()))
        except ConnectionClosed:
            self._lost(f"The server has gone ({self._socket.close_code}).")

    async def close(self) -> None:
        """Close all peer connections."""
        for peer in self._peers.values():
            await peer.close()

    async def _receive(self, frame: dict[str, Any]) -> None:
        sender = frame.get("senderId", "")
        match frame["type"]:
            case "join":
                peer = self._peers[sender] = RTCPeerConnection()
                channel = peer.createDataChannel("table")
                channel.on("open", lambda: self._opened(sender, channel))
                await self._describe(sender, await peer.createOffer())
            case "offer":
                peer = self._peers[sender] = RTCPeerConnection()
                peer.on("datachannel", lambda channel: self._opened(sender, channel))
                await peer.setRemoteDescription(RTCSessionDescription(**frame["payload"]))
                await self._describe(sender, await peer.createAnswer())
            case "answer":
                description = RTCSessionDescription(**frame["payload"])
                await self._peers[sender].setRemoteDescription(description)
            case "error":
                self._lost(frame["payload"]["message"])

    async def _describe(self, other: str, description: RTCSessionDescription) -> None:
        peer = self._peers[other]
        await peer.setLocalDescription(description)
        # aiortc has gathered all candidates by now; the description contains them.
        ready = peer.localDescription
        await self._signal(ready.type, other, {"type": ready.type, "sdp": ready.sdp})

    async def _signal(self, type_: str, target: str, payload: object) -> None:
        message = {"type": type_, "targetId": target, "payload": payload}
        await self._socket.send(json.dumps(message))

    def _channel(self, other: str) -> asyncio.Future[RTCDataChannel]:
        return self._channels.setdefault(other, asyncio.get_running_loop().create_future())

    def _opened(self, other: str, channel: RTCDataChannel) -> None:
        channel.on("message", lambda text: self.messages.put_nowait((other, text)))
        self._channel(other).set_result(channel)

    def _lost(self, why: str) -> None:
        if not self.problem.done():
            self.problem.set_result(why)


@asynccontextmanager
async def take_seat(url: str, game: str, name: str) -> AsyncGenerator[Seat, None]:
    """Connect to a game; yield the seat, and close it at the end."""
    query = f"?playerId={quote(name, safe='')}&gameId={quote(game, safe='')}"
    async with connect(url + query, compression=None) as socket:
        seat = Seat(socket, name)
        listening = asyncio.ensure_future(seat.listen())
        try:
            yield seat
        finally:
            await seat.close()
            listening.cancel()
