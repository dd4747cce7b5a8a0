"""URL and names, as the commands take them that are clients of a signaling server."""

import click

from poker_signal.core.messages import NAME_RULE, is_name
from poker_signal.emulator.client.connection import BadUrl, checked_url


def server_url(url: str) -> str:
    """Return the URL as clients need it.

    Raises:
        click.UsageError: it is none; the text says what is.
    """
    try:
        return checked_url(url)
    except BadUrl as error:
        raise click.UsageError(f"{url}: {error}") from error


def checked_name(option: str, name: str) -> str:
    """Return the name of a player or a game.

    Raises:
        click.UsageError: no server would take it.
    """
    if not is_name(name):
        raise click.UsageError(f"{option}: a name has {NAME_RULE}")
    return name
