"""poker-signal emulate."""

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from poker_signal.cli import VERSION
from poker_signal.core.model import Topology
from poker_signal.emulator.console import Console, banner
from poker_signal.emulator.server import CannotStart, Emulator
from poker_signal.emulator.server import run as serve
from poker_signal.emulator.settings import Settings

if TYPE_CHECKING:
    from poker_signal.emulator.config import ApiConfig
    from poker_signal.emulator.tls import Certificate


def run(
    *, topology: str, dispatch: str, handler: str, config: str | None, tls: bool, **same: Any
) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    try:
        settings = Settings(topology=Topology(topology), serial=dispatch == "serial", **same)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    api = _read_api(handler, config)
    certificate = _certificate_for(settings.host) if tls else None
    console = Console(sys.stderr, colour=_wants_colour())
    folder = Path(config).parent if config else None
    emulator = Emulator(settings, console, api=api, folder=folder, certificate=certificate)
    stdout = sys.stdout
    try:
        # What a handler prints is for people too: stdout is the URL's.
        with contextlib.redirect_stdout(sys.stderr):
            serve(emulator, lambda emulator: _announce(emulator, stdout))
    except CannotStart as error:
        raise click.ClickException(str(error)) from error
    finally:
        console.close()


def _read_api(handler: str, config: str | None) -> "ApiConfig | None":
    """Return what is to be served; None for our own rules."""
    if handler == "core" and config is None:
        return None
    # Only who has handlers of their own waits for what reads them.
    from poker_signal.emulator.config import BadConfig, of_handler, read_config

    if config is None:
        return of_handler(handler)
    if handler != "core":
        raise click.UsageError("--config names the handlers; leave --handler out")
    try:
        return read_config(Path(config))
    except BadConfig as error:
        raise click.ClickException(str(error)) from error


def _certificate_for(host: str) -> "Certificate":
    from poker_signal.emulator.tls import NoTls, certificate_for

    try:
        return certificate_for(host)
    except NoTls as error:
        raise click.ClickException(str(error)) from error


def _announce(emulator: Emulator, stdout: TextIO) -> None:
    """Tell people how to connect, then programs that they can."""
    text = banner(emulator.url, emulator.management_url, VERSION, emulator.authority)
    click.echo(text, err=True, nl=False)
    click.echo(emulator.url, file=stdout)


def _wants_colour() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
