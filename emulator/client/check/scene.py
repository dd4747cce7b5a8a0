"""The stage on which one rule is played: games that nobody else knows, and their players."""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, NamedTuple

from websockets.exceptions import InvalidStatus

from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.model import HOST
from poker_signal.emulator.client.connection import (
    Client,
    Frame,
    NotHeard,
    Tickets,
    connect_to,
    query_of,
    signal_client,
)


class Failed(PokerSignalError):
    """The rule does not hold."""

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(expected, came)
        self.expected = expected
        self.came = came


class Skipped(PokerSignalError):
    """The rule cannot be played here; the text says why."""


class Server(NamedTuple):
    """What is checked, and how patiently."""

    url: str
    timeout_s: float = 10
    """How long an expectation waits."""
    pause_s: float = 0
    """Between connecting and the first message. DynamoDB's index shows a new row only after a
    moment; the app in the field waits for a second."""
    tickets: Tickets | None = None
    """If it asks for tickets: who makes them."""


class Scene:
    """One rule, played once; to be entered."""

    def __init__(self, server: Server, star: bool | None = None) -> None:
        self.star = star
        """Whether players may address HOST alone, as far as that is known."""
        self.samples_ms: list[float] = []
        """How long whatever the rule is about took, each time."""
        self.note = ""
        self.server = server
        self.game = new_game()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Scene":
        await self._stack.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.__aexit__(*error)

    # Players that come and go.

    async def seat(
        self, *players: str, session: str | None = None, game: str | None = None
    ) -> list[Client]:
        """Connect players at the same time, then give the server its pause."""
        entering = (self._enter(player, session, game or self.game) for player in players)
        # None is left behind half connected when another is refused.
        entered = await asyncio.gather(*entering, return_exceptions=True)
        clients = [client for client in entered if isinstance(client, Client)]
        for problem in entered:
            if isinstance(problem, BaseException):
                raise problem
        await self.pause()
        return clients

    async def connect(self, player: str = HOST) -> float:
        """Connect and leave; return how many seconds connecting took."""
        async with self._client(player, None, self.game) as client:
            return client.handshake_s

    async def pause(self) -> None:
        """Give the server time to note who came or left."""
        await asyncio.sleep(self.server.pause_s)

    async def refuse(self, status: int, **parameters: str | None) -> None:
        """Connect with any parameters: that must be refused with this status.

        The game, and a ticket where they are needed, are good unless said otherwise.
        """
        parameters = {"gameId": self.game, **parameters}
        ticket = self.ticket(parameters["gameId"] or "", parameters.get("playerId") or "")
        parameters = {"ticket": ticket, **parameters}
        expected = f"the handshake refused with {status}"
        start = time.perf_counter()
        try:
            async with connect_to(self.server.url, query_of(**parameters), self.server.timeout_s):
                raise Failed(expected, "101, connected")
        except InvalidStatus as refusal:
            if refusal.response.status_code != status:
                raise Failed(expected, str(refusal.response.status_code)) from None
        self._sample(start)

    async def _enter(self, player: str, session: str | None, game: str) -> Client:
        return await self._stack.enter_async_context(self._client(player, session, game))

    def _client(
        self, player: str, session: str | None, game: str
    ) -> AbstractAsyncContextManager[Client]:
        server = self.server
        ticket = self.ticket(game, player)
        return signal_client(server.url, player, game, session, server.timeout_s, ticket)

    def ticket(self, game: str, player: str) -> str | None:
        """Return the ticket of a player, if the server asks for them."""
        return self.server.tickets(game, player) if self.server.tickets else None

    # Messages, and what must come of them.

    async def relay(
        self, sender: Client, target: Client, type_: str, payload: str | None = None
    ) -> None:
        """Send a message: the target must hear it next, from this sender, as it was written.

        ``payload`` is JSON text; without it, one that was never seen before.
        """
        payload = payload or f'{{"check":"{secrets.token_hex(4)}"}}'
        start = time.perf_counter()
        await sender.send_text(message(type_, target.player, payload))
        await self.hear_relayed(target, type_, sender.player, payload)
        self._sample(start)

    async def hear_relayed(self, target: Client, type_: str, sender: str, payload: str) -> None:
        """Let the next frame be exactly this message."""
        expected = relayed(type_, sender, payload)
        frame = await self.hear(target, f"{target.player} hears {expected}")
        body: Any = frame.body
        # Blanks between the frame's own members are the server's affair, the payload is not.
        as_agreed = isinstance(body, dict) and (
            body.keys() == {"type", "senderId", "payload"}
            and (frame.type, frame.sender) == (type_, sender)
            and payload in frame.text
        )
        if not as_agreed:
            raise Failed(f"{target.player} hears {expected}", frame.text)

    async def ask(self, client: Client, text: str, expected: dict[str, Any]) -> None:
        """Send anything: the next that the client hears must have these members and no others.

        An answer with a ``code`` must have a sentence for it as well.
        """
        start = time.perf_counter()
        await client.send_text(text)
        await self.hear_answer(client, expected)
        self._sample(start)

    async def hear_answer(self, client: Client, expected: dict[str, Any]) -> None:
        """Let the next frame have these members and no others."""
        words = f"{client.player} hears {json.dumps(expected, ensure_ascii=False)}"
        frame = await self.hear(client, words)
        body: Any = frame.body
        if isinstance(expected.get("payload"), dict) and "code" in expected["payload"]:
            sentence = body.get("payload") if isinstance(body, dict) else None
            sentence = sentence.pop("message", None) if isinstance(sentence, dict) else None
            if not (isinstance(sentence, str) and sentence):
                raise Failed(f"{words} with a message for the player", frame.text)
        if body != expected:
            raise Failed(words, frame.text)

    async def hear(self, client: Client, expected: str) -> Frame:
        """Return the next frame, whatever it is."""
        try:
            return await client.expect(within=self.server.timeout_s)
        except NotHeard as error:
            came = f"{error.came} within {error.within_s:g} s"
            raise Failed(expected, came) from None

    async def hear_either(self, clients: Iterable[Client], expected: str) -> tuple[Client, Frame]:
        """Return the next frame that any of these clients hears, and who it is."""

        async def tell_who(client: Client) -> tuple[Client, Frame]:
            return client, await self.hear(client, expected)

        return await _first(tell_who(client) for client in clients)

    async def closed(self, client: Client, expected: str) -> None:
        """Let the server end this connection."""
        try:
            await client.expect_close(self.server.timeout_s)
        except NotHeard as error:
            raise Failed(expected, f"it stayed open for {error.within_s:g} s") from None

    def _sample(self, start: float) -> None:
        self.samples_ms.append((time.perf_counter() - start) * 1000)


def new_game() -> str:
    """Return a game id that nobody guesses: nobody's game is touched."""
    return f"check-{secrets.token_hex(16)}"


def message(type_: str, target: str | None = None, payload: str = "", id_: str = "") -> str:
    """Return a message of the wire protocol; ``payload`` is JSON text."""
    members = [f'"type":{json.dumps(type_)}']
    if target is not None:
        members.append(f'"targetId":{json.dumps(target, ensure_ascii=False)}')
    if payload:
        members.append(f'"payload":{payload}')
    if id_:
        members.append(f'"id":{json.dumps(id_)}')
    return f"{{{','.join(members)}}}"


def relayed(type_: str, sender: str, payload: str) -> str:
    """Return what the target of a message hears."""
    quoted = json.dumps(sender, ensure_ascii=False)
    return f'{{"type":"{type_}","senderId":{quoted},"payload":{payload}}}'


def error(code: str, id_: str | None = None) -> dict[str, Any]:
    """Return a frame of type error, but for its sentence."""
    frame = {"type": "error", "payload": {"code": code}}
    return frame if id_ is None else {**frame, "id": id_}


def undelivered(type_: str, target: str, id_: str | None = None) -> dict[str, Any]:
    """Return a frame of type undelivered, but for its sentence."""
    payload = {"code": "TARGET_NOT_FOUND", "type": type_, "targetId": target}
    frame: dict[str, Any] = {"type": "undelivered", "payload": payload}
    return frame if id_ is None else {**frame, "id": id_}


async def _first(coming: Iterable[Awaitable[tuple[Client, Frame]]]) -> tuple[Client, Frame]:
    tasks = [asyncio.ensure_future(one) for one in coming]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task.done()).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
