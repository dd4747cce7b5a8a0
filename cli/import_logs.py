"""poker-signal import-logs."""

from typing import TextIO

import click

from poker_signal.cli import VERSION
from poker_signal.emulator.recording import format as recording
from poker_signal.emulator.recording.log_import import entries_of, log_lines


def run(file: TextIO) -> None:
    """Print a recording."""
    entries = entries_of(log_lines(file.read()))
    if not entries:
        raise click.ClickException(
            "the file has no log line of poker-signal's function; get them with "
            "aws logs tail LOG_GROUP --since 1h"
        )
    header = recording.header(entries[0]["at"], f"poker-signal {VERSION}", None, "names, messages")
    for value in (header, *entries):
        click.echo(recording.line(value), nl=False)
