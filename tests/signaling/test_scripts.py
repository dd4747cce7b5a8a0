"""Random scripts of client actions: every client hears the same on both hosts, and from the core.

Actions follow one another, but a candidate may overlap with the messages after it, because it
waits for its offer. The order of frames of overlapping invocations is free; a description comes
before the candidates of its sender.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, closing, contextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from poker_signal.core.configuration import Rules
from poker_signal.core.messages import CANDIDATE, DESCRIPTIONS
from poker_signal.core.routing import PAUSES_S
from poker_signal.emulator.trace.entries import Closed, Finished, Forwarded, Kept, Received
from poker_signal.emulator.trace.trace import Observer
from poker_signal.lambda_app.table import DynamoTable, schema
from tests.signaling.actions import Action, Connects, Leaves, Sends, script_of
from tests.signaling.core_alone import CoreAlone
from tests.signaling.hosts import core_emulator, lambda_emulator
from tests.support.dynamodb import client_of, moto_application
from tests.support.tiers import SCRIPTS

TABLE = "scripts"
"""Not the transcripts' table: moto's servers share their state."""

PER_TABLE = 50
PATIENCE_S = 300
AT_ONCE = 25
"""Scripts that play at the same time, each in a game of its own."""


Host = Callable[[Observer], AbstractAsyncContextManager[str]]
"""Runs an emulator with an observer; yields its URL."""


class Ended:
    """Observer that counts ended messages and disconnects, by game."""

    def __init__(self) -> None:
        self.messages: Counter[str] = Counter()
        self.disconnects: Counter[str] = Counter()
        self.slow: set[str] = set()
        """Games in which a description took longer than a candidate waits for it."""
        self._news: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def observe(self, entry: Kept) -> None:
        """Count an entry that ends an invocation."""
        match entry:
            case Finished(_, Received(facts=facts)) | Forwarded(received=Received(facts=facts)):
                self.messages[facts.label.group] += 1
            case Finished(_, Closed(facts=facts)):
                self.disconnects[facts.label.group] += 1
            case _:
                return
        self._news[facts.label.group].set()
        if isinstance(entry, Finished) and isinstance(entry.cause, Received):
            is_description = any(f'"{kind}"' in entry.cause.body for kind in DESCRIPTIONS)
            if is_description and entry.at_ms - entry.cause.at_ms > sum(PAUSES_S) * 1000:
                self.slow.add(facts.label.group)

    async def until(self, game: str, messages: int, disconnects: int) -> None:
        """Wait until so many messages and disconnects of a game have ended."""
        async with asyncio.timeout(PATIENCE_S):
            while (self.messages[game], self.disconnects[game]) != (messages, disconnects):
                self._news[game].clear()
                await self._news[game].wait()


class Table:
    """One script in play: its clients, and what each of them hears."""

    def __init__(self, url: str, game: str, ended: Ended) -> None:
        self.heard: dict[int, list[str]] = defaultdict(list)
        self._url = url
        self._game = game
        self._ended = ended
        self._clients: dict[int, tuple[Connects, ClientConnection, asyncio.Task[None]]] = {}
        self._sent = 0
        self._left = 0
        self._overlaps = False

    async def play(self, actions: list[Action]) -> dict[int, list[str]]:
        """Perform the actions; return what each client heard, a refusal's status included."""
        for action in actions:
            match action:
                case Connects():
                    await self._settle()
                    await self._connect(action)
                case Leaves(key, is_abrupt):
                    await self._settle()
                    await self._leave(key, is_abrupt)
                case Sends(key, text, is_candidate):
                    if key in self._clients:
                        self._sent += 1
                        self._overlaps |= is_candidate
                        await self._clients[key][1].send(text)
                    if not self._overlaps:
                        await self._settle()
        await self._settle()
        for key in list(self._clients):
            await self._leave(key, is_abrupt=False)
        return self.heard

    async def _settle(self) -> None:
        await self._ended.until(self._game, self._sent, self._left)
        self._overlaps = False

    async def _connect(self, action: Connects) -> None:
        session = "" if action.session is None else f"&session={action.session}"
        url = f"{self._url}?playerId={action.name}&gameId={self._game}{session}"
        try:
            client = await connect(
                url, compression=None, open_timeout=PATIENCE_S, ping_interval=None
            )
        except InvalidStatus as refused:
            self.heard[action.key].append(str(refused.response.status_code))
            return
        reading = asyncio.create_task(self._read(action.key, client))  # noqa: TID251 # awaited
        for key, (former, _, its_reading) in list(self._clients.items()):
            if (former.name, former.session) == (action.name, action.session or ""):
                # Taken over: the host closes it.
                await its_reading
                self._left += 1
                del self._clients[key]
        self._clients[action.key] = (action, client, reading)
        await self._settle()

    async def _leave(self, key: int, is_abrupt: bool) -> None:
        if key not in self._clients:
            return
        _, client, reading = self._clients.pop(key)
        if is_abrupt:
            # Its pong comes after all frames that were posted before.
            await (await client.ping())
            client.transport.abort()
        else:
            await client.close()
        await reading
        self._left += 1
        await self._settle()

    async def _read(self, key: int, client: ClientConnection) -> None:
        try:
            async for frame in client:
                self.heard[key].append(str(frame))
        except ConnectionClosed as closed:
            self.heard[key].append(f"closed {closed.rcvd.code if closed.rcvd else None}")


async def played(host: Host, seeds: range) -> dict[int, dict[int, list[str]]]:
    """Play the scripts of the seeds, some at the same time; return what their clients heard.

    No candidate may come before its description, unless the machine was too slow for the latter.
    """
    ended = Ended()
    turn = asyncio.Semaphore(AT_ONCE)

    async def play(seed: int, url: str) -> dict[int, list[str]]:
        async with turn:
            return await Table(url, f"script-{seed}", ended).play(script_of(seed))

    async with host(ended) as url:
        heard = await asyncio.gather(*(play(seed, url) for seed in seeds))
    for seed, by_client in zip(seeds, heard, strict=True):
        if f"script-{seed}" not in ended.slow:
            for frames in by_client.values():
                assert out_of_order(frames) == [], f"seed {seed}: {script_of(seed)}"
    return dict(zip(seeds, heard, strict=True))


def out_of_order(frames: list[str]) -> list[str]:
    """Return the candidates that came before the first description of their sender's pair.

    Only the first candidate of a pair counts. If its description did not come within a second,
    no later candidate of the pair waits.
    """
    parsed = [json.loads(frame) for frame in frames if frame.startswith("{")]
    said = [frame for frame in parsed if "senderId" in frame]
    wrong = []
    for sender in {frame["senderId"] for frame in said}:
        of_sender = [frame for frame in said if frame["senderId"] == sender]
        kinds = [frame["type"] for frame in of_sender]
        at = next((n for n, kind in enumerate(kinds) if kind in DESCRIPTIONS), 0)
        if CANDIDATE in kinds[:at]:
            candidate = of_sender[kinds.index(CANDIDATE)]
            if of_sender[at]["payload"] == [candidate["payload"]]:
                wrong.append(str(candidate))
    return wrong


@contextmanager
def table() -> Generator[DynamoTable, None, None]:
    """Yield a table of moto's DynamoDB in this process, without a socket and its time-outs."""
    with closing(client_of(moto_application())) as client:
        client.create_table(**schema(TABLE))
        try:
            yield DynamoTable(client, TABLE)
        finally:
            client.delete_table(TableName=TABLE)


@pytest.mark.aws
@pytest.mark.timeout(3600)
async def test_both_hosts_are_one() -> None:
    """Every client hears the same frames, and no candidate comes before its description.

    The third host is the core alone, without gateway, sockets and time.
    """
    # Reservations stay in the table, and moto reads all of a table for each query.
    for first in range(0, SCRIPTS, PER_TABLE):
        seeds = range(first, min(first + PER_TABLE, SCRIPTS))
        by_core = await played(core_emulator(Rules()), seeds)
        with table() as rows:
            by_lambda = await played(lambda_emulator(Rules(), rows), seeds)
        for seed in seeds:
            compare(seed, by_core[seed], by_lambda[seed])


def compare(seed: int, by_core: dict[int, list[str]], by_lambda: dict[int, list[str]]) -> None:
    """Fail if the clients of a script heard something else on another host, or out of order."""
    script = script_of(seed)
    hosts = (CoreAlone(f"script-{seed}").play(script), by_core, by_lambda)
    alone, emulator, function = [
        {key: Counter(frames) for key, frames in heard.items() if frames} for heard in hosts
    ]
    assert alone == emulator, f"seed {seed}: {script}"
    assert emulator == function, f"seed {seed}: {script}"
    for frames in hosts[0].values():
        assert out_of_order(frames) == [], f"seed {seed}: {script}"
