"""The group of commands: old names, and output that cannot be written."""

import contextlib
import errno
import os
import sys
from collections.abc import Generator
from typing import Any

import click

from poker_signal.cli import renamed
from poker_signal.emulator.terminal import escape_lines

_OF_FILES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of writing to a file that no socket raises."""


class Commands(click.Group):
    """Commands that end with one line where stdout cannot be written; a closed pipe needs none."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name, or by its old one."""
        new = renamed.COMMANDS.get(cmd_name)
        if new is not None:
            renamed.tell(cmd_name, new)
        return super().get_command(ctx, new or cmd_name)

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Parse the options before the command."""
        with _escaped_errors():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; escape what its error quotes."""
        with _escaped_errors():
            return super().invoke(ctx)

    def main(self, *args: Any, **more: Any) -> Any:
        """Run a command, and end the process."""
        try:
            return super().main(*args, **more)
        except OSError as error:
            # An error of a file that a command opened carries the file's name.
            if error.errno not in _OF_FILES or error.filename is not None:
                raise
            _leave_stdout()
            click.echo(f"Error: stdout cannot be written: {error.strerror}", err=True)
            sys.exit(1)


@contextlib.contextmanager
def _escaped_errors() -> Generator[None, None, None]:
    """Escape the text of errors: it may quote a server's answer or a file that was mailed."""
    try:
        yield
    except click.ClickException as error:
        # click declares it final; a new exception would lose the subclass and its exit code.
        vars(error)["message"] = escape_lines(error.message)
        raise


def _leave_stdout() -> None:
    """Discard buffered output: flushing it at exit would raise once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
