"""URL, as the commands take it that are clients of a signaling server."""

import click

from poker_signal.emulator.client import BadUrl, checked_url


def server_url(url: str) -> str:
    """Return the URL as clients need it.

    Raises:
        click.UsageError: it is none; the text says what is.
    """
    try:
        return checked_url(url)
    except BadUrl as error:
        raise click.UsageError(f"{url}: {error}") from error
