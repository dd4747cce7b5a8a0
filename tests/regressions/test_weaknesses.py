"""W1 to W20: failures of handlers of this kind, which ours does not have.

The table is docs/weaknesses.md. Each test runs on both hosts.
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from poker_signal.core.configuration import Topology
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.trace.entries import Closed, Finished, Received
from tests.field.hosts import OURS, Weather, serving
from tests.field.meeting import meet, meet_once
from tests.support.client import PATIENCE_S, code_heard, hear, peer, settle, status_of, tell

GAME = "GAME01"

ROOT = Path(__file__).parents[2]

Serve = Callable[..., AbstractAsyncContextManager[Weather]]


@pytest.fixture(params=OURS)
def serve(request: pytest.FixtureRequest) -> Serve:
    """Return a function that starts a host with faults."""
    return lambda *specs, **more: serving(request.param, *specs, **more)


async def dies(socket: ClientConnection) -> None:
    """Wait until the connection is closed."""
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(socket.recv(), PATIENCE_S)


async def ended(weather: Weather, cause: type[Closed | Received], count: int) -> None:
    """Wait until `count` closes, or messages, have been handled."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            entries = [entry for _, entry in weather.trace.since(0)]
            causes = [entry.cause for entry in entries if isinstance(entry, Finished)]
            if sum(isinstance(found, cause) for found in causes) >= count:
                return
            news = asyncio.Event()
            weather.trace.when_something_happens(news.set)
            await news.wait()


async def test_w01_a_ghost_host_does_not_swallow_joins(serve: Serve) -> None:
    """A join to a ghost host gets an error; a join to a host that is alive is delivered."""
    async with serve("ghost:HOST#1") as weather:
        async with peer(weather, "HOST") as ghost:
            await dies(ghost)
        async with peer(weather, "Alice") as alice:
            await tell(alice, type="join", targetId="HOST")
            assert await code_heard(alice) == ("error", "HOST_NOT_FOUND")
        assert await meet_once(weather, GAME, "Alice") == "connected"


async def test_w02_a_ghost_of_ones_own_does_not_lock_its_player_out(serve: Serve) -> None:
    """A player's own ghost or expired row does not block its join, and a reservation for 60 s."""
    clock = VirtualClock()
    day = {"max_duration_s": 86_400, "idle_timeout_s": 86_400, "later": False}
    async with serve("ghost:Alice#1") as weather:
        async with peer(weather, "Alice") as ghost:
            await dies(ghost)
        assert await meet_once(weather, GAME, "Alice") == "connected"
    async with serve(clock=clock) as weather:
        async with peer(weather, "Alice", session="of-another-phone"):
            pass
        await ended(weather, Closed, 1)
        async with peer(weather, "HOST") as host, peer(weather, "Alice") as alice:
            await tell(alice, type="join", targetId="HOST")
            assert await code_heard(alice) == ("error", "DUPLICATE_NAME")
            clock.advance(61)
            await tell(alice, type="join", targetId="HOST")
            assert (await hear(host))["senderId"] == "Alice"
    async with serve(clock=clock, **day) as weather:
        async with peer(weather, "Alice") as former:
            clock.advance(7202)
            async with peer(weather, "HOST") as host, peer(weather, "Alice") as alice:
                await tell(alice, type="join", targetId="HOST")
                assert (await hear(host))["senderId"] == "Alice"
                await tell(former, type="ping")
                assert await code_heard(former) == ("error", "NOT_CONNECTED")
                await dies(former)


async def test_w03_of_two_with_one_name_the_first_keeps_its_seat(serve: Serve) -> None:
    """Of two connections with one name only the second is refused, and only at its join."""
    async with serve() as weather:
        async with peer(weather, "HOST") as host, peer(weather, "Alice") as first:
            async with peer(weather, "Alice") as second:
                await tell(second, type="join", targetId="HOST")
                assert await code_heard(second) == ("error", "DUPLICATE_NAME")
                await tell(first, type="join", targetId="HOST")
                assert (await hear(host))["senderId"] == "Alice"
                await tell(host, type="offer", targetId="Alice", payload=1)
                assert (await hear(first))["type"] == "offer"
                await settle(second)
            await settle(host)


async def test_w04_who_comes_back_at_once_is_let_in(serve: Serve) -> None:
    """A player can come back at once, even if the old ``$disconnect`` comes much later."""
    async with serve("delay:$disconnect=2s") as weather:
        async with peer(weather, "Alice"):
            pass
        assert await meet_once(weather, GAME, "Alice") == "connected"


@pytest.mark.parametrize(
    "query", ["", "?playerId=Alice", "?gameId=G", "?playerId=&gameId=G", "?playerid=A&gameid=G"]
)
async def test_w05_a_badly_made_url_leads_nowhere(serve: Serve, query: str) -> None:
    """A wrong URL is refused with the reason, and leads to no game shared by wrong URLs."""
    async with serve() as weather:
        with pytest.raises(InvalidStatus) as refused:
            await connect(weather.url + query)
        assert refused.value.response.status_code == 400
        assert b"Query parameter" in refused.value.response.body


async def test_w06_a_second_host_does_not_get_the_game(serve: Serve) -> None:
    """A host with a session keeps the game and its joins, also while it is away for a moment."""
    session = "only-the-tablet-knows"
    async with serve() as weather:
        async with peer(weather, "HOST", session=session) as host:
            assert await status_of(peer(weather, "HOST")) == 409
            assert await status_of(peer(weather, "HOST", session="a-guess-at-it")) == 409
            async with peer(weather, "Alice") as alice:
                await tell(alice, type="join", targetId="HOST")
                assert (await hear(host))["type"] == "join"
        await ended(weather, Closed, 2)
        assert await status_of(peer(weather, "HOST")) == 409
        assert await status_of(peer(weather, "HOST", session=session)) == 101


async def test_w07_no_guest_can_pose_as_the_dealer(serve: Serve) -> None:
    """In a star only HOST sends offers, and a message's sender comes from its connection."""
    async with serve(topology=Topology.STAR) as weather:
        async with peer(weather, "Mallory") as mallory, peer(weather, "Alice") as alice:
            await tell(mallory, type="offer", targetId="Alice", senderId="HOST", payload=1)
            assert await code_heard(mallory) == ("error", "NOT_ALLOWED")
            await settle(alice)


async def test_w08_with_a_ghost_around_messages_reach_who_is_alive(serve: Serve) -> None:
    """Messages always reach the connection that is alive, in whichever order rows are read."""
    async with serve("ghost:Alice#1", "ghost:HOST#2") as weather:
        async with peer(weather, "Alice") as ghost:
            await dies(ghost)
        async with peer(weather, "HOST") as host, peer(weather, "Alice") as alice:
            async with peer(weather, "HOST") as second_ghost:
                await dies(second_ghost)
            await tell(host, type="offer", targetId="Alice", payload=1)
            assert (await hear(alice))["type"] == "offer"
            await tell(alice, type="answer", targetId="HOST", payload=1)
            assert (await hear(host))["type"] == "answer"


async def test_w09_nothing_that_goes_wrong_is_silent(serve: Serve) -> None:
    """The sender gets every error in a frame, because it cannot see a status."""
    async with serve() as weather, peer(weather, "HOST") as host:
        for message, heard in (
            ({"type": "offer", "targetId": "Alice"}, ("undelivered", "TARGET_NOT_FOUND")),
            ({"type": "offer"}, ("error", "INVALID_MESSAGE")),
            ({"type": "shuffle"}, ("error", "UNKNOWN_TYPE")),
            ({"type": "join"}, ("error", "INVALID_JOIN")),
        ):
            await tell(host, **message)
            assert await code_heard(host) == heard
        await host.send("not JSON")
        assert await code_heard(host) == ("error", "INVALID_MESSAGE")


async def test_w10_candidates_do_not_overtake_their_offer(serve: Serve) -> None:
    """Candidates wait for their offer, because the client in the field would discard them."""
    async with serve("delay:offer=400ms", "delay:answer=200ms") as weather:
        assert await meet(weather, GAME, "Alice") == "connected"


@pytest.mark.parametrize("text", ["[1]", '"x"', "1", "null", "", "[" * 10_000, '{"type":[]}'])
async def test_w11_what_is_no_message_harms_nobody(serve: Serve, text: str) -> None:
    """An invalid message gets an error, and its connection works after that."""
    async with serve() as weather, peer(weather, "Alice") as alice:
        await alice.send(text)
        assert await code_heard(alice) == ("error", "INVALID_MESSAGE")
        await settle(alice)


async def test_w12_it_works_wherever_it_runs(serve: Serve) -> None:
    """A handshake works under another stage, on any port, and without AWS's host name."""
    async with serve(stage="v2") as weather:
        assert re.fullmatch(r"ws://127\.0\.0\.1:\d+/v2", weather.url)
        assert await meet_once(weather, GAME, "Alice") == "connected"


@pytest.mark.parametrize("route", ["$disconnect", "$connect"])
async def test_w13_no_message_passes_for_a_connect_or_disconnect(serve: Serve, route: str) -> None:
    """A message that names a route or an event type is handled as a message."""
    async with serve() as weather, peer(weather, "HOST") as host:
        await tell(host, action=route, type="ping")
        assert await hear(host) == {"type": "pong"}
        async with peer(weather, "Alice") as alice:
            await tell(alice, type="join", routeKey=route, eventType="DISCONNECT")
            assert (await hear(host))["type"] == "join"


async def test_w14_who_left_is_missed_by_the_first_message(serve: Serve) -> None:
    """The first message to a player that has left is undelivered."""
    async with serve() as weather, peer(weather, "HOST") as host:
        async with peer(weather, "Alice") as alice:
            await tell(host, type="offer", targetId="Alice", payload=1)
            assert (await hear(alice))["type"] == "offer"
        await ended(weather, Closed, 1)
        await tell(host, type="ice-candidate", targetId="Alice", payload=1)
        assert await code_heard(host) == ("undelivered", "TARGET_NOT_FOUND")


async def test_w15_who_comes_before_the_host_may_try_again(serve: Serve) -> None:
    """A player that joined before the host connected can join again on the same connection."""
    async with serve() as weather, peer(weather, "Alice") as alice:
        await tell(alice, type="join", targetId="HOST")
        assert await code_heard(alice) == ("error", "HOST_NOT_FOUND")
        async with peer(weather, "HOST") as host:
            await tell(alice, type="join", targetId="HOST")
            assert (await hear(host))["senderId"] == "Alice"


@pytest.mark.parametrize("session", [None, "only-the-tablet-knows"])
async def test_w16_a_tablet_that_restarts_gets_its_game_back(
    serve: Serve, session: str | None
) -> None:
    """A host that restarts gets its game back; with a session its old connection is closed."""
    async with serve() as weather:
        async with (
            peer(weather, "HOST", session=session) as former,
            peer(weather, "Alice") as alice,
            peer(weather, "HOST", session=session) as host,
        ):
            await tell(alice, type="join", targetId="HOST")
            assert (await hear(host))["type"] == "join"
            if session:
                await asyncio.wait_for(former.wait_closed(), PATIENCE_S)


async def test_w17_a_ping_keeps_the_lobby_alive(serve: Serve) -> None:
    """A ping is answered, needs no target, and resets the idle time-out."""
    clock = VirtualClock()
    async with serve(clock=clock, later=False) as weather, peer(weather, "HOST") as host:
        for count in range(1, 5):
            clock.advance(400)
            await settle(host)
            await ended(weather, Received, count)


async def test_w18_times_are_utc_and_who_has_no_row_is_told(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row expires two hours after the connect, in any time zone, and its owner is told."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    clock = VirtualClock()
    day = {"max_duration_s": 86_400, "idle_timeout_s": 86_400, "later": False}
    async with serve(clock=clock, **day) as weather, peer(weather, "HOST") as host:
        clock.advance(7199)
        async with peer(weather, "Alice") as alice:
            await tell(alice, type="join")
            assert (await hear(host))["type"] == "join"
            clock.advance(2)
            await tell(host, type="offer", targetId="Alice")
            assert await code_heard(host) == ("undelivered", "NOT_CONNECTED")
            await dies(host)
            await tell(alice, type="join")
            assert await code_heard(alice) == ("error", "HOST_NOT_FOUND")


async def test_w19_the_log_tells_what_became_of_it_and_nothing_of_whom(
    serve: Serve, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The log has outcomes and ids, but no name, game code or payload."""
    caplog.set_level(logging.INFO, logger="poker_signal")
    secrets = {"name": "Zoë-Ω", "game": "SECRET", "payload": "192.0.2.77"}
    async with serve() as weather:
        async with peer(weather, "HOST", secrets["game"]) as host:
            async with peer(weather, secrets["name"], secrets["game"]) as player:
                await tell(player, type="join", payload=secrets["payload"])
                await hear(host)
                await tell(host, type="offer", targetId="Absent", payload=secrets["payload"])
                await hear(host)
        await ended(weather, Closed, 2)
        outcomes = [record.outcome for record in weather.records if record.kind == "message"]
    printed = capsys.readouterr()
    logged = printed.out + printed.err + caplog.text
    assert {text for text in secrets.values() if text in logged} == set()
    lines = [json.loads(line) for line in printed.out.splitlines()]
    if lines:
        assert [line["outcome"] for line in lines if line["routeKey"] == "$default"] == [
            "delivered",
            "undelivered",
        ]
        assert all(line["requestId"] and line["connectionId"] for line in lines)
    else:
        assert outcomes == ["delivered", "undelivered TARGET_NOT_FOUND"]


async def test_w20_the_whole_of_it_is_tried_on_every_run(serve: Serve) -> None:
    """The client in the field completes a handshake, from connect to the last candidate."""
    async with serve() as weather:
        assert await meet_once(weather, GAME, "Zoë Ω 🂡 ") == "connected"


def test_every_weakness_has_its_row_and_the_row_its_test() -> None:
    """The table in the docs names tests that exist, one or more for each number."""
    table = (ROOT / "docs" / "weaknesses.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| W(\d+) \|.*`(test_w(\d\d)_\w+)` \|$", table, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 21))
    assert all(int(number) == int(of_test) for number, _, of_test in rows)
    assert [name for _, name, _ in rows] == sorted(
        name for name in globals() if re.match(r"test_w\d\d_", name)
    )
