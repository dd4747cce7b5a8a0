"""aiortc peers that open data channels, with the emulator between them."""

import asyncio
import signal
import sysconfig
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from subprocess import DEVNULL

import pytest

from poker_signal.core.model import HOST
from poker_signal.emulator.client.connection import signal_client
from poker_signal.emulator.client.webrtc import Happened, Peer, taking_part
from poker_signal.emulator.testing import SignalEmulator
from tests.support.process import serving

GAME = "AB12CD"

PATIENCE_S = 30
"""Seconds for a whole test on a busy machine; a handshake takes a fraction of a second."""

UNDELIVERED = '{"type":"undelivered","payload":{"code":"TARGET_NOT_FOUND",'

COMMAND = Path(sysconfig.get_path("scripts")) / "poker-signal"


def be_strict(happened: Happened) -> None:
    """Fail at every problem of a handshake: a candidate before its offer, an undelivered."""
    assert happened.kind != "problem", happened


@asynccontextmanager
async def seat(
    url: str, game: str, name: str, tell: Callable[[Happened], None] = be_strict
) -> AsyncGenerator[Peer, None]:
    """Connect a peer to the signaling server; a failure in a handshake ends the block."""
    async with signal_client(url, name, game) as client:
        peer = Peer(client, tell)
        async with taking_part(peer):
            yield peer


async def exchange(url: str, name: str) -> list[str]:
    """Connect a host and a player and let both send; return what player and host received."""
    async with (
        asyncio.timeout(PATIENCE_S),
        seat(url, GAME, HOST) as host,
        seat(url, GAME, name) as player,
    ):
        await player.join()
        to_player, to_host = await host.channel(name), await player.channel(HOST)
        to_player.send("Your cards")
        to_host.send("I fold")
        return [await to_host.receive(), await to_player.receive()]


@pytest.mark.process
async def test_host_and_player_meet_at_the_command() -> None:
    """The URL on stdout is all that two peers need to connect to each other."""
    with command() as url:
        assert await exchange(url, "Zoë 🂡") == ["Your cards", "I fold"]


async def test_eight_players_join_at_once(signal_emulator: SignalEmulator) -> None:
    """Eight players join at the same time, and no player gets another player's messages."""
    await play_a_party(signal_emulator.url)


@pytest.mark.nightly
@pytest.mark.process
@pytest.mark.aws
async def test_eight_players_join_at_once_on_the_lambda_host() -> None:
    """With many concurrent runs of the deployed function, no candidate overtakes its offer."""
    with command("--handler", "lambda", "--dynamodb", "moto") as url:
        await play_a_party(url)


@contextmanager
def command(*options: str) -> Generator[str, None, None]:
    """Start ``poker-signal emulate``; yield its URL."""
    with serving(COMMAND, "emulate", "--port", "0", *options, stderr=DEVNULL) as served:
        yield served.url
        served.process.send_signal(signal.SIGTERM)
        rest, _ = served.process.communicate(timeout=PATIENCE_S)
    assert rest == ""
    assert served.process.returncode == 0


async def play_a_party(url: str) -> None:
    """Let a host and eight players open their channels at once, and send on all of them."""
    names = [f"Player {number}" for number in range(1, 9)]
    is_over = asyncio.Event()

    def tell_host(happened: Happened) -> None:
        # A channel opens with the first candidates that work. Another candidate may still be on
        # its way when its player leaves. Then it is undelivered, which is correct.
        if not (is_over.is_set() and happened.text.startswith(UNDELIVERED)):
            be_strict(happened)

    async with (
        asyncio.timeout(PATIENCE_S),
        seat(url, GAME, HOST, tell_host) as host,
        AsyncExitStack() as table,
    ):
        players = {name: await table.enter_async_context(seat(url, GAME, name)) for name in names}
        await asyncio.gather(*(player.join() for player in players.values()))
        by_host = asyncio.gather(*(talk(host, name, f"for {name}") for name in names))
        by_players = asyncio.gather(*(talk(players[name], HOST, f"by {name}") for name in names))
        heard_by_host, heard_by_players = await by_host, await by_players
        is_over.set()

    assert heard_by_host == [script(f"by {name}") for name in names]
    assert heard_by_players == [script(f"for {name}") for name in names]


async def talk(peer: Peer, other: str, about: str) -> list[str]:
    """Send a hundred messages, and return as many received ones."""
    channel = await peer.channel(other)
    for text in script(about):
        channel.send(text)
    return [await channel.receive() for _ in script(about)]


def script(about: str) -> list[str]:
    """Return a hundred messages that all differ."""
    return [f"{number} {about}" for number in range(100)]
