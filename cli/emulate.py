"""poker-signal emulate."""

import os
import sys
from typing import Any

import click

from poker_signal.cli import VERSION
from poker_signal.core.model import Topology
from poker_signal.emulator.console import Console, banner
from poker_signal.emulator.server import CannotListen, Emulator
from poker_signal.emulator.server import run as serve
from poker_signal.emulator.settings import Settings


def run(
    *,
    topology: str,
    idle_timeout: float,
    max_duration: float,
    integration_timeout: float,
    **same: Any,
) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    settings = Settings(
        topology=Topology(topology),
        idle_timeout_s=idle_timeout,
        max_duration_s=max_duration,
        integration_timeout_s=integration_timeout,
        **same,
    )
    console = Console(sys.stderr, colour=_wants_colour())
    try:
        serve(settings, console, _announce)
    except CannotListen as error:
        raise click.ClickException(str(error)) from error
    finally:
        console.close()


def _announce(emulator: Emulator) -> None:
    """Tell people how to connect, then programs that they can."""
    click.echo(banner(emulator.url, VERSION), err=True, nl=False)
    click.echo(emulator.url)


def _wants_colour() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
