"""A player's connection, for commands that tell people why there is none."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import click

from poker_signal.emulator.client.connection import Client, Tickets, signal_client
from poker_signal.emulator.client.explain import UNREACHABLE, explain


@asynccontextmanager
async def taking_a_seat(
    url: str,
    player: str,
    game: str,
    session: str | None,
    timeout_s: float,
    tickets: Tickets | None = None,
) -> AsyncGenerator[Client, None]:
    """Connect a player; close the connection in the end, if it is still open.

    Raises:
        click.ClickException: refused or not reached; the text says why and what to do.
    """
    ticket = tickets(game, player) if tickets else None
    async with AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(
                signal_client(url, player, game, session, timeout_s, ticket)
            )
        except UNREACHABLE as error:
            # Only here: afterwards an OSError is not the network's.
            raise click.ClickException(explain(error, url, timeout_s)) from error
        yield client
