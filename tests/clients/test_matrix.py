"""The JavaScript client: two browsers, and what happens to connections, in every combination."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from poker_signal.core.configuration import Topology
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.clients.aiortc_end import AiortcEnd
from tests.clients.pages import End, ends_of, serving_harness, told
from tests.end_to_end.firefox import Session, firefox
from tests.support import tiers
from tests.support.process import emulate

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

PATIENCE_S = 25 + 4 * tiers.CLIENT_GAMES

GAMES = tiers.CLIENT_GAMES


class Scene(NamedTuple):
    """Two ends that have connected, and their server."""

    emulator: Emulator
    faults: Faults
    host: End | AiortcEnd
    player: End | AiortcEnd


async def nothing(scene: Scene) -> None:
    """Let them be."""


async def kill_sockets(scene: Scene) -> None:
    """Kill all sockets; the channels live, and the sockets come back."""
    await asyncio.gather(scene.host.call("killSockets"), scene.player.call("killSockets"))
    await asyncio.gather(scene.host.call("opened", 2), scene.player.call("opened", 2))


async def restart_ice(scene: Scene) -> None:
    """Restart ICE at the host; the offer arrives long after its candidates."""
    scene.faults.add("delay:offer=400ms")
    await scene.host.call("restart")


async def restart_ice_of_player(scene: Scene) -> None:
    """Restart ICE at the player; the offer arrives long after its candidates."""
    scene.faults.add("delay:offer=400ms")
    await scene.player.call("restart")


async def reload_host(scene: Scene) -> None:
    """Reload the host's page."""
    await scene.host.reload()


async def reload_player(scene: Scene) -> None:
    """Reload the player's page."""
    await scene.player.reload()


async def go_away(scene: Scene) -> None:
    """Announce the end of all connections."""
    gateway = scene.emulator._gateway
    for connection_id in list(gateway.open_connections):
        gateway.post(connection_id, '{"type":"go-away","payload":{"seconds":300}}')
    await asyncio.gather(scene.host.call("opened", 2), scene.player.call("opened", 2))


class Cell(NamedTuple):
    """An act between two rounds of messages; ``cuts``: the first sockets die in the handshake."""

    act: Callable[[Scene], Awaitable[None]] = nothing
    cuts: bool = False
    topology: Topology = Topology.MESH


CELLS = {
    "clean": Cell(),
    "cut": Cell(cuts=True),
    "killed": Cell(kill_sockets),
    "restart": Cell(restart_ice),
    "restart-of-player": Cell(restart_ice_of_player),
    "restart-of-player-in-a-star": Cell(restart_ice_of_player, topology=Topology.STAR),
    "host-reloads": Cell(reload_host),
    "player-reloads": Cell(reload_player),
    "go-away": Cell(go_away),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site() -> AsyncGenerator[str, None]:
    """Yield the URL of the harness."""
    async with serving_harness() as url:
        yield url


async def play(host_in: Any, player_in: Any, site: str, cell: Cell, seed: str) -> None:
    """Play some games of a cell, and expect every message of all."""
    chance = random.Random(seed)
    codes = [f"GAME{number}" for number in range(GAMES)]
    cuts = [chance.choice([(0, step), (step, 0)]) for step in (chance.randint(1, 6) for _ in codes)]
    cuts = cuts if cell.cuts else [(0, 0)] * GAMES
    faults = Faults()
    async with (
        Emulator(Settings(port=0, topology=cell.topology), faults=faults) as emulator,
        ends_of(host_in, player_in, site=site) as (host, player),
    ):
        client = f"{emulator.inspector_url}client/"
        scene = Scene(emulator, faults, host, player)
        try:
            async with asyncio.timeout(PATIENCE_S):
                for end, hosts in ((host, True), (player, False)):
                    cut = [pair[0 if hosts else 1] for pair in cuts]
                    await end.start(emulator.url, client, codes, hosts=hosts, cuts=cut)
                assert await both_talk(scene, "first") == [GAMES, GAMES]
                await cell.act(scene)
                assert await both_talk(scene, "second") == [GAMES, GAMES]
        except TimeoutError:
            stories = [told(await end.call("story")) for end in (host, player)]
            pytest.fail(f"cuts {cuts}\nhost {stories[0]}\nplayer {stories[1]}")
        finally:
            for end in (host, player):
                await end.call("leave")


async def both_talk(scene: Scene, round_: str) -> list[int]:
    """Let both ends talk."""
    return list(await asyncio.gather(scene.host.talk(round_), scene.player.talk(round_)))


@pytest.mark.aws
@pytest.mark.process
async def test_the_lambda_function_carries_the_handshakes(browser: Browser, site: str) -> None:
    """The function behind the emulator, with moto's DynamoDB: a hundred messages each way."""
    codes = [f"GAME{number}" for number in range(GAMES)]
    with emulate("--port", "0", "--handler", "lambda") as served:
        client = f"http{served.url.removeprefix('ws').rsplit('/', 1)[0]}/_inspect/client/"
        async with ends_of(browser, browser, site=site) as ends:
            for end, hosts in zip(ends, (True, False), strict=True):
                await end.start(served.url, client, codes, hosts=hosts, cuts=[0] * GAMES)
            for round_ in ("first", "second"):
                talks = (end.talk(round_) for end in ends)
                assert await asyncio.gather(*talks) == [GAMES, GAMES]
                await asyncio.gather(*(end.call("killSockets") for end in ends))
                await asyncio.gather(*(end.call("opened", 2) for end in ends))
            for end in ends:
                await end.call("leave")


@pytest.mark.parametrize("name", CELLS)
async def test_chromium_and_chromium(browser: Browser, site: str, name: str) -> None:
    """A hundred messages go each way, whatever happened."""
    await play(browser, browser, site, CELLS[name], f"chromium {name}")


def clean_first(names: Iterable[str]) -> list[Any]:
    """Return parameters of which only ``clean`` is no nightly one."""
    return [
        name if name == "clean" else pytest.param(name, marks=pytest.mark.nightly) for name in names
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fox() -> AsyncGenerator[Session, None]:
    """Yield a Firefox."""
    async with firefox() as session:
        yield session


@pytest.mark.parametrize("name", clean_first(CELLS))
async def test_firefox_and_firefox(fox: Session, site: str, name: str) -> None:
    """A hundred messages go each way, whatever happened."""
    await play(fox, fox, site, CELLS[name], f"firefox {name}")


@pytest.mark.parametrize("name", clean_first(CELLS))
async def test_chromium_hosts_firefox(browser: Browser, fox: Session, site: str, name: str) -> None:
    """A hundred messages go each way, whatever happened."""
    await play(browser, fox, site, CELLS[name], f"chromium firefox {name}")


@pytest.mark.parametrize("name", clean_first(CELLS))
async def test_firefox_hosts_chromium(browser: Browser, fox: Session, site: str, name: str) -> None:
    """A hundred messages go each way, whatever happened."""
    await play(fox, browser, site, CELLS[name], f"firefox chromium {name}")


# aiortc restarts no ICE, and its sockets are not killed.
FOREIGN = [name for name in CELLS if "restart" not in name]


@pytest.mark.nightly
@pytest.mark.parametrize("name", FOREIGN)
async def test_chromium_hosts_aiortc(browser: Browser, site: str, name: str) -> None:
    """A hundred messages go each way, whatever happened."""
    await play(browser, AiortcEnd(), site, CELLS[name], f"chromium aiortc {name}")


@pytest.mark.parametrize("name", clean_first(FOREIGN))
async def test_aiortc_hosts_chromium(browser: Browser, site: str, name: str) -> None:
    """A hundred messages go each way, whatever happened."""
    await play(AiortcEnd(), browser, site, CELLS[name], f"aiortc chromium {name}")


@pytest.mark.nightly
@pytest.mark.parametrize("name", FOREIGN)
async def test_firefox_hosts_aiortc(fox: Session, site: str, name: str) -> None:
    """A hundred messages go each way, whatever happened."""
    await play(fox, AiortcEnd(), site, CELLS[name], f"firefox aiortc {name}")


@pytest.mark.nightly
@pytest.mark.parametrize("name", FOREIGN)
async def test_aiortc_hosts_firefox(fox: Session, site: str, name: str) -> None:
    """A hundred messages go each way, whatever happened."""
    await play(AiortcEnd(), fox, site, CELLS[name], f"aiortc firefox {name}")
