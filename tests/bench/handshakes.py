"""WebRTC handshakes in a closed loop: a client that gets a message sends the next one at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.bench.client import Address, Client, close_all
from tests.bench.processes import Meter, Server
from tests.bench.workload import (
    ANSWER,
    CANDIDATES,
    HOSTS,
    MESSAGES,
    OFFER,
    PLAYERS,
    from_host,
    handshake,
    join,
    message,
    tagged,
)

WARM_S = 0.4


class Pair:
    """A host and a player with their frames, and the progress of their handshake."""

    def __init__(self, host: Client, player: Client, frames: list[bytes]) -> None:
        self.host_says, self.player_says, self.frames = host.write, player.write, frames
        self.host_said = self.player_said = self.host_heard = self.player_heard = 0

    def offer(self) -> None:
        """Start a handshake with the offer."""
        self.host_said = self.player_said = self.host_heard = self.player_heard = 0
        self.host_says(self.frames[OFFER])

    def heard(self, number: int) -> bool:
        """Send the messages that follow a received one; return whether the handshake is over."""
        if number == OFFER:
            self.player_says(self.frames[ANSWER])
            self._player_trickles()
        elif number == ANSWER:
            self._host_trickles()
        elif number < PLAYERS:
            self.player_heard += 1
            self._player_trickles()
        else:
            self.host_heard += 1
            self._host_trickles()
        return self.host_heard + self.player_heard == 2 * CANDIDATES

    def _host_trickles(self) -> None:
        if self.host_said < CANDIDATES:
            self.host_says(self.frames[HOSTS + self.host_said])
            self.host_said += 1

    def _player_trickles(self) -> None:
        if self.player_said < CANDIDATES:
            self.player_says(self.frames[PLAYERS + self.player_said])
            self.player_said += 1


class Night(NamedTuple):
    """The number of games, and of players in each besides the host."""

    games: int
    players: int

    def seats(self) -> Iterator[tuple[str, str]]:
        """Yield game and name of every connection, each host before its players."""
        for game in range(self.games):
            yield f"game{game}", "HOST"
            for player in range(self.players):
                yield f"game{game}", f"player{player}"


class Tables(NamedTuple):
    """Connected clients; ``heard`` is called with the tag of every message that they receive."""

    clients: list[Client]
    pairs: list[Pair]


@asynccontextmanager
async def seated(
    address: Address, night: Night, heard: Callable[[int, int], None]
) -> AsyncIterator[Tables]:
    """Connect all clients and let the players join; close all connections at the end."""
    joined, all_joined = 0, asyncio.Event()
    players = night.games * night.players
    begun = False

    def hear(text: bytes) -> None:
        nonlocal joined
        found = tagged(text)
        if found is not None:
            heard(*found)
            return
        if begun:
            raise RuntimeError(f"a message was not relayed: {text[:200]!r}")
        joined += b'"join"' in text
        if joined == players:
            all_joined.set()

    dialect = address.dialect
    clients = await address.connect_all((*seat, hear) for seat in night.seats())
    try:
        if dialect.joins:
            for client, (_, player) in zip(clients, night.seats(), strict=True):
                if player != "HOST":
                    client.write(join(player))
            async with asyncio.timeout(30):
                await all_joined.wait()
        begun = True
        pairs = list(_pairs(address, night, clients))
        yield Tables(clients, pairs)
    finally:
        await close_all(clients)


def _pairs(address: Address, night: Night, clients: list[Client]) -> Iterator[Pair]:
    number = 0
    for client, (game, player) in zip(clients, night.seats(), strict=True):
        if player == "HOST":
            host = client
        else:
            yield Pair(host, client, handshake(address.dialect, game, player, number))
            number += 1


async def check(address: Address) -> None:
    """Run one handshake, and compare every message that arrives with the one that was sent."""
    dialect = address.dialect
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    host = await address.connect("check", "HOST", heard.put_nowait)
    player = await address.connect("check", "Alice", heard.put_nowait)
    try:
        frames = handshake(dialect, "check", "Alice", 0)
        for number, frame in enumerate(frames):
            (host if from_host(number) else player).write(frame)
            async with asyncio.timeout(10):
                told = json.loads(await heard.get())
            said = message(dialect, "check", "", 0, number)
            sender = "HOST" if from_host(number) else "Alice"
            right = (said["type"], dialect.address("check", sender), said["payload"])
            if (told["type"], dialect.sender(told), told["payload"]) != right:
                raise SystemExit(f"message {number} of a handshake was relayed as {told}")
    finally:
        await close_all([host, player])


class Load(NamedTuple):
    """A server's results under a closed loop."""

    messages_s: float
    cpu_us: float
    """CPU of the server per message, user and system."""
    waited: float
    """Fraction of the time in which the server waited for its core."""


async def saturate(address: Address, server: Server, night: Night, seconds: float) -> Load:
    """Let every pair do one handshake after the other; return the server's results."""
    count = idle = 0
    pairs: list[Pair] = []
    all_idle = asyncio.Event()
    stopping = False

    def heard(pair: int, number: int) -> None:
        nonlocal count, idle
        count += 1
        if pairs[pair].heard(number):
            if not stopping:
                pairs[pair].offer()
                return
            idle += 1
            if idle == len(pairs):
                all_idle.set()

    async with seated(address, night, heard) as tables:
        pairs += tables.pairs
        for first in pairs:
            first.offer()
        await asyncio.sleep(WARM_S)
        meter, before = Meter(server), count
        await asyncio.sleep(seconds)
        spent, relayed = meter.read(), count - before
        # Every handshake must be completed, so a server that loses messages fails here.
        stopping = True
        async with asyncio.timeout(10):
            await all_idle.wait()
    waited = spent.waited_s / spent.seconds
    return Load(relayed / spent.seconds, spent.cpu_s / relayed * 1e6, waited)


async def one_handshake(address: Address) -> None:
    """Run one handshake of two clients: connect both, join, offer, answer, all candidates."""
    done = asyncio.Event()
    heard_ = 0

    def heard(pair: int, number: int) -> None:
        nonlocal heard_
        heard_ += 1
        if pairs[pair].heard(number):
            assert heard_ == MESSAGES
            done.set()

    pairs: list[Pair] = []
    async with seated(address, Night(1, 1), heard) as tables:
        pairs += tables.pairs
        pairs[0].offer()
        async with asyncio.timeout(30):
            await done.wait()
