"""Replays: the same deliveries in the same order, in bounded time."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus

from poker_signal.core.model import GameId, PlayerId
from poker_signal.core.tickets import sign
from poker_signal.emulator.client import replay as replay_module
from poker_signal.emulator.client.replay import SETTLE_S, NotReached, Played, replay
from poker_signal.emulator.client.replay_diff import Difference, compare
from poker_signal.emulator.client.replay_plan import plan_of
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.client.check import idle
from tests.emulator.client.check.broken import refusing, url_of
from tests.emulator.recorded import entries_of, table, take_over
from tests.support.client import hear, peer, tell


async def play(
    entries: list[Any], url: str, speed: float = 0, timeout_s: float = 5
) -> tuple[Played, list[Difference]]:
    """Replay; return the received frames and the differences."""
    plan = plan_of(entries)
    async with asyncio.timeout(50):
        played = await replay(plan, url, speed, timeout_s)
    found = [compare(part, played.then[id_], played.now[id_]) for id_, part in plan.parts.items()]
    return played, [difference for difference in found if difference]


@pytest.mark.parametrize("scene", [table, take_over])
async def test_the_same_server_says_the_same(scene: Any) -> None:
    """Refusals and takeovers happen again in a replay."""
    entries = await entries_of(scene)
    async with Emulator(Settings(port=0)) as emulator:
        played, differences = await play(entries, emulator.url)
    assert differences == []
    assert played.unsent == 0
    assert played.sent == sum(entry["kind"] == "message" for entry in entries)
    # The replay has as many trace entries as the recording.
    assert len(emulator.trace.since(0)) == len(entries)


async def test_whoever_is_refused_now_is_said(emulator: Emulator) -> None:
    """A client that is refused only now is a difference, and its unsent messages are counted."""
    entries = await entries_of(table)
    async with Emulator(Settings(port=0, seats=1)) as emulator:
        played, differences = await play(entries, emulator.url, timeout_s=0.5)
    by_name = {difference.part.player: difference for difference in differences}
    assert by_name["Zoë"].end == "opened then, refused 403 now"
    assert played.unsent == 2


async def steps(emulator: Emulator, clock: VirtualClock) -> None:
    """Send three messages, ten seconds apart."""
    async with peer(emulator, "Anna") as anna:
        for _ in range(3):
            clock.advance(10)
            await tell(anna, type="ping")
            await hear(anna)


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replays use the clock of their event loop, which ``idle.run`` lets jump."""
    clock = SimpleNamespace(
        monotonic=lambda: asyncio.get_running_loop().time(), perf_counter=time.perf_counter
    )
    monkeypatch.setattr(replay_module, "time", clock)


@pytest.mark.parametrize(("speed", "took_s"), [(1, 30), (100, 0.3), (0, 0)])
def test_time_is_as_it_was_or_scaled(virtual_time: None, speed: float, took_s: float) -> None:
    """Thirty seconds take 0.3 s at a speed of 100, and no time at a speed of 0."""

    async def scene() -> float:
        clock, loop = VirtualClock(), asyncio.get_running_loop()
        entries = await entries_of(lambda emulator: steps(emulator, clock), clock)
        async with Emulator(Settings(port=0)) as emulator:
            start = loop.time()
            _, differences = await play(entries, emulator.url, speed)
        assert differences == []
        return loop.time() - start

    # SETTLE_S (half a second) is for frames that were not recorded.
    assert idle.run(scene()) == pytest.approx(took_s + SETTLE_S)


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(virtual_time: None) -> None:
    """The time-out applies to all missing frames together."""

    async def silent(connection: ServerConnection) -> None:
        async for _ in connection:
            pass

    async def scene() -> float:
        entries, loop = await entries_of(table), asyncio.get_running_loop()
        async with serve(silent, "127.0.0.1", 0) as server:
            start = loop.time()
            played, differences = await play(entries, url_of(server), timeout_s=1)
        assert len(differences) == 3
        assert sum(len(difference.missing) for difference in differences) == sum(
            len(heard.frames) for heard in played.then.values()
        )
        return loop.time() - start

    assert idle.run(scene()) == pytest.approx(1 + SETTLE_S)


async def test_a_server_that_hangs_up_is_said() -> None:
    """A close by the server is a difference, with its code and reason."""
    entries = await entries_of(table)

    async def rude(connection: ServerConnection) -> None:
        await connection.close(1013, "later")

    async with serve(rude, "127.0.0.1", 0) as server:
        _, differences = await play(entries, url_of(server), timeout_s=1)
    assert {difference.end for difference in differences} == {
        "not closed by the server then, closed by the server with 1013 later now"
    }


async def test_a_server_that_cannot_be_reached_is_no_difference(emulator: Emulator) -> None:
    """An unreachable server means a wrong URL, which is reported before any wait."""
    clock = VirtualClock()
    entries = await entries_of(lambda emulator: steps(emulator, clock), clock)
    for url, says in (
        ("ws://127.0.0.1:9/prod", "no server listens at"),
        (f"{emulator.url}x", "is the stage missing"),
    ):
        with pytest.raises(NotReached, match=says):
            await play(entries, url, speed=0.001)


def attempt(who: str, **became: Any) -> list[dict[str, Any]]:
    """Return the entries of a client that connects, with the outcome."""
    whose = {"n": 0, "at": 5, "connectionId": f"of {who}", "playerId": who, "gameId": "G1"}
    return [{**whose, "kind": "connect"}, {**whose, **became}]


async def test_who_was_refused_then_may_be_refused_now(emulator: Emulator) -> None:
    """A second refusal is no difference, even if no other client shows that the URL is right."""
    _, differences = await play(attempt("Zoë", kind="refused", status=403), f"{emulator.url}x")
    assert differences == []


async def test_who_was_refused_then_gets_no_ticket() -> None:
    """A refused client gets no ticket, since it may have been refused for the lack of one."""
    keys = {"1": b"a-secret-of-november-with-entropy"}

    def ticket(game: str, player: str) -> str:
        return sign(keys, "1", GameId(game), PlayerId(player), int(time.time()) + 60)

    async def scene(emulator: Emulator) -> None:
        async with peer(emulator, "Anna", ticket=ticket("GAME01", "Anna")):
            with pytest.raises(InvalidStatus):
                await peer(emulator, "Bob").__aenter__()

    plan = plan_of(await entries_of(scene, ticket_keys=keys))
    async with Emulator(Settings(port=0, ticket_keys=keys)) as emulator:
        played = await replay(plan, emulator.url, 0, 5, ticket)
    assert [heard.outcome for heard in played.then.values()] == ["opened", "refused 401"]
    assert played.now == played.then


async def test_a_refusal_where_somebody_is_let_in_is_a_difference() -> None:
    """A refusal without a reason counts if another client shows that the URL is right."""
    entries = [*attempt("Zoë", kind="refused", status=409), *attempt("Anna", kind="opened")]
    async with refusing(403, admits=lambda request: "Zo" in request.path) as url:
        _, differences = await play(entries, url, timeout_s=1)
    assert [difference.end for difference in differences] == [
        "refused 409 then, opened now",
        "opened then, refused 403 now",
    ]


async def test_a_recording_that_begins_later_is_played_from_there() -> None:
    """A recording without its oldest entries, such as the inspector's download, is played."""
    entries = await entries_of(table)
    later = entries[entries.index(next(e for e in entries if e["kind"] == "message")) :]
    async with Emulator(Settings(port=0)) as emulator:
        _, differences = await play(later, emulator.url, timeout_s=1)
    assert differences == []
