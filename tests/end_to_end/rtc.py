"""A host or a player with a real WebRTC stack, aiortc, that talks to any signaling server."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.sdp import SessionDescription, candidate_from_sdp, candidate_to_sdp
from websockets.asyncio.client import ClientConnection, connect

HOST = "HOST"

PATIENCE_S = 30
"""How long a whole test may wait on a busy machine; a handshake takes a fraction of a second."""


class Channel:
    """An open data channel, and what came through it in order."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self._received: asyncio.Queue[str] = asyncio.Queue()
        channel.on("message", self._received.put_nowait)

    def send(self, text: str) -> None:
        """Send a message."""
        self._channel.send(text)

    async def receive(self) -> str:
        """Return the next message."""
        return await self._received.get()


class Peer:
    """One seat at a table: a socket to the signaling server, a connection to each other peer."""

    def __init__(self, name: str, socket: ClientConnection) -> None:
        self._name = name
        self._socket = socket
        self._connections: dict[str, RTCPeerConnection] = {}
        self._channels: defaultdict[str, asyncio.Future[Channel]] = defaultdict(asyncio.Future)

    async def join(self) -> None:
        """Ask the host for a data channel."""
        await self._send("join", HOST, {"playerName": self._name})

    async def channel(self, other: str) -> Channel:
        """Return the data channel to another peer once it is open."""
        return await self._channels[other]

    async def read(self) -> None:
        """Take part in handshakes until the socket closes."""
        async for text in self._socket:
            frame = json.loads(text)
            await self._receive(frame["type"], frame.get("senderId"), frame["payload"])

    async def close(self) -> None:
        """Close all connections, signaling last."""
        for connection in self._connections.values():
            await connection.close()
        await self._socket.close()

    async def _receive(self, type_: str, sender: str, payload: Any) -> None:
        match type_:
            case "join":
                await self._offer(sender)
            case "offer":
                await self._answer(sender, payload)
            case "answer":
                await self._connections[sender].setRemoteDescription(_description(payload))
            case "ice-candidate":
                await self._add_candidate(self._connections[sender], payload)
            case _:
                raise AssertionError(f"{self._name} was sent {type_}: {payload}")

    async def _offer(self, player: str) -> None:
        connection = self._connect(player)
        channel = connection.createDataChannel("table")
        channel.on("open", lambda: self._channels[player].set_result(Channel(channel)))
        await self._describe(player, await connection.createOffer())

    async def _answer(self, host: str, offer: Any) -> None:
        connection = self._connect(host)
        connection.on(
            "datachannel", lambda channel: self._channels[host].set_result(Channel(channel))
        )
        await connection.setRemoteDescription(_description(offer))
        await self._describe(host, await connection.createAnswer())

    def _connect(self, other: str) -> RTCPeerConnection:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connections[other] = connection
        return connection

    async def _describe(self, other: str, description: RTCSessionDescription) -> None:
        """Send a description as it is before gathering, then each candidate by itself."""
        assert "a=candidate" not in description.sdp, "nothing would depend on trickled candidates"
        connection = self._connections[other]
        await connection.setLocalDescription(description)
        await self._send(
            description.type, other, {"type": description.type, "sdp": description.sdp}
        )
        gathered = SessionDescription.parse(connection.localDescription.sdp)
        for index, media in enumerate(gathered.media):
            for candidate in media.ice_candidates:
                await self._send(
                    "ice-candidate",
                    other,
                    {
                        "candidate": f"candidate:{candidate_to_sdp(candidate)}",
                        "sdpMid": media.rtp.muxId,
                        "sdpMLineIndex": index,
                    },
                )

    async def _add_candidate(self, connection: RTCPeerConnection, payload: Any) -> None:
        assert connection.remoteDescription is not None, "a candidate overtook its description"
        candidate = candidate_from_sdp(payload["candidate"].removeprefix("candidate:"))
        candidate.sdpMid = payload["sdpMid"]
        candidate.sdpMLineIndex = payload["sdpMLineIndex"]
        await connection.addIceCandidate(candidate)

    async def _send(self, type_: str, target: str, payload: Any) -> None:
        message = {"type": type_, "targetId": target, "payload": payload}
        await self._socket.send(json.dumps(message))


@asynccontextmanager
async def seat(url: str, game: str, name: str) -> AsyncGenerator[Peer, None]:
    """Connect to the signaling server; what goes wrong in a handshake ends the block."""
    query = urlencode({"playerId": name, "gameId": game})
    async with asyncio.TaskGroup() as tasks, connect(f"{url}?{query}") as socket:
        peer = Peer(name, socket)
        tasks.create_task(peer.read())
        try:
            yield peer
        finally:
            await peer.close()


def _description(payload: Any) -> RTCSessionDescription:
    return RTCSessionDescription(sdp=payload["sdp"], type=payload["type"])
