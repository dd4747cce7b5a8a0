"""aiortc as a foreign end of some games, with the functions of an End of harness.js."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from poker_signal.core.model import HOST
from poker_signal.emulator.client.connection import signal_client
from poker_signal.emulator.client.webrtc import Happened, Peer, taking_part

NAME = "Zoë 🂡"
SESSION = "secret-of-aiortc-"

CALL_S = 0.1
"""Seconds between two calls to the other end until it answers."""


CALLS_TO_JOIN = 30


class _Game:
    def __init__(self, code: str, hosts: bool) -> None:
        self.code = code
        self.heard: list[str] = []
        self.told: list[str] = []
        self.news = asyncio.Event()
        self.peer: Peer
        self._hosts = hosts
        self._stack = AsyncExitStack()

    async def open(self, url: str) -> None:
        """Connect; a player joins."""
        name = HOST if self._hosts else NAME
        connecting = signal_client(url, name, self.code, session=SESSION + self.code)
        client = await self._stack.enter_async_context(connecting)
        self.peer = Peer(client, self._tell)
        await self._stack.enter_async_context(taking_part(self.peer))
        if not self._hosts:
            await self.peer.join()

    async def close(self) -> None:
        await self._stack.aclose()

    def _tell(self, happened: Happened) -> None:
        if happened.kind == "message":
            self.heard.append(happened.text)
        else:
            self.told.append(f"{happened.kind} {happened.text[:200]}")
        self.news.set()

    async def until(self, *texts: str, call: str) -> None:
        """Wait until a text was heard; meanwhile, call."""
        calls = 0
        while not any(text in self.heard for text in texts):
            self.say(call)
            if not self._hosts and calls == CALLS_TO_JOIN:
                calls = 0
                # The user's tap, after a host that is gone.
                await self.peer.join()
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), CALL_S)
            except TimeoutError:
                calls += 1

    def say(self, text: str) -> None:
        """Send a message if the channel is open."""
        try:
            self.peer.say(NAME if self._hosts else HOST, text)
        except Exception as error:
            # Not open yet, or no more.
            self.told.append(f"not sent: {error!r}")


class AiortcEnd:
    """The same functions as ``End``, played by aiortc."""

    def __init__(self) -> None:
        self._games: list[_Game] = []
        self._spec: tuple[str, list[str], bool]

    async def start(
        self, url: str, client: str, codes: Sequence[str], *, hosts: bool, **_: Any
    ) -> None:
        """Start the games."""
        self._spec = url, list(codes), hosts
        self._games = [_Game(code, hosts) for code in codes]
        # In this task, which also closes them: they hold task groups.
        for game in self._games:
            await game.open(url)

    async def talk(self, round_: str) -> int:
        """Exchange a hundred messages each way in all games; return in how many that worked."""
        done = await asyncio.gather(*(self._talk(game, round_) for game in self._games))
        return sum(done)

    async def reload(self) -> None:
        """End all, and start anew, as a page that is reloaded."""
        await self.call("leave")
        url, codes, hosts = self._spec
        await self.start(url, "", codes, hosts=hosts)

    async def call(self, name: str, argument: Any = None) -> Any:
        """Do what a function of harness.js does, if this end has it."""
        if name == "leave":
            for game in self._games:
                await game.close()
        if name == "story":
            return [[game.code, game.told[-5:], game.heard[-3:]] for game in self._games]
        return None

    async def _talk(self, game: _Game, round_: str) -> bool:
        mine, theirs = ("host", "player") if self._spec[2] else ("player", "host")
        both = f"{round_} {theirs} has heard"
        await game.until(f"{round_} {theirs} is here", both, call=f"{round_} {mine} is here")
        game.say(f"{round_} {mine} is here")
        game.say(f"{round_} {mine} has heard")
        await game.until(both, call=f"{round_} {mine} has heard")
        for number in range(100):
            game.say(f"{round_} {mine} {number}")
        wanted = re.compile(rf"{round_} {theirs} \d+")
        while len(found := [text for text in game.heard if wanted.fullmatch(text)]) < 100:
            game.news.clear()
            await game.news.wait()
        return found == [f"{round_} {theirs} {number}" for number in range(100)]
