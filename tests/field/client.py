"""The client in the field: the messages that it sends, expects, and cannot handle.

Written from its description in the design. It cannot be changed any more, so its behaviour is
a rule for us. It joins once, a second after it began to connect, and never if the socket is
not open by then. A player that gets an offer starts again and discards the candidates that
came before. The host ignores another join of a player while it handles the first, and gives up
five seconds after the join. On the join screen a frame of type ``error`` ends everything;
unknown types are ignored. It sends no action, no id, no ping and nothing binary.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

JOIN_AFTER_S = 1
GIVE_UP_AFTER_S = 5
CANDIDATES = 2
"""Candidates that each peer sends; all are needed."""

TOO_LATE = "the socket was not open after a second"
GAVE_UP = "the host gave up"

PATIENCE_S = 30
"""Seconds for steps without their own time limit: a busy machine is not a failure."""

_ENCODE_URI_COMPONENT_LEAVES = "-_.!~*'()"


def address(url: str, player: str, game: str) -> str:
    """Return the URL that the client connects to, without a slash before the question mark."""
    player, game = (quote(text, safe=_ENCODE_URI_COMPONENT_LEAVES) for text in (player, game))
    return f"{url}?playerId={player}&gameId={game}"


class Peer:
    """The signaling state of one end of a WebRTC connection."""

    def __init__(self) -> None:
        self.has_description = False
        self.candidates: set[str] = set()

    @property
    def is_complete(self) -> bool:
        """Return whether it has everything that the other end sent."""
        return self.has_description and len(self.candidates) == CANDIDATES


class Client:
    """The base of host and player: a socket, and an event that is set after each frame."""

    name: str

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.news = asyncio.Event()
        """Set when the state may have changed."""

    async def send(self, type_: str, target: str, payload: object) -> None:
        """Send a message; drop it if the socket is closed."""
        try:
            await self._socket.send(
                json.dumps({"type": type_, "targetId": target, "payload": payload})
            )
        except ConnectionClosed:
            return

    async def send_candidates(self, target: str) -> None:
        """Send all candidates, even if the description has not arrived yet."""
        for number in range(CANDIDATES):
            candidate = {"candidate": f"candidate:{number}", "sdpMLineIndex": 0, "sdpMid": "0"}
            await self.send("ice-candidate", target, candidate)

    async def listen(self) -> None:
        """Handle the frames that arrive, until the socket closes."""
        async for text in self._socket:
            frame = json.loads(text)
            await self.received(frame.get("type"), frame.get("senderId"), frame.get("payload"))
            self.news.set()

    async def received(self, type_: str, sender: str | None, payload: Any) -> None:
        """Handle a frame."""
        raise NotImplementedError


class Host(Client):
    """The tablet: sends an offer to every player that joins."""

    name = "HOST"

    def __init__(self, socket: ClientConnection, give_up_after_s: float = GIVE_UP_AFTER_S) -> None:
        super().__init__(socket)
        self.peers: dict[str, Peer] = {}
        self.joins: list[str] = []
        self.given_up: set[str] = set()
        self._give_up_after_s = give_up_after_s

    async def received(self, type_: str, sender: str | None, payload: Any) -> None:
        """Handle a frame; the host ignores a frame without a sender."""
        if sender is None:
            return
        if type_ == "join":
            self.joins.append(sender)
            if sender not in self.peers:
                await self._offer(sender)
        peer = self.peers.get(sender)
        if peer is None:
            return
        if type_ == "answer":
            peer.has_description = True
        elif type_ == "ice-candidate":
            peer.candidates.add(payload["candidate"])

    async def _offer(self, player: str) -> None:
        peer = self.peers[player] = Peer()
        asyncio.get_running_loop().call_later(self._give_up_after_s, self._give_up, player, peer)
        await self.send("offer", player, {"sdp": "v=0", "type": "offer"})
        await self.send_candidates(player)

    def _give_up(self, player: str, peer: Peer) -> None:
        if self.peers.get(player) is peer and not peer.is_complete:
            del self.peers[player]
            self.given_up.add(player)
            self.news.set()


class Player(Client):
    """A phone: joins once, and answers the offer."""

    def __init__(self, socket: ClientConnection, name: str) -> None:
        super().__init__(socket)
        self.name = name
        self.peer: Peer | None = None
        self.error: str | None = None
        """The code of the frame that ended everything."""
        self.is_too_late = False
        """True if the socket was not open at the time of the join: then it never joins."""
        self._early: list[str] = []

    async def join(self) -> None:
        """Send the join to the host."""
        await self.send("join", "HOST", {"playerName": self.name})

    async def received(self, type_: str, sender: str | None, payload: Any) -> None:
        """Handle a frame."""
        if type_ == "error":
            self.error = payload["code"]
            await self._socket.close()
        elif type_ == "offer":
            self._early.clear()
            self.peer = Peer()
            self.peer.has_description = True
            await self.send("answer", "HOST", {"sdp": "v=0", "type": "answer"})
            await self.send_candidates("HOST")
        elif type_ == "ice-candidate":
            if self.peer is None:
                self._early.append(payload["candidate"])
            else:
                self.peer.candidates.add(payload["candidate"])


@asynccontextmanager
async def host_of(
    url: str, game: str, give_up_after_s: float = GIVE_UP_AFTER_S
) -> AsyncGenerator[Host, None]:
    """Connect as the host of a game."""
    async with _open(url, "HOST", game, lambda socket: Host(socket, give_up_after_s)) as client:
        assert isinstance(client, Host)
        yield client


@asynccontextmanager
async def player_of(
    url: str, game: str, name: str, join_after_s: float | None = JOIN_AFTER_S
) -> AsyncGenerator[Player, None]:
    """Connect as a player, and join `join_after_s` later: by then the socket should be open.

    None: join as soon as it is open, which saves a second in tests of other things.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with _open(url, name, game, lambda socket: Player(socket, name)) as client:
        assert isinstance(client, Player)
        left_s = 0 if join_after_s is None else join_after_s - (loop.time() - started)

        async def join_once() -> None:
            await asyncio.sleep(left_s)
            await client.join()

        joining = None
        client.is_too_late = left_s < 0
        if not client.is_too_late:
            joining = asyncio.create_task(join_once())
        try:
            yield client
        finally:
            if joining is not None:
                joining.cancel()


@asynccontextmanager
async def _open(
    url: str, player: str, game: str, make: Callable[[ClientConnection], Client]
) -> AsyncGenerator[Client, None]:
    options: dict[str, Any] = {"compression": None, "ping_interval": None}
    async with connect(address(url, player, game), open_timeout=PATIENCE_S, **options) as socket:
        client = make(socket)
        listening = asyncio.create_task(client.listen())
        try:
            yield client
        finally:
            await socket.close()
            await asyncio.gather(listening, return_exceptions=True)


async def verdict_on(host: Host, player: Player) -> str:
    """Return ``connected``, or the reason why two devices do not connect."""
    while (verdict := _verdict(host, player)) is None:
        host.news.clear()
        player.news.clear()
        if (verdict := _verdict(host, player)) is not None:
            break
        waiting = [asyncio.create_task(client.news.wait()) for client in (host, player)]
        _, pending = await asyncio.wait(
            waiting, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        if len(pending) == len(waiting):
            return "hangs"
    return verdict


def _verdict(host: Host, player: Player) -> str | None:
    if player.error is not None:
        return f"error {player.error}"
    if player.is_too_late:
        return TOO_LATE
    peer = host.peers.get(player.name)
    if peer is not None and peer.is_complete and player.peer and player.peer.is_complete:
        return "connected"
    return GAVE_UP if player.name in host.given_up else None
