"""The client in the field: the messages that it sends, expects, and cannot handle.

Written from its source and from runs of the real one in Chromium. It cannot be changed any more,
so its behaviour is a rule for us. ``webrtc`` has the part below the signaling.

Both: no action, no id, no ping, nothing binary. Success is an open data channel; one candidate of
either side is enough.

Host: ignores a join of a name that it holds a connection of, and frames without a sender. It acts
by NAME: five seconds after a join it gives up whatever connection of that name is not open; the
`failed` of an earlier connection removes it too; the heartbeat and `close` remove any. So a player
who crashed is held for 9 to 12 s.

Player: joins once, a second after it began to connect, and never if the socket is not open by
then. One RTCPeerConnection for good, made at the first offer, which discards the candidates that
came before. Unknown types are ignored; on the join screen a frame of type ``error`` ends socket
and RTCPeerConnection, until the user taps Try Again. Leave and Join is the same page with nothing
left of before.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.field.webrtc import PeerConnection

JOIN_AFTER_S = 1
GIVE_UP_AFTER_S = 5
CANDIDATES = 2
"""Candidates that each peer sends."""

CONNECTED = "connected"
DISCARDED = "connected, but candidates came before their offer and were discarded"
"""Behind a NAT these may have been the ones that work."""
TOO_LATE = "the socket was not open after a second"
GAVE_UP = "the host gave up"

PATIENCE_S = 30
"""Seconds for steps without their own time limit: a busy machine is not a failure."""

KILLED = 1001
"""Close code of a page that is killed."""

_ENCODE_URI_COMPONENT_LEAVES = "-_.!~*'()"


def address(url: str, player: str, game: str) -> str:
    """Return the URL that the client connects to, without a slash before the question mark."""
    player, game = (quote(text, safe=_ENCODE_URI_COMPONENT_LEAVES) for text in (player, game))
    return f"{url}?playerId={player}&gameId={game}"


class Client:
    """The base of host and player: a page with a socket, and an event that is set at news."""

    def __init__(self, url: str, game: str, name: str) -> None:
        self.name = name
        self.news = asyncio.Event()
        """Set when the state may have changed."""
        self.heard: list[str] = []
        """Types of the frames that arrived."""
        self.close_code: int | None = None
        """Close code of the last connection. None: it is open, or never was."""
        self._address = address(url, name, game)
        self._chance = random.Random(f"{game} {name}")
        self._socket: ClientConnection | None = None
        self._listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the socket."""
        self._socket = await connect(
            self._address, open_timeout=PATIENCE_S, compression=None, ping_interval=None
        )
        self.close_code = None
        self._listening = asyncio.create_task(self._listen(self._socket))

    async def close(self, code: int = 1000) -> None:
        """Close the socket."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close(code)
        if self._listening is not None and self._listening is not asyncio.current_task():
            await asyncio.gather(self._listening, return_exceptions=True)

    async def send(self, type_: str, target: str, payload: object) -> None:
        """Send a message; drop it if the socket is closed."""
        if self._socket is None:
            return
        try:
            await self._socket.send(
                json.dumps({"type": type_, "targetId": target, "payload": payload})
            )
        except ConnectionClosed:
            return

    async def send_candidates(self, target: str, peer: PeerConnection) -> None:
        """Send all candidates, even if the description has not arrived yet."""
        for number in range(CANDIDATES):
            await self.send("ice-candidate", target, peer.candidate(number))

    async def received(self, type_: str, sender: str | None, payload: Any) -> None:
        """Handle a frame."""
        raise NotImplementedError

    async def _listen(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                frame = json.loads(text)
                self.heard.append(frame.get("type"))
                await self.received(frame.get("type"), frame.get("senderId"), frame.get("payload"))
                self.news.set()
        if socket is self._socket:
            self.close_code = socket.close_code
            self.news.set()


class Host(Client):
    """The tablet: sends an offer to every player that joins."""

    def __init__(self, url: str, game: str, give_up_after_s: float = GIVE_UP_AFTER_S) -> None:
        super().__init__(url, game, "HOST")
        self.peers: dict[str, PeerConnection] = {}
        """Connections by name; those that are not held any more may still live."""
        self.joins: list[str] = []
        self.given_up: set[str] = set()
        self._early: dict[str, list[Any]] = {}
        """Candidates that wait for the answer, by name."""
        self._former: list[PeerConnection] = []
        self._give_up_after_s = give_up_after_s

    async def received(self, type_: str, sender: str | None, payload: Any) -> None:
        """Handle a frame; the host ignores a frame without a sender."""
        if sender is None:
            return
        if type_ == "join":
            self.joins.append(sender)
            if sender not in self.peers:
                await self._offer(sender)
            return
        peer = self.peers.get(sender)
        if peer is None:
            return
        if type_ == "answer":
            peer.accept(payload)
            for candidate in self._early.pop(sender, ()):
                peer.add(candidate)
        elif type_ == "ice-candidate" and peer.has_remote:
            peer.add(payload)
        elif type_ == "ice-candidate":
            self._early.setdefault(sender, []).append(payload)

    async def crash(self) -> None:
        """Kill the page."""
        for peer in (*self.peers.values(), *self._former):
            peer.crash()
        self.peers.clear()
        await self.close(KILLED)

    async def _offer(self, player: str) -> None:
        def remove() -> None:
            self._remove(player)

        def remove_unless_open() -> None:
            self._remove_unless_open(player)

        peer = PeerConnection(self.news.set, remove, remove_unless_open, remove, self._chance)
        self.peers[player] = peer
        self._early[player] = []
        self.given_up.discard(player)
        asyncio.get_running_loop().call_later(self._give_up_after_s, self._give_up, player)
        await self.send("offer", player, peer.offer())
        await self.send_candidates(player, peer)

    def _give_up(self, player: str) -> None:
        if self._remove_unless_open(player):
            self.given_up.add(player)

    def _remove_unless_open(self, player: str) -> bool:
        peer = self.peers.get(player)
        if peer is None or peer.is_open:
            return False
        self._remove(player)
        return True

    def _remove(self, player: str) -> None:
        peer = self.peers.pop(player, None)
        self._early.pop(player, None)
        if peer is not None:
            # It is never closed: its events go on.
            self._former.append(peer)
        self.news.set()


class Player(Client):
    """A phone: joins once, and answers the offer."""

    def __init__(self, url: str, game: str, name: str) -> None:
        super().__init__(url, game, name)
        self.peer: PeerConnection | None = None
        self.error: str | None = None
        """The code of the frame that ended everything."""
        self.is_too_late = False
        """True if the socket was not open at the time of the join: then it never joins."""
        self.open_at_s: float | None = None
        """Time of the loop at which a channel opened first."""
        self.discarded = 0
        """Number of candidates that came before the first offer."""
        self._early: list[Any] = []
        self._joining: asyncio.Task[None] | None = None

    async def start(self, join_after_s: float | None = JOIN_AFTER_S) -> None:
        """Connect, and join `join_after_s` later: by then the socket should be open.

        None: join as soon as it is open, which saves a second in tests of other things.
        """
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        await self.open()
        left_s = 0 if join_after_s is None else join_after_s - (loop.time() - started_s)
        self.is_too_late = left_s < 0
        if not self.is_too_late:
            self._joining = asyncio.create_task(self._join_after(left_s))

    async def join(self) -> None:
        """Send the join to the host."""
        await self.send("join", "HOST", {"playerName": self.name})

    async def leave(self) -> None:
        """Leave by the button: the same page may start again, with nothing left of before."""
        self._stop()
        if self.peer is not None:
            self.peer.close()
        self.peer = self.error = self.open_at_s = None
        self._early = []
        await self.close()

    async def crash(self) -> None:
        """Kill the page."""
        self._stop()
        if self.peer is not None:
            self.peer.crash()
        await self.close(KILLED)

    async def received(self, type_: str, sender: str | None, payload: Any) -> None:
        """Handle a frame."""
        if type_ == "error":
            self.error = payload["code"]
            if self.peer is not None:
                self.peer.close()
                self.peer = None
            await self.close()
        elif type_ == "offer":
            if self.peer is None:
                self.discarded += len(self._early)
                self._early.clear()
                news = self.news.set
                self.peer = PeerConnection(self._opened, news, news, news, self._chance)
            await self.send("answer", "HOST", self.peer.answer(payload))
            await self.send_candidates("HOST", self.peer)
        elif type_ == "ice-candidate":
            if self.peer is None:
                self._early.append(payload)
            else:
                self.peer.add(payload)

    def _opened(self) -> None:
        self.open_at_s = self.open_at_s or asyncio.get_running_loop().time()
        self.news.set()

    async def _join_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.join()

    def _stop(self) -> None:
        if self._joining is not None:
            self._joining.cancel()


@asynccontextmanager
async def host_of(
    url: str, game: str, give_up_after_s: float = GIVE_UP_AFTER_S
) -> AsyncGenerator[Host, None]:
    """Connect as the host of a game."""
    host = Host(url, game, give_up_after_s)
    await host.open()
    try:
        yield host
    finally:
        await host.close()


@asynccontextmanager
async def player_of(
    url: str, game: str, name: str, join_after_s: float | None = JOIN_AFTER_S
) -> AsyncGenerator[Player, None]:
    """Connect as a player, and join `join_after_s` later; None: as soon as it is open."""
    player = Player(url, game, name)
    await player.start(join_after_s)
    try:
        yield player
    finally:
        await player.leave()


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
    if player.peer is not None and player.peer.is_open:
        return DISCARDED if player.discarded else CONNECTED
    return GAVE_UP if player.name in host.given_up else None
