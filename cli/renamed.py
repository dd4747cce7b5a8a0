"""Old spellings of commands and options: they work for one release, with a line that says so."""

from collections.abc import Mapping
from typing import Any

import click

GONE_WITH = "0.3.0"
"""The release that removes them."""

COMMANDS = {"invoke": "effects"}
"""Old name of a command, and the new one."""


def tell(old: str, new: str) -> None:
    """Print that ``old`` is spelled ``new`` now."""
    click.echo(f"{old} is now {new}; the old spelling ends with {GONE_WITH}", err=True)


class RenamedOptions(click.Command):
    """A command that takes old names of its options, too."""

    def __init__(self, *args: Any, renamed: Mapping[str, str], **more: Any) -> None:
        super().__init__(*args, **more)
        self._renamed = renamed

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, each with its new name."""
        return super().parse_args(ctx, [self._with_new_name(each) for each in args])

    def _with_new_name(self, argument: str) -> str:
        name, equals, value = argument.partition("=")
        if name not in self._renamed:
            return argument
        tell(name, self._renamed[name])
        return f"{self._renamed[name]}{equals}{value}"
