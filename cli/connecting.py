"""Connections of commands, whose failures are explained in one line."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import click

from poker_signal.emulator.client.connection import Client, Tickets, signal_client
from poker_signal.emulator.client.explain import UNREACHABLE, explain


@asynccontextmanager
async def connected(
    url: str,
    player: str,
    game: str,
    session: str | None,
    timeout_s: float,
    tickets: Tickets | None = None,
    wants: str | None = None,
) -> AsyncGenerator[Client, None]:
    """Connect a player; close the connection at the end if it is still open.

    ``wants``: frames to get unasked, such as ``presence``.

    Raises:
        click.ClickException: refused or not reached; the text has the reason and a fix.
    """
    ticket = tickets(game, player) if tickets else None
    async with AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(
                signal_client(url, player, game, session, timeout_s, ticket, wants)
            )
        except UNREACHABLE as error:
            # Only here: a later OSError does not come from the network.
            raise click.ClickException(explain(error, url, timeout_s)) from error
        yield client
