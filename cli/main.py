"""poker-signal: the commands, what they are told and what they print."""

import re
from typing import Any

import click

from poker_signal.cli import VERSION

# Core, emulator and boto3 are imported inside the commands that need them: `--help` answers
# at once.

SECONDS = click.FloatRange(min=0, min_open=True)
BYTES = click.IntRange(min=1)


def _stage(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_-]{1,128}", value):
        raise click.BadParameter("1 to 128 letters, digits, - or _, as API Gateway has it")
    return value


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="poker-signal")
def main() -> None:
    """WebRTC signaling on API Gateway, and the same on your own machine."""


@main.command(
    context_settings={
        "auto_envvar_prefix": "POKER_SIGNAL",
        "show_default": True,
        "max_content_width": 100,
    }
)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option(
    "--port", default=3001, type=click.IntRange(0, 65535), help="Port to listen on; 0: any free."
)
@click.option("--stage", default="prod", callback=_stage, help="Stage, the path of the URL.")
@click.option(
    "--topology",
    default="mesh",
    type=click.Choice(["mesh", "star"]),
    help="Who may address whom: everybody, or players only HOST.",
)
@click.option("--idle-timeout", default=600.0, type=SECONDS, help="Seconds of silence before 1001.")
@click.option("--max-duration", default=7200.0, type=SECONDS, help="Seconds a connection may last.")
@click.option(
    "--integration-timeout",
    default=29.0,
    type=click.FloatRange(0.05, 29),
    help="Seconds a handler may take.",
)
@click.option("--max-frame-bytes", default=32_768, type=BYTES, help="Largest frame of a client.")
@click.option(
    "--max-message-bytes", default=131_072, type=BYTES, help="Largest message of a client."
)
def emulate(**options: Any) -> None:
    """Be API Gateway on this machine, with poker-signal's rules behind it.

    Prints the WebSocket URL on stdout once it accepts connections, and one line per event on
    stderr. Ctrl-C stops it. Every option can also be set in the environment: --idle-timeout
    as POKER_SIGNAL_IDLE_TIMEOUT.
    """
    import poker_signal.cli.emulate as command

    command.run(**options)


@main.command()
@click.argument("event", type=click.File(encoding="utf-8"))
@click.option(
    "--room",
    type=click.File(encoding="utf-8"),
    help="JSON list of the game's rows; without it nobody is there.",
)
@click.option(
    "--topology",
    default="mesh",
    show_default=True,
    type=click.Choice(["mesh", "star"]),
    help="Who may address whom: everybody, or players only HOST.",
)
@click.option(
    "--gone",
    multiple=True,
    metavar="CONNECTION_ID",
    help="Connection that has closed without anybody being told; repeatable.",
)
def invoke(**options: Any) -> None:
    """Print what one recorded EVENT causes, without a socket and without AWS.

    EVENT is a file with the JSON that API Gateway hands to Lambda, - for standard input. One
    line of JSON per effect, in order; the response comes last.
    """
    import poker_signal.cli.invoke as command

    command.run(**options)
