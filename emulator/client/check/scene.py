"""Players and assertions for one rule, in games that no other client knows."""

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
    """The rule does not hold; ``expected`` and ``came`` say what should and what did happen."""

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(expected, came)
        self.expected = expected
        self.came = came


class Skipped(PokerSignalError):
    """The rule cannot be played at this server; the text says why."""


class Server(NamedTuple):
    """The server to check, and how long to wait for it."""

    url: str
    timeout_s: float = 10
    """Seconds to wait for each expected frame."""
    pause_s: float = 0
    """Seconds between connecting and the first message. DynamoDB's index may lag behind a new
    row; the app in the field waits one second."""
    tickets: Tickets | None = None
    """Makes join tickets; None: the server requires none."""


class Scene:
    """Async context in which one rule is played once; it closes all its clients at the end.

    Its methods raise ``Failed`` if an expectation does not hold.
    """

    def __init__(self, server: Server, star: bool | None = None) -> None:
        self.star = star
        """True if players may send to HOST only; None: not known yet."""
        self.samples_ms: list[float] = []
        """Measured durations of the step that the rule is about, in milliseconds."""
        self.note = ""
        self.server = server
        self.game = new_game()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Scene":
        await self._stack.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.__aexit__(*error)

    # Connecting and closing.

    async def seat(
        self,
        *players: str,
        session: str | None = None,
        game: str | None = None,
        wants: str | None = None,
    ) -> list[Client]:
        """Connect players in parallel, then pause; return their clients in the order given."""
        entering = (self._enter(player, session, game or self.game, wants) for player in players)
        # Wait for all of them: if one is refused, the others are closed with the stack.
        entered = await asyncio.gather(*entering, return_exceptions=True)
        clients = [client for client in entered if isinstance(client, Client)]
        for problem in entered:
            if isinstance(problem, BaseException):
                raise problem
        await self.pause()
        return clients

    async def connect(self, player: str = HOST) -> float:
        """Connect and close; return the seconds that the handshake took."""
        async with self._client(player, None, self.game, None) as client:
            return client.handshake_s

    async def pause(self) -> None:
        """Give the server's index time to show new and deleted rows."""
        await asyncio.sleep(self.server.pause_s)

    async def refuse(self, status: int, **parameters: str | None) -> None:
        """Connect with these query parameters, and expect a refusal with this status.

        By default ``gameId`` and, if required, ``ticket`` are valid; ``None`` leaves one out.
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

    async def needs(self, feature: str) -> None:
        """Skip the rule unless the server announces a feature in its ``welcome``."""
        async with self._client("Asking", None, new_game(), None) as client:
            await self.pause()
            await client.send_text(message("hello"))
            frame = await self.hear(client, "“welcome” or an error of an older server")
        if frame.type == "error" and frame.code == "UNKNOWN_TYPE":
            raise Skipped("the server is of a version without “hello”")
        features = frame.payload.get("features") if isinstance(frame.payload, dict) else None
        if frame.type != "welcome" or not isinstance(features, list):
            raise Failed("“welcome” with features", frame.text)
        if feature not in features:
            raise Skipped(f"the server does not announce “{feature}”")

    async def _enter(
        self, player: str, session: str | None, game: str, wants: str | None
    ) -> Client:
        return await self._stack.enter_async_context(self._client(player, session, game, wants))

    def _client(
        self, player: str, session: str | None, game: str, wants: str | None
    ) -> AbstractAsyncContextManager[Client]:
        server = self.server
        ticket = self.ticket(game, player)
        return signal_client(server.url, player, game, session, server.timeout_s, ticket, wants)

    def ticket(self, game: str, player: str) -> str | None:
        """Return a ticket for a player; None if the server requires none."""
        return self.server.tickets(game, player) if self.server.tickets else None

    # Sending, and expecting frames.

    async def relay(
        self, sender: Client, target: Client, type_: str, payload: str | None = None
    ) -> None:
        """Send a message, and expect it unchanged as the target's next frame.

        ``payload`` is JSON text; None: a payload with a random value.
        """
        payload = payload or f'{{"check":"{secrets.token_hex(4)}"}}'
        start = time.perf_counter()
        await sender.send_text(message(type_, target.player, payload))
        await self.hear_relayed(target, type_, sender.player, payload)
        self._sample(start)

    async def hear_relayed(
        self, target: Client, type_: str, sender: str, payload: str, due_s: float = 0
    ) -> None:
        """Expect exactly this relayed message as the next frame, after some seconds."""
        expected = relayed(type_, sender, payload)
        frame = await self.hear(target, f"{target.player} hears {expected}", due_s)
        body: Any = frame.body
        # White space between the frame's members is free; the payload must be byte for byte.
        as_agreed = isinstance(body, dict) and (
            body.keys() == {"type", "senderId", "payload"}
            and (frame.type, frame.sender) == (type_, sender)
            and payload in frame.text
        )
        if not as_agreed:
            raise Failed(f"{target.player} hears {expected}", frame.text)

    async def ask(self, client: Client, text: str, expected: dict[str, Any]) -> None:
        """Send any text, and expect a frame with exactly these members as the client's next.

        If its payload has a ``code``, it must have a non-empty ``message`` as well.
        """
        start = time.perf_counter()
        await client.send_text(text)
        await self.hear_answer(client, expected)
        self._sample(start)

    async def hear_answer(self, client: Client, expected: dict[str, Any], due_s: float = 0) -> None:
        """Expect a frame with exactly these members as the next, as ``ask`` does."""
        words = f"{client.player} hears {json.dumps(expected, ensure_ascii=False)}"
        frame = await self.hear(client, words, due_s)
        body: Any = frame.body
        if isinstance(expected.get("payload"), dict) and "code" in expected["payload"]:
            sentence = body.get("payload") if isinstance(body, dict) else None
            sentence = sentence.pop("message", None) if isinstance(sentence, dict) else None
            if not (isinstance(sentence, str) and sentence):
                raise Failed(f"{words} with a message for the player", frame.text)
        if body != expected:
            raise Failed(words, frame.text)

    async def hear(self, client: Client, expected: str, due_s: float = 0) -> Frame:
        """Return the next frame, which is due after some seconds.

        Raises:
            Failed: it did not come within ``Server.timeout_s`` more.
        """
        try:
            return await client.expect(within=due_s + self.server.timeout_s)
        except NotHeard as error:
            came = f"{error.came} within {error.within_s:g} s"
            raise Failed(expected, came) from None

    async def hear_either(self, clients: Iterable[Client], expected: str) -> tuple[Client, Frame]:
        """Return the first client that gets a frame, and the frame."""

        async def tell_who(client: Client) -> tuple[Client, Frame]:
            return client, await self.hear(client, expected)

        return await _first(tell_who(client) for client in clients)

    async def closed(self, client: Client, expected: str) -> None:
        """Expect the server to close this connection."""
        try:
            await client.expect_close(self.server.timeout_s)
        except NotHeard as error:
            raise Failed(expected, f"it stayed open for {error.within_s:g} s") from None

    def _sample(self, start: float) -> None:
        self.samples_ms.append((time.perf_counter() - start) * 1000)


def new_game() -> str:
    """Return a game id that cannot be guessed, so that no other game is touched."""
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
    """Return the frame in which a message is relayed, as JSON text."""
    quoted = json.dumps(sender, ensure_ascii=False)
    return f'{{"type":"{type_}","senderId":{quoted},"payload":{payload}}}'


def error(code: str, id_: str | None = None) -> dict[str, Any]:
    """Return a frame of type error, without its ``message``."""
    frame = {"type": "error", "payload": {"code": code}}
    return frame if id_ is None else {**frame, "id": id_}


def undelivered(type_: str, target: str, id_: str | None = None) -> dict[str, Any]:
    """Return a frame of type undelivered, without its ``message``."""
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
