"""Plays the clients of a recording against a server.

A client takes a step at its time in the recording, but not before all frames have arrived that
arrived before it there: an answer is never sent before its offer has come. All waits for missing
frames share one time-out.
"""

import asyncio
import time
from typing import NamedTuple
from urllib.parse import urlencode

from websockets.exceptions import InvalidStatus

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.client.connection import Client, Ended, Tickets, connect_to
from poker_signal.emulator.client.explain import UNREACHABLE, explain, is_elsewhere
from poker_signal.emulator.client.replay_diff import Transcription
from poker_signal.emulator.client.replay_plan import AWAITED, Part, Plan, Step

MAX_WAITS = 5
"""A single wait takes at most 1 / MAX_WAITS of the time-out; frames that come later still count."""

SETTLE_S = 0.5
"""Seconds after the last step in which frames are collected that are not in the recording."""

OPENED = "opened"


class NotReached(PokerSignalError):
    """No client could connect; the text says why and what to do."""


class Played(NamedTuple):
    """The result of a replay; transcriptions are by the recording's connection ids."""

    then: dict[str, Transcription]
    now: dict[str, Transcription]
    sent: int
    unsent: int
    """Messages that could not be sent, because their client was no longer connected."""


async def replay(
    plan: Plan, url: str, speed: float, timeout_s: float, tickets: Tickets | None = None
) -> Played:
    """Play a recording; ``speed`` 2 is twice as fast as it was, 0 as fast as possible.

    ``timeout_s`` is the total wait for missing frames. ``tickets`` makes the tickets of the clients
    that were accepted in the recording, as recordings hold none; None: the server requires none.

    Raises:
        NotReached: no client could connect, or the stage or path is wrong.
    """
    stage = _Stage(plan, url, speed, timeout_s, tickets)
    try:
        await stage.play()
    finally:
        await stage.leave()
    if stage.why_elsewhere:
        raise NotReached(stage.why_elsewhere)
    actors = stage.actors.values()
    reached = any(actor.is_decided and not actor.why_not for actor in actors)
    why_not = [actor.why_not for actor in actors if actor.why_not]
    if not reached:
        raise NotReached(why_not[0] if why_not else explain(TimeoutError(), url, timeout_s))
    now = {each: actor.heard() for each, actor in stage.actors.items()}
    return Played(_then(plan), now, stage.sent, stage.unsent)


def _then(plan: Plan) -> dict[str, Transcription]:
    """Return the transcriptions of the recording."""
    heard = {each: Transcription("", []) for each in plan.parts}
    for step in plan.steps:
        was = heard[step.connection_id]
        match step.what:
            case "opened":
                was = was._replace(outcome=OPENED)
            case "refused":
                was = was._replace(outcome=f"refused {step.code}")
            case "hear":
                was.frames.append(step.text)
            case "closed":
                was = was._replace(closed=_closed(step.code, step.text))
        heard[step.connection_id] = was
    # Clients may have been connected before the recording began.
    return {each: was._replace(outcome=was.outcome or OPENED) for each, was in heard.items()}


def _closed(code: int, reason: str) -> str:
    return f"closed by the server with {code} {reason}".rstrip()


class _Actor:
    """Plays one connection."""

    def __init__(self, part: Part, news: asyncio.Event, tickets: Tickets | None) -> None:
        self.part = part
        self.client: Client | None = None
        self.outcome = ""
        self.why_not = ""
        """Why the server could not be reached; empty if it was."""
        self.why_elsewhere = ""
        """Why the URL may be the cause of a refusal; empty if it is not."""
        self.frames: list[str] = []
        self.awaited = 0
        """Frames to wait for: as many as the recording has by now, less those given up."""
        self.awaits_end = False
        self._news = news
        self._tickets = tickets
        self._tasks: list[asyncio.Future[None]] = []

    @property
    def is_decided(self) -> bool:
        """True once the handshake is over."""
        return bool(self.outcome)

    @property
    def is_behind(self) -> bool:
        """True while a frame, a close or the handshake's end is missing that the recording has."""
        if not self._tasks:
            return False
        is_open = self.client is not None and self.client.close_code is None
        if is_open and (self.awaits_end or len(self.frames) < self.awaited):
            return True
        return not self.is_decided

    def connect(self, url: str, timeout_s: float) -> None:
        self._tasks.append(asyncio.ensure_future(self._live(url, timeout_s)))

    def give_up(self) -> None:
        """Stop waiting for the frames and the close that have not come."""
        self.awaited = min(self.awaited, len(self.frames))
        self.awaits_end = False

    def heard(self) -> Transcription:
        closed = ""
        client = self.client
        if client is not None and client.close_code is not None and not client.closed_by_us:
            closed = _closed(client.close_code, client.close_reason)
        return Transcription(self.outcome or "no answer", self.frames, closed)

    async def leave(self) -> None:
        if self.client is not None and self.client.close_code is None:
            await self.client.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _live(self, url: str, timeout_s: float) -> None:
        query = f"?{urlencode(self._parameters())}" if self.part.query else ""
        started_s = time.perf_counter()
        try:
            async with connect_to(url, query, timeout_s) as socket:
                self.client = Client(socket, self.part.player, started_s)
                self.client.on_frame = lambda frame: self._hear(frame.text)
                self.outcome = OPENED
                self._news.set()
                await self.client.read()
        except InvalidStatus as error:
            self.outcome = f"refused {error.response.status_code}"
            if is_elsewhere(error):
                self.why_elsewhere = explain(error, url, timeout_s)
        except UNREACHABLE as error:
            self.why_not = explain(error, url, timeout_s)
            self.outcome = f"not reached: {self.why_not}"
        finally:
            self._news.set()

    def _parameters(self) -> list[tuple[str, str]]:
        part = self.part
        if self._tickets is None:
            return part.query
        others = [(name, value) for name, value in part.query if name != "ticket"]
        return [*others, ("ticket", self._tickets(part.game, part.player))]

    def _hear(self, text: str) -> None:
        self.frames.append(text)
        self._news.set()


class _Stage:
    def __init__(
        self, plan: Plan, url: str, speed: float, timeout_s: float, tickets: Tickets | None
    ) -> None:
        self.sent = self.unsent = 0
        self._steps = plan.steps
        self._url = url
        self._speed = speed
        self._timeout_s = timeout_s
        self._left_s = timeout_s
        """Seconds left of the time-out."""
        self._news = asyncio.Event()
        refused = {step.connection_id for step in plan.steps if step.what == "refused"}
        self.actors = {
            each: _Actor(part, self._news, None if each in refused else tickets)
            for each, part in plan.parts.items()
        }
        self._behind: set[str] = set()
        """Ids of connections that are waited for."""
        opened = (step.connection_id for step in plan.steps if step.what == "opened")
        self._first_to_open = next(opened, None)

    @property
    def why_elsewhere(self) -> str:
        """Why the URL is wrong; empty if it is not known to be.

        It is wrong if the first connection that was accepted in the recording is now refused with
        403 or 404 without a reason, and no client has connected. Connections that were refused in
        the recording do not count.
        """
        if self._first_to_open is None or any(actor.client for actor in self.actors.values()):
            return ""
        return self.actors[self._first_to_open].why_elsewhere

    async def play(self) -> None:
        start_s = time.monotonic()
        first_ms = self._steps[0].at_ms
        for step in self._steps:
            actor = self.actors[step.connection_id]
            if step.what in AWAITED:
                self._expect(step, actor)
                continue
            await self._catch_up(self._timeout_s / MAX_WAITS)
            if self.why_elsewhere or any(actor.why_not for actor in self.actors.values()):
                # The other clients would not reach the server either.
                return
            if self._speed:
                due_s = start_s + (step.at_ms - first_ms) / 1000 / self._speed
                await asyncio.sleep(max(due_s - time.monotonic(), 0))
            await self._act(step, actor)
        await self._catch_up(self._left_s)
        await asyncio.sleep(SETTLE_S)

    async def leave(self) -> None:
        await asyncio.gather(*(actor.leave() for actor in self.actors.values()))

    def _expect(self, step: Step, actor: _Actor) -> None:
        if step.what == "hear":
            actor.awaited += 1
        actor.awaits_end = actor.awaits_end or step.what == "closed"
        self._behind.add(step.connection_id)

    async def _catch_up(self, at_most_s: float) -> None:
        """Wait until all frames have arrived that the recording has by now."""
        started_s = time.monotonic()
        end_s = started_s + min(at_most_s, self._left_s)
        while True:
            self._news.clear()
            self._behind = {each for each in self._behind if self.actors[each].is_behind}
            left_s = end_s - time.monotonic()
            if not self._behind or left_s <= 0:
                break
            try:
                await asyncio.wait_for(self._news.wait(), left_s)
            except TimeoutError:
                continue
        if self._behind:
            # A wait uses up the time-out only if something did not come.
            self._left_s -= time.monotonic() - started_s
            for each in self._behind:
                self.actors[each].give_up()

    async def _act(self, step: Step, actor: _Actor) -> None:
        if step.what == "connect":
            actor.connect(self._url, self._timeout_s)
            self._behind.add(step.connection_id)
            return
        client = actor.client
        if client is None or client.close_code is not None:
            self.unsent += step.what == "send"
            return
        match step.what:
            case "send":
                try:
                    await client.send_text(step.text)
                    self.sent += 1
                except Ended:
                    self.unsent += 1
            case "close":
                await client.close(step.code, step.text)
            case "drop":
                client.abort()
