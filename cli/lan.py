"""emulate --lan."""

import sys
from secrets import token_urlsafe
from typing import Any

import click

from poker_signal.cli.colour import wants_colour
from poker_signal.emulator.lan import NoLan, lan_address, qr_code
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.console import can_encode

EVERY_ADDRESS = "0.0.0.0"
WARNING = "Everybody in this network can connect now: use --lan only where you trust them all."


def for_the_lan(host: str) -> dict[str, Any]:
    """Return the settings that let other devices connect.

    Raises:
        click.ClickException: it cannot be, and why.
    """
    if host != Settings().host:
        raise click.UsageError("--lan listens on every address; leave --host out")
    try:
        qr_code("is the library there?")
        address = lan_address()
    except NoLan as error:
        raise click.ClickException(str(error)) from error
    return {"host": EVERY_ADDRESS, "shown_host": address, "inspector_token": token_urlsafe(12)}


def announce_to_lan(url: str) -> None:
    """Show what a phone can open, as a code to scan too, and say what that means."""
    click.echo(f"  on a phone              {url}\n", err=True)
    if can_encode(sys.stderr, "█▀▄"):
        click.echo(qr_code(url), err=True)
    click.echo(click.style(WARNING, fg="yellow"), err=True, color=wants_colour())
