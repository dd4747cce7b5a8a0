"""poker-signal bot."""

import asyncio
import contextlib
import sys
from typing import Any, NamedTuple

import click

from poker_signal.cli.address import checked_name, server_url
from poker_signal.cli.connecting import connected
from poker_signal.cli.data_channel import playing_webrtc
from poker_signal.cli.renamed import tell
from poker_signal.cli.running import run_until_interrupted
from poker_signal.cli.ticket import tickets_of
from poker_signal.cli.transcript import Transcript
from poker_signal.core.model import HOST, PRESENCE
from poker_signal.emulator.client.connection import Client, Tickets
from poker_signal.emulator.client.webrtc import BadIceServer, check_ice_server

CLOSED_BY_SERVER = 3
"""Exit code."""


class BotOptions(NamedTuple):
    """Options of the command."""

    url: str
    game: str
    player: str
    players: int
    say: str | None
    ice_servers: tuple[str, ...]
    ticket_secret_file: str | None
    timeout: float


def options_of(url: tuple[str, ...], options: dict[str, Any]) -> BotOptions:
    """Return the options of a command line.

    Raises:
        click.UsageError: there is more than one URL.
    """
    if len(url) == 2 and url[0] in {"host", "player"}:
        # The spelling of 0.1.0: bot host URL, bot player URL.
        if url[0] == "host":
            options["player"] = HOST
        tell(f"bot {url[0]} URL", f"bot URL --player {'HOST' if url[0] == 'host' else 'NAME'}")
        url = url[1:]
    if len(url) != 1:
        raise click.UsageError(f"bot takes one URL, not {' '.join(url)}")
    return BotOptions(url=url[0], **options)


def run(options: BotOptions) -> None:
    """Play a host, or some players, until Ctrl-C; exit with 0, 1 or 3, as the command explains."""
    if options.player == HOST and options.players != 1:
        raise click.UsageError("a game has one host; --count is for players")
    options = options._replace(
        url=server_url(options.url), game=checked_name("--game", options.game)
    )
    try:
        for server in options.ice_servers:
            check_ice_server(server)
    except BadIceServer as error:
        raise click.UsageError(f"--ice-server {error}") from error
    names = [checked_name("--player", name) for name in _names(options)]
    tickets = tickets_of(options.ticket_secret_file)
    raise SystemExit(run_until_interrupted(_play_all(names, options, tickets)))


def _names(options: BotOptions) -> list[str]:
    if options.players == 1:
        return [options.player]
    return [f"{options.player} {number}" for number in range(1, options.players + 1)]


async def _play_all(names: list[str], options: BotOptions, tickets: Tickets | None) -> int:
    """Return once one of the connections is closed, or output cannot be written any more."""
    transcript = Transcript(for_people=sys.stdout.isatty())
    async with contextlib.AsyncExitStack() as stack:
        clients = []
        for name in names:
            connecting = connected(
                options.url, name, options.game, None, options.timeout, tickets, wants=PRESENCE
            )
            clients.append(await stack.enter_async_context(connecting))
            transcript.connected(clients[-1])
        tasks = [asyncio.ensure_future(_play(one, options, transcript)) for one in clients]
        tasks.append(asyncio.ensure_future(transcript.until_lost()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            transcript.check()
            return max(task.result() for task in done)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _play(client: Client, options: BotOptions, transcript: Transcript) -> int:
    async with playing_webrtc(client, transcript, options.say, options.ice_servers):
        await client.expect_close(within=None)
    transcript.closed(client)
    return CLOSED_BY_SERVER
