"""The group of commands, and what becomes of one whose output nobody can take."""

import errno
import os
import sys
from typing import Any

import click

_OF_FILES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What writing to a file raises, and no socket does."""


class Commands(click.Group):
    """Commands that end with one line where stdout cannot be written; a closed pipe needs none."""

    def main(self, *args: Any, **more: Any) -> Any:
        """Run a command, and end the process."""
        try:
            return super().main(*args, **more)
        except OSError as error:
            # Files that a command was given have a name here.
            if error.errno not in _OF_FILES or error.filename is not None:
                raise
            _leave_stdout()
            click.echo(f"Error: stdout cannot be written: {error.strerror}", err=True)
            sys.exit(1)


def _leave_stdout() -> None:
    """Let what is still to be written go nowhere: Python would complain of it at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
