"""emulate --reload."""

import click

from poker_signal.cli.colour import wants_colour
from poker_signal.emulator.reload.reloader import CodeStatus
from poker_signal.emulator.terminal import escape


def words_of_code(status: CodeStatus) -> str:
    """Return the line about a reload: swapped modules, or file and line of the mistake."""
    if status.ok:
        words = click.style(f"code swapped: {status.message}", fg="green")
    else:
        where = "" if status.place is None else f"{status.place.file}:{status.place.line}: "
        text = f"code not swapped: {where}{status.message}; the old code goes on"
        words = click.style(escape(text), fg="red")
    return words if wants_colour() else click.unstyle(words)
