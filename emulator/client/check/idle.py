"""Experiment: which traffic keeps a connection open beyond the gateway's idle time-out.

AWS documents ten minutes without a word on what resets them. Four connections of one game differ in
their traffic only; 21 minutes later, two time-outs and a minute, the table says which are open.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import NamedTuple

from poker_signal.core.later import LOBBY_S
from poker_signal.emulator.client.check.scene import Server, message, new_game
from poker_signal.emulator.client.connection import Client, Ended, signal_client

LASTS_S = 1260
"""Seconds that the experiment lasts."""

EVERY_S = LOBBY_S
"""Seconds between two frames of a connection that has traffic."""

SILENT = "Silent"
PUSHED = "Pushed"
CONTROL = "Control"
SPEAKING = "Speaking"

TRAFFIC = {
    SILENT: "none",
    PUSHED: "messages of the server to it",
    CONTROL: "ping frames of the client",
    SPEAKING: "messages of the client",
}
"""Traffic of each connection, by its player."""


class Life(NamedTuple):
    """One connection of the experiment, at its end."""

    player: str
    ended_s: float | None
    """Seconds from the connect to its end; None: it is open."""
    close_code: int | None = None
    close_reason: str = ""


async def lives(server: Server, tell: Callable[[str], None]) -> list[Life]:
    """Play the experiment; ``tell`` gets a line when a connection ends.

    Raises:
        InvalidStatus, OSError, TimeoutError, InvalidHandshake: the server cannot be reached.
    """
    game, loop = new_game(), asyncio.get_running_loop()
    began_s = loop.time()
    ended: dict[str, float] = {}

    async def watch(client: Client) -> None:
        code = await client.expect_close(None)
        ended[client.player] = loop.time() - began_s
        after = f"after {ended[client.player] / 60:.1f} minutes"
        tell(f"{client.player} was closed {after}: {code} {client.close_reason}")

    async with AsyncExitStack() as stack:
        clients: dict[str, Client] = {}
        for player in TRAFFIC:
            ticket = server.tickets(game, player) if server.tickets else None
            client = signal_client(server.url, player, game, None, server.timeout_s, ticket)
            clients[player] = await stack.enter_async_context(client)
        watching = [asyncio.ensure_future(watch(each)) for each in clients.values()]
        try:
            await _play(clients, ended, began_s)
            # An answer of the server is the proof that the speaking connection is open. The others
            # get none, as it would be traffic.
            return [_life(client, ended) for client in clients.values()]
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)


async def _play(clients: dict[str, Client], ended: dict[str, float], began_s: float) -> None:
    loop = asyncio.get_running_loop()
    while (left_s := began_s + LASTS_S - loop.time()) > 0:
        await asyncio.sleep(min(EVERY_S, left_s))
        if loop.time() >= began_s + LASTS_S:
            return
        for player, send in (
            (SPEAKING, clients[SPEAKING].send_text(message("player-connected", PUSHED, "null"))),
            (CONTROL, clients[CONTROL].ping_by_control_frame()),
        ):
            try:
                await send
            except Ended:
                ended.setdefault(player, loop.time() - began_s)


def _life(client: Client, ended: dict[str, float]) -> Life:
    ended_s = ended.get(client.player)
    if ended_s is None:
        return Life(client.player, None)
    return Life(client.player, ended_s, client.close_code, client.close_reason)
