"""poker-signal ticket, and the file with its keys."""

import time
from pathlib import Path
from typing import NamedTuple

import click

from poker_signal.core import messages
from poker_signal.core.model import GameId, PlayerId
from poker_signal.core.tickets import BadKeys, Keys, read_keys, sign
from poker_signal.emulator.client.connection import Tickets

MAX_FILE_BYTES = 65_536
"""Bytes read of a file at most: sixteen times the size of an SSM parameter."""

LIFETIME_S = 300
"""Seconds that a ticket is valid which a command signs for connecting at once."""


def run(*, game: str, player: str, lifetime: int, kid: str | None, ticket_secret_file: str) -> None:
    """Print a ticket."""
    for name, value in (("--game", game), ("--player", player)):
        if not messages.is_name(value):
            raise click.UsageError(f"{name} must be {messages.NAME_RULE}")
    keys = secrets_of(ticket_secret_file).keys
    kid = kid or next(iter(keys))
    if kid not in keys:
        raise click.ClickException(f"--kid {kid}: {ticket_secret_file} has {', '.join(keys)}")
    click.echo(_sign(keys, kid, game, player, lifetime))


def tickets_of(path: str | None) -> Tickets | None:
    """Return a function that signs a client's tickets; None: no --ticket-secret-file was given.

    Raises:
        click.ClickException: the file cannot be read, or holds no keys.
    """
    if path is None:
        return None
    keys = secrets_of(path).keys
    return lambda game, player: _sign(keys, next(iter(keys)), game, player, LIFETIME_S)


def _sign(keys: Keys, kid: str, game: str, player: str, lifetime_s: int) -> str:
    return sign(keys, kid, GameId(game), PlayerId(player), int(time.time()) + lifetime_s)


class TicketSecrets(NamedTuple):
    """A file of keys."""

    text: str
    """Text of the file, as an operator puts it into SSM."""
    keys: Keys


def secrets_of(path: str) -> TicketSecrets:
    """Read the file of keys that --ticket-secret-file names.

    Raises:
        click.ClickException: it cannot be read, or holds no keys.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode()
        return TicketSecrets(text, read_keys(text))
    except OSError as error:
        raise click.ClickException(f"--ticket-secret-file {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        # The error's own text quotes the content.
        raise click.ClickException(f"--ticket-secret-file {path}: not UTF-8") from None
    except BadKeys as error:
        raise click.ClickException(f"--ticket-secret-file {path}: {error}") from error
