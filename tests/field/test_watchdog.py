"""The watch over a join under the queue that AWS has: twice, late, out of order, down.

In virtual time, with the client in the field. The emulator's clock is no queue: rows that only a
queue can have run with the Lambda function alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.field.client import Host, Player
from tests.field.hosts import OURS
from tests.field.virtual import Sqs, Stage, serving
from tests.support.virtual_time import run

GAME, NAME = "GAME01", "Zoë"

END_S = 40
"""Seconds after which every watch has ended."""

Brings = Callable[[dict[str, Any]], list[float]]


def twice(body: dict[str, Any]) -> list[float]:
    """Deliver the first notes of a watch twice; each copy has a chain of notes of its own."""
    return [0, 0] if body["note"].get("step", 9) <= 2 else [0]


def late(body: dict[str, Any]) -> list[float]:
    """Deliver each note two seconds late."""
    return [2]


def out_of_order(body: dict[str, Any]) -> list[float]:
    """Deliver the first notes of each watch once more, after the notes that follow them."""
    step = body["note"].get("step", 9)
    return [0, 15 - 4 * step] if step <= 2 else [0]


async def pair(stage: Stage, is_heard: bool = True) -> tuple[Host, Player]:
    """Return a host and a player that has just pressed Join."""
    host = Host(stage.url, GAME) if is_heard else DeafHost(stage.url, GAME)
    await host.open()
    player = Player(stage.url, GAME, NAME)
    await player.start()
    return host, player


class DeafHost(Host):
    """A host that hears joins and never offers."""

    async def received(self, type_: str, sender: str | None, payload: Any) -> None:
        """Count the joins."""
        if type_ == "join" and sender is not None:
            self.joins.append(sender)


async def ended(*clients: Host | Player) -> None:
    """Wait for the end of the watch, then close the clients."""
    await asyncio.sleep(END_S)
    await asyncio.gather(*(client.close() for client in clients))


def play(script: Callable[[Stage], Awaitable[None]], handler: str, *faults: str) -> None:
    """Run a script against a host, in virtual time."""

    async def served() -> None:
        async with serving(handler, *faults) as stage:
            await script(stage)

    run(served())


def is_open(player: Player) -> bool:
    """Return whether a player has a channel."""
    return player.peer is not None and player.peer.is_open


def queue_of(stage: Stage) -> Sqs:
    """Return the queue of the Lambda function."""
    assert stage.queue is not None
    return stage.queue


@pytest.mark.parametrize("brings", [twice, late, out_of_order], ids=["twice", "late", "order"])
def test_notes_may_come_twice_late_or_out_of_order(brings: Brings) -> None:
    """A lost offer is mended all the same, and a host that holds the player hears joins only."""

    async def script(stage: Stage) -> None:
        queue_of(stage).brings = brings
        host, player = await pair(stage)
        await asyncio.sleep(END_S)
        assert is_open(player)
        assert player.error is None
        assert {*host.heard} == {"join", "answer", "ice-candidate"}
        await ended(host, player)

    play(script, "lambda", "drop:offer#1")


@pytest.mark.parametrize("brings", [twice, late, out_of_order], ids=["twice", "late", "order"])
def test_a_host_that_never_offers_ends_in_one_sentence(brings: Brings) -> None:
    """The player hears NO_ANSWER, and the host no join after that."""

    async def script(stage: Stage) -> None:
        queue_of(stage).brings = brings
        host, player = await pair(stage, is_heard=False)
        await asyncio.sleep(END_S)
        assert player.error == "NO_ANSWER"
        joins = len(host.joins)
        assert joins >= 6
        await asyncio.sleep(END_S)
        assert len(host.joins) == joins
        await ended(host, player)

    play(script, "lambda")


@pytest.mark.parametrize("handler", OURS)
def test_a_host_that_never_offers_hears_six_joins(handler: str) -> None:
    """The join is delivered five times more, three seconds apart, and then answered."""

    async def script(stage: Stage) -> None:
        host, player = await pair(stage, is_heard=False)
        await asyncio.sleep(END_S)
        assert (len(host.joins), player.error) == (6, "NO_ANSWER")
        await ended(host, player)

    play(script, handler)


def test_without_the_queue_all_else_works() -> None:
    """The join is delivered and the player hears no error; the log has NotWatched."""

    async def script(stage: Stage) -> None:
        queue_of(stage).is_down = True
        host, player = await pair(stage)
        await asyncio.sleep(END_S)
        assert is_open(player)
        assert player.heard.count("error") == 0
        lines = [line for line in stage.log if line["effects"].get("NotWatched")]
        # HOST's $connect, and the join.
        assert [(line.get("type"), line["outcome"]) for line in lines] == [
            (None, "connected"),
            ("join", "delivered"),
        ]
        await ended(host, player)

    play(script, "lambda")


@pytest.mark.parametrize("handler", OURS)
def test_a_host_that_is_replaced_in_between_gets_the_join(handler: str) -> None:
    """The first host never offered; the one that replaces it hears of the player who waits."""

    async def script(stage: Stage) -> None:
        first, player = await pair(stage, is_heard=False)
        await asyncio.sleep(4)
        await first.crash()
        host = Host(stage.url, GAME)
        await host.open()
        await asyncio.sleep(END_S)
        assert (is_open(player), host.joins[:1]) == (True, [NAME])
        await ended(host, player)

    play(script, handler)


@pytest.mark.parametrize("handler", OURS)
@pytest.mark.parametrize("fault", [(), ("miss-disconnect",)], ids=["told", "missed"])
def test_a_player_who_is_gone_is_not_announced_for_long(
    handler: str, fault: tuple[str, ...]
) -> None:
    """The watch ends with the player's row, or with its last look if nothing told of the end."""

    async def script(stage: Stage) -> None:
        host, player = await pair(stage, is_heard=False)
        await asyncio.sleep(2)
        await player.close()
        await asyncio.sleep(END_S)
        assert len(host.joins) == (6 if fault else 1)
        assert player.error is None
        await ended(host)

    play(script, handler, *fault)


@pytest.mark.parametrize("handler", OURS)
def test_a_delivery_that_is_throttled_does_not_end_the_watch(handler: str) -> None:
    """The host misses one join, and hears the next."""

    async def script(stage: Stage) -> None:
        host, player = await pair(stage, is_heard=False)
        await asyncio.sleep(2)
        stage.faults.add("throttle:HOST#1")
        await asyncio.sleep(END_S)
        assert (len(host.joins), player.error) == (5, "NO_ANSWER")
        await ended(host, player)

    play(script, handler)
