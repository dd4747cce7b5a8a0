"""Two pages of a real browser with the browser client, and the emulator between them."""

import json
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, WebSocketRoute

from poker_signal.core.model import GameId, PlayerId
from poker_signal.core.tickets import sign
from poker_signal.emulator.testing import ConnectPeer, SignalEmulator
from tests.end_to_end.browser import Laptop, Route, Seat, serving_pages

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

GAME = "AB12CD"
KEYS = {"1": b"a-secret-of-november-with-entropy"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def laptop(browser: Browser) -> AsyncGenerator[Laptop, None]:
    """Yield one browser and one web server for all tests."""
    async with serving_pages(browser) as started:
        yield started


@pytest.fixture
def url(signal_emulator: SignalEmulator) -> str:
    """Return the URL of an emulator for each test."""
    return signal_emulator.url


async def meet(host: Seat, player: Seat, url: str, name: str) -> None:
    """Connect both, and wait for the channel between them."""
    assert await host.sit(url, GAME, "HOST")
    assert await player.sit(url, GAME, name)
    assert await host.channels.get() == name
    assert await player.channels.get() == "HOST"


async def talk(host: Seat, player: Seat, name: str) -> None:
    """Send a message in either direction."""
    await host.say(name, f"Your cards, {name}")
    await player.say("HOST", "I fold")
    assert await player.heard.get() == ("HOST", f"Your cards, {name}")
    assert await host.heard.get() == (name, "I fold")


@pytest.mark.signal_emulator(ticket_keys=KEYS)
async def test_a_ticket_lets_a_player_in_where_one_is_asked_for(laptop: Laptop, url: str) -> None:
    """If tickets are required, only a player with a ticket from the backend is accepted."""
    ticket = sign(KEYS, "1", GameId(GAME), PlayerId("Zoë 🃏"), int(time.time()) + 60)
    async with laptop.page() as stranger, laptop.page() as player:
        assert not await stranger.sit(url, GAME, "Zoë 🃏")
        assert await player.sit(url, GAME, "Zoë 🃏", ticket)


async def test_host_and_player_talk_over_a_data_channel(laptop: Laptop, url: str) -> None:
    """The messages of the game go over the data channel, not through the gateway.

    Candidates are trickled, but not the null candidate at their end, which clients in the field
    cannot handle.
    """
    async with laptop.page() as host, laptop.page() as player:
        await meet(host, player, url, "Alice")
        await talk(host, player, "Alice")
        signals = {"Alice": await host.sent("Alice"), "HOST": await player.sent("HOST")}
        kinds = {signal["type"] for each in signals.values() for signal in each}
        assert kinds == {"join", "offer", "answer", "ice-candidate"}
        for target, sent in signals.items():
            candidates = [signal for signal in sent if signal["type"] == "ice-candidate"]
            assert candidates
            for signal in candidates:
                assert signal["targetId"] == target
                assert signal["payload"]["candidate"].startswith("candidate:")
        assert host.problems.empty()
        assert player.problems.empty()


@pytest.mark.parametrize(
    "name",
    ["Zoë 🂡", "+1%20", "HOST ", "__proto__"],
    ids=["emoji", "plus-and-percent", "host-and-space", "proto"],
)
async def test_a_player_is_called_what_a_human_typed(laptop: Laptop, url: str, name: str) -> None:
    """A name is percent-encoded by the browser, decoded by the gateway, and otherwise unchanged."""
    async with laptop.page() as host, laptop.page() as player:
        await meet(host, player, url, name)
        await talk(host, player, name)


def overtaking(description: str) -> Route:
    """Relay one candidate, then the description that it belongs to, and no further candidate."""

    def relay(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        held: list[str | bytes] = []
        passed = 0

        def from_server(frame: str | bytes) -> None:
            nonlocal passed
            match json.loads(frame)["type"]:
                case "ice-candidate":
                    passed += 1
                    if passed == 1:
                        route.send(frame)
                        for late in held:
                            route.send(late)
                case type_ if type_ == description and not passed:
                    held.append(frame)
                case _:
                    route.send(frame)

        server.on_message(from_server)

    return relay


def without_candidates(route: WebSocketRoute) -> None:
    """Relay everything but candidates."""
    server = route.connect_to_server()

    def from_server(frame: str | bytes) -> None:
        if json.loads(frame)["type"] != "ice-candidate":
            route.send(frame)

    server.on_message(from_server)


@pytest.mark.parametrize(
    ("host_route", "player_route"),
    [(without_candidates, overtaking("offer")), (overtaking("answer"), without_candidates)],
    ids=["offer", "answer"],
)
async def test_candidates_that_overtake_their_description_are_kept(
    laptop: Laptop, url: str, host_route: Route, player_route: Route
) -> None:
    """A candidate that overtakes its description, as it can on AWS, is kept until that arrives."""
    async with laptop.page(host_route) as host, laptop.page(player_route) as player:
        await meet(host, player, url, "Alice")
        await talk(host, player, "Alice")


async def test_a_player_that_joins_again_gets_a_new_channel(laptop: Laptop, url: str) -> None:
    """A player whose page was reloaded gets a new channel to the same host."""
    async with laptop.page() as host:
        async with laptop.page() as player:
            await meet(host, player, url, "Alice")
            await player.leave()
        async with laptop.page() as player:
            assert await player.sit(url, GAME, "Alice")
            assert await player.channels.get() == "HOST"
            assert await host.channels.get() == "Alice"
            await talk(host, player, "Alice")


async def test_no_other_player_can_pose_as_the_host(
    laptop: Laptop, url: str, signal_peer: ConnectPeer
) -> None:
    """A page ignores offers from players other than HOST, although a mesh delivers them."""
    async with laptop.page() as host, laptop.page() as player:
        mallory = await signal_peer("Mallory", GAME)
        await meet(host, player, url, "Alice")
        await mallory.send("offer", "Alice", {"type": "offer", "sdp": "v=0"}, id="1")
        await mallory.expect("ack")
        # Comes after the offer: a problem caused by the offer would come first.
        await player.signal("later")
        assert (await player.problems.get())["payload"]["code"] == "INVALID_MESSAGE"
        await talk(host, player, "Alice")


async def test_a_player_without_a_host_is_told(laptop: Laptop, url: str) -> None:
    """A player that joins a game without a host gets an error that its page can show."""
    async with laptop.page() as player:
        assert await player.sit(url, GAME, "Alice")
        problem = await player.problems.get()
        assert problem["type"] == "error"
        assert problem["payload"]["code"] == "HOST_NOT_FOUND"


async def test_a_host_is_told_of_what_did_not_arrive(
    laptop: Laptop, url: str, signal_peer: ConnectPeer
) -> None:
    """A host is informed when its offer to a player that has left is undelivered."""
    alice = await signal_peer("Alice", GAME)

    def route(page: WebSocketRoute) -> None:
        async def from_server(frame: str | bytes) -> None:
            if json.loads(frame)["type"] == "join":
                await alice.close()
            page.send(frame)

        page.connect_to_server().on_message(from_server)

    async with laptop.page(route) as host:
        assert await host.sit(url, GAME, "HOST")
        await alice.send("join")
        problem: dict[str, Any] = await host.problems.get()
    assert problem["type"] == "undelivered"
    assert problem["payload"]["code"] == "TARGET_NOT_FOUND"
    assert problem["payload"]["targetId"] == "Alice"


async def test_a_refused_browser_sees_its_socket_fail_and_others_can_play(
    laptop: Laptop, url: str
) -> None:
    """A handshake refused with 400 closes that socket with 1006 and does not affect others."""
    async with laptop.page() as refused:
        assert not await refused.sit(url, GAME, "")
        problem = await refused.problems.get()
        assert (problem["type"], problem["code"]) == ("close", 1006)
        async with laptop.page() as host, laptop.page() as player:
            await meet(host, player, url, "Alice")
            await talk(host, player, "Alice")
