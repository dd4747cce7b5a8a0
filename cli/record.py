"""emulate --record."""

from pathlib import Path
from typing import NamedTuple

import click

from poker_signal.cli import VERSION
from poker_signal.emulator.clock import now_ms
from poker_signal.emulator.recording.format import header
from poker_signal.emulator.recording.recorder import CannotRecord, Recorder
from poker_signal.emulator.recording.redaction import Redaction
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Kept
from poker_signal.emulator.trace.trace import Observer


class Both(NamedTuple):
    """Forwards entries to two observers."""

    one: Observer
    other: Observer

    def observe(self, entry: Kept) -> None:
        """Forward an entry to both."""
        self.one.observe(entry)
        self.other.observe(entry)


def recorder(path: Path, is_raw: bool, settings: Settings) -> Recorder:
    """Return a recorder that is not started; ``is_raw``: addresses stay in the recording.

    Raises:
        click.ClickException: the file cannot be written, or another emulator writes it.
    """
    redacts = "secrets" if is_raw else "addresses and secrets"
    first = header(now_ms(), f"poker-signal {VERSION}", settings, redacts)
    redaction = Redaction(keep_addresses=is_raw)
    try:
        return Recorder(path, first, redaction, lambda what: click.echo(what, err=True))
    except CannotRecord as error:
        raise click.ClickException(f"--record {error}") from error


def begin(recorder: Recorder) -> None:
    """Start the recording, which replaces the file's content.

    Raises:
        click.ClickException: the file cannot be written.
    """
    try:
        recorder.start()
    except CannotRecord as error:
        raise click.ClickException(f"--record {error}") from error
