"""emulate --reload."""

import click

from poker_signal.cli.colour import wants_colour
from poker_signal.emulator.reload.reloader import CodeStatus
from poker_signal.emulator.terminal import escape


def words_of_code(status: CodeStatus) -> str:
    """Return what was swapped, or where the mistake is; for stderr, in its colours."""
    if status.ok:
        words = click.style(f"code swapped: {status.message}", fg="green")
    else:
        where = "" if status.place is None else f"{status.place.file}:{status.place.line}: "
        text = f"code not swapped: {where}{status.message}; what was there before goes on"
        words = click.style(escape(text), fg="red")
    return words if wants_colour() else click.unstyle(words)
