"""emulate --lan: the address and the QR code by which other devices find the emulator."""

import io
import socket
import sys
from secrets import token_urlsafe
from typing import Any

import click

from poker_signal.cli.colour import wants_colour
from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.terminal import can_encode

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


# For documentation only (RFC 5737): nothing is ever sent there.
_ELSEWHERE = ("192.0.2.1", 9)


class NoLan(PokerSignalError):
    """Other devices cannot connect, or cannot be told how; the text says why and what to do."""


def lan_address() -> str:
    """Return the address that this machine has in its network.

    Raises:
        NoLan: it has none.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Of a datagram socket this sends nothing: the system only looks for a way.
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
        raise NoLan("--lan needs a library more: pip install 'poker-signal[lan]'") from error
    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(drawn, compact=True)
    return drawn.getvalue()
