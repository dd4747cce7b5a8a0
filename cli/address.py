"""URL and names in the arguments of commands that are clients."""

import click

from poker_signal.core.messages import NAME_RULE, is_name
from poker_signal.emulator.client.connection import BadUrl, checked_url


def server_url(url: str) -> str:
    """Return the URL in the form that the client takes.

    Raises:
        click.UsageError: it is no WebSocket URL; the text has the expected form.
    """
    try:
        return checked_url(url)
    except BadUrl as error:
        raise click.UsageError(f"{url}: {error}") from error


def checked_name(option: str, name: str) -> str:
    """Return the name of a player or a game.

    Raises:
        click.UsageError: the name breaks the rule of the wire protocol.
    """
    if not is_name(name):
        raise click.UsageError(f"{option}: a name has {NAME_RULE}")
    return name
