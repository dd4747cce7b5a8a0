"""emulate --reload."""

import click

from poker_signal.cli.colour import wants_colour
from poker_signal.emulator.console import escape
from poker_signal.emulator.reload import CodeStatus


def tell_of_code(status: CodeStatus) -> None:
    """Say what was swapped, or where the mistake is."""
    if status.ok:
        words = click.style(f"code swapped: {status.message}", fg="green")
    else:
        where = "" if status.place is None else f"{status.place.file}:{status.place.line}: "
        text = f"code not swapped: {where}{status.message}; what was there before goes on"
        words = click.style(escape(text), fg="red")
    click.echo(words, err=True, color=wants_colour())
