"""emulate --lan: address and QR code of the emulator for other devices."""

import io
import socket
import sys
from secrets import token_urlsafe
from typing import Any

import click

from poker_signal.cli.colour import wants_colour
from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator import extras
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.terminal import can_encode

EVERY_ADDRESS = "0.0.0.0"
WARNING = "Every device in this network can connect now: use --lan only in a network you trust."


def for_the_lan(host: str) -> dict[str, Any]:
    """Return the settings that let other devices connect.

    Raises:
        click.ClickException: this machine has no network, or segno is not installed.
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
    """Print the URL for a phone, its QR code, and a warning."""
    click.echo(f"  on a phone              {url}\n", err=True)
    if can_encode(sys.stderr, "█▀▄"):
        click.echo(qr_code(url), err=True)
    click.echo(click.style(WARNING, fg="yellow"), err=True, color=wants_colour())


# Reserved for documentation (RFC 5737); no packet is sent there.
_ELSEWHERE = ("192.0.2.1", 9)


class NoLan(PokerSignalError):
    """Other devices cannot connect, or segno is missing; the text has the reason and a fix."""


def lan_address() -> str:
    """Return this machine's address in its network.

    Raises:
        NoLan: it has none.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # connect() on a datagram socket sends nothing; it only selects a route.
            probe.connect(_ELSEWHERE)
        except OSError as error:
            raise NoLan(
                f"this machine is in no network ({error.strerror}); connect it to one, or name its "
                "address with --host"
            ) from error
        return str(probe.getsockname()[0])


def qr_code(text: str) -> str:
    """Return a QR code for a terminal with a dark or a light background.

    Raises:
        NoLan: the library is not installed.
    """
    try:
        import segno
    except ImportError as error:
        raise NoLan(extras.missing("--lan", "lan")) from error
    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(drawn, compact=True)
    return drawn.getvalue()
