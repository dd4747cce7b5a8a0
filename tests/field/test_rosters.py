"""Rosters: what a client learns from presence frames is in the end what the rows say.

Random games in virtual time, on both hosts. Half of all ``$disconnect`` events are lost: such a
connection leaves its row behind until a message finds it gone.
"""

import asyncio
import json
import random
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus

from poker_signal.core.configuration import Topology
from tests.field.hosts import OURS
from tests.field.virtual import Stage, serving
from tests.support.client import peer
from tests.support.tiers import ROSTERS
from tests.support.virtual_time import run

NAMES = ("HOST", "Alice", "Bob", "Carol", "Dora")
PER_STAGE = 10
ACTIONS = 25
SETTLED_S = 70
"""All notes have come: the last reservation ends a minute after its connection."""

PRESENT = {"player-joined": True, "host-back": True, "player-left": False, "host-away": False}


class Client:
    """A connection and the roster that its frames tell."""

    def __init__(self, name: str, socket: ClientConnection, is_taker: bool) -> None:
        self.name = name
        self.is_taker = is_taker
        self.heard: Counter[str] = Counter()
        self.welcomes: list[set[str]] = []
        self._socket = socket
        self._known: dict[str, tuple[float, bool]] = {}
        self._reading = asyncio.create_task(self._read())  # noqa: TID251 # ended by leave()

    @property
    def is_open(self) -> bool:
        """True until the connection has ended."""
        return not self._reading.done()

    def roster(self) -> set[str]:
        """Return the players that are there, as far as this client was told."""
        return {name for name, (_, is_there) in self._known.items() if is_there}

    async def say(self, type_: str, **more: Any) -> None:
        """Send a message; nothing arrives if the gateway has just closed the connection."""
        with suppress(ConnectionClosed):
            await self._socket.send(json.dumps({"type": type_, **more}))

    async def leave(self, is_abrupt: bool) -> None:
        """Close the connection, or break it."""
        if is_abrupt:
            self._socket.transport.abort()
        else:
            await self._socket.close()
        await self._reading

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self._socket:
                self._take(json.loads(text))

    def _take(self, frame: dict[str, Any]) -> None:
        type_, payload = frame["type"], frame.get("payload") or {}
        self.heard[type_] += 1
        if type_ == "welcome":
            self.welcomes.append(set(payload["players"]))
            if len(self.welcomes) == 1 and self.is_taker:
                self._known = dict.fromkeys(payload["players"], (0, True)) | self._known
        elif type_ in PRESENT:
            version = payload["version"]
            if version >= self._known.get(payload["playerId"], (0, False))[0]:
                self._known[payload["playerId"]] = version, PRESENT[type_]


class Game:
    """One random game."""

    def __init__(self, stage: Stage, number: int) -> None:
        self._stage = stage
        self._chance = random.Random(number)
        self._game = f"G{number}"
        self._clients: list[Client] = []

    async def play(self) -> None:
        """Play, wait until all is told, and compare."""
        for _ in range(ACTIONS):
            await self._act()
            await asyncio.sleep(self._chance.choice((0, 0.01, 0.5, 3, 7)))
        await asyncio.sleep(SETTLED_S)
        for client in self._open():
            told = client.roster()
            await client.say("hello")
            await asyncio.sleep(5)
            if not client.is_open:
                continue
            rows = client.welcomes[-1]
            if client.is_taker:
                assert told == rows, f"{self._game}: {client.name} knows {told}, the rows {rows}"
            else:
                assert not client.heard.keys() & PRESENT.keys()
        for client in self._open():
            await client.leave(is_abrupt=False)

    def _open(self) -> list[Client]:
        return [client for client in self._clients if client.is_open]

    async def _act(self) -> None:
        action = self._chance.choice(("connect", "connect", "leave", "say"))
        if action == "connect":
            await self._connect()
        elif clients := self._open():
            client = self._chance.choice(clients)
            if action == "leave":
                await client.leave(is_abrupt=self._chance.random() < 0.5)
            else:
                # Such a message finds ghosts.
                target = self._chance.choice(NAMES)
                await client.say("player-connected", targetId=target, payload={})

    async def _connect(self) -> None:
        name = self._chance.choice(NAMES)
        session = self._chance.choice((None, f"secret-of-{name}"))
        is_taker = self._chance.random() < 0.6
        more = {"wants": "presence,later-word"} if is_taker else {}
        try:
            socket = await peer(self._stage, name, self._game, session, **more)
        except InvalidStatus:
            return
        client = Client(name, socket, is_taker)
        self._clients.append(client)
        await client.say("hello")


@pytest.mark.parametrize("handler", OURS)
def test_a_go_away_comes_five_minutes_before_the_end(handler: str) -> None:
    """Only the client that wants it hears it, and the old connection ends when it is taken over."""

    async def play() -> None:
        async with serving(handler) as stage:
            loop = asyncio.get_running_loop()
            wanting = await peer(stage, "Alice", session="secret-of-Alice", wants="go-away")
            mute = await peer(stage, "Bob")
            began_s = loop.time()
            while True:
                try:
                    async with asyncio.timeout(500):
                        frame = json.loads(await wanting.recv())
                except TimeoutError:
                    for each in (wanting, mute):
                        await each.send('{"type":"ping"}')
                        assert json.loads(await each.recv()) == {"type": "pong"}
                    continue
                break
            seconds = frame["payload"]["seconds"]
            assert frame == {"type": "go-away", "payload": {"seconds": seconds}}
            assert 290 <= seconds <= 300
            assert abs(loop.time() - began_s - (7200 - seconds)) < 2
            again = await peer(stage, "Alice", session="secret-of-Alice", wants="go-away")
            with pytest.raises(ConnectionClosedOK):
                await wanting.recv()
            for each in (again, mute):
                await each.send('{"type":"ping"}')
                assert json.loads(await each.recv()) == {"type": "pong"}
                await each.close()

    run(play())


@pytest.mark.parametrize("handler", OURS)
@pytest.mark.parametrize("topology", list(Topology))
def test_every_roster_is_what_the_rows_say(handler: str, topology: Topology) -> None:
    """Half of all $disconnects are missing, names are taken over, and phones vanish."""
    # A game with the Lambda function takes five times as long.
    games = ROSTERS // (3 if handler == "core" else 6)

    async def play(first: int) -> None:
        async with serving(handler, "miss-disconnect=50%", seed=first, topology=topology) as stage:
            for number in range(first, min(first + PER_STAGE, games)):
                await Game(stage, number).play()

    for first in range(0, games, PER_STAGE):
        run(play(first))
