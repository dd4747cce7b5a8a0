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
"""Sixteen times what an SSM parameter holds; of a file that never ends no more is read."""

LIFETIME_S = 300
"""For connecting at once."""


def run(*, game: str, player: str, lifetime: int, kid: str | None, secret_file: str) -> None:
    """Print a ticket."""
    for name, value in (("--game", game), ("--player", player)):
        if not messages.is_name(value):
            raise click.UsageError(f"{name} must be {messages.NAME_RULE}")
    keys = secrets_of(secret_file, "--secret-file").keys
    kid = kid or next(iter(keys))
    if kid not in keys:
        raise click.ClickException(f"--kid {kid}: {secret_file} has {', '.join(keys)}")
    click.echo(_sign(keys, kid, game, player, lifetime))


def tickets_of(path: str | None) -> Tickets | None:
    """Return who makes the tickets of a client that was given --ticket-secret-file.

    Raises:
        click.ClickException: the file cannot be read, or holds no keys.
    """
    if path is None:
        return None
    keys = secrets_of(path, "--ticket-secret-file").keys
    return lambda game, player: _sign(keys, next(iter(keys)), game, player, LIFETIME_S)


def _sign(keys: Keys, kid: str, game: str, player: str, lifetime_s: int) -> str:
    return sign(keys, kid, GameId(game), PlayerId(player), int(time.time()) + lifetime_s)


class TicketSecrets(NamedTuple):
    """A file of keys."""

    text: str
    """As it was written: what belongs into SSM."""
    keys: Keys


def secrets_of(path: str, option: str) -> TicketSecrets:
    """Read a file of keys, which ``option`` names.

    Raises:
        click.ClickException: it cannot be read, or holds none.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode()
        return TicketSecrets(text, read_keys(text))
    except OSError as error:
        raise click.ClickException(f"{option} {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        # Its own words hold the content.
        raise click.ClickException(f"{option} {path}: not UTF-8") from None
    except BadKeys as error:
        raise click.ClickException(f"{option} {path}: {error}") from error
