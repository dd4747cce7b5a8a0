"""poker-signal: the commands, what they are told and what they print."""

import gc
import os
import sys
from typing import Any, TextIO

import click

from poker_signal.cli import VERSION
from poker_signal.cli.commands import Commands
from poker_signal.cli.options import Finite, settings_options

# The emulator, the core and boto3 are imported inside the commands that need them: `--help`
# answers at once.


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="poker-signal")
def main() -> None:
    """WebRTC signaling on API Gateway, and the same on your own machine."""
    open_standard_streams()


def open_standard_streams() -> None:
    """Open /dev/null in place of each standard stream that whoever started this has closed.

    Else the next socket or file gets its number: libuv aborts when it closes one of these, and
    what is printed would go into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It gets the lowest number that is free: this one, those below are open by now.
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 # it stays open
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


@main.command(context_settings={"auto_envvar_prefix": "POKER_SIGNAL", "max_content_width": 100})
@settings_options
@click.option(
    "--dispatch",
    default="concurrent",
    show_default=True,
    type=click.Choice(["concurrent", "serial"]),
    help="Messages of one connection: all at once, as on AWS, or one after the other.",
)
@click.option(
    "--handler",
    default="core",
    show_default=True,
    metavar="core | lambda | MODULE:FUNCTION | FILE.py:FUNCTION",
    help="Lambda handler behind the routes: poker-signal's rules in process, its Lambda "
    "function, or any.",
)
@click.option(
    "--dynamodb",
    metavar="memory | moto | URL",
    help="Where --handler lambda keeps its rows: in moto's DynamoDB, or at any endpoint.  "
    "[default: memory for core, moto for lambda]",
)
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="KEY",
    help="Route of your own in front of --handler, beside $connect, $disconnect and $default; "
    "repeatable.",
)
@click.option(
    "--route-selection-expression",
    default="$request.body.action",
    show_default=True,
    help="What of a message selects a --route.",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False),
    help="TOML file with functions, routes and an authorizer, in place of --handler.",
)
@click.option(
    "--ticket-secret-file",
    type=click.Path(dir_okay=False),
    help="JSON file of secrets by kid: with it, players need join tickets.",
)
@click.option(
    "--fault",
    "fault",
    multiple=True,
    metavar="SPEC",
    help="Trouble that AWS has, on purpose: drop:offer#1, reorder, ghost:HOST and more, see "
    "docs/faults.md; repeatable.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    help="The same seed lets the same faults happen to the same events.",
)
@click.option(
    "--tls", is_flag=True, help="Serve wss and https, with a certificate made on first use."
)
@click.option(
    "--lan", is_flag=True, help="Let other devices in this network connect; shows a QR code."
)
@click.option(
    "-v", "--verbose", is_flag=True, help="Show connection ids, routes and how long it took."
)
@click.option(
    "--reload", is_flag=True, help="Swap rules and handlers when they are edited; sockets stay."
)
@click.option(
    "--record",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Keep all that happens in a file, without addresses: docs/recordings.md.",
)
@click.option("--record-raw", is_flag=True, help="Keep addresses in it too; secrets never.")
@click.option("--open", "open_inspector", is_flag=True, help="Open the inspector in a browser.")
def emulate(**options: Any) -> None:
    """Be API Gateway on this machine, with poker-signal's rules behind it.

    Prints the WebSocket URL on stdout once it accepts connections, and one line per event on
    stderr. Ctrl-C stops it. Every option can also be set in the environment: --idle-timeout
    as POKER_SIGNAL_IDLE_TIMEOUT.
    """
    # What is imported stays: to look for garbage in it again and again, now and for as long as
    # the emulator runs, would find none.
    gc.disable()
    try:
        import poker_signal.cli.emulate as command
    finally:
        gc.freeze()
        gc.enable()
    command.run(**options)


_ticket_secret_file = click.option(
    "--ticket-secret-file",
    metavar="FILE",
    envvar="POKER_SIGNAL_TICKET_SECRET_FILE",
    type=click.Path(dir_okay=False),
    help="JSON file of secrets by kid, for a server that asks for join tickets.",
)


@main.command()
@click.argument("url")
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=Finite(min=0, min_open=True),
    help="Seconds that an expectation waits; the whole check takes at most a dozen of them.",
)
@click.option(
    "--pause",
    type=Finite(min=0),
    help="Seconds between connecting and the first message.  [default: 1, as the app does; 0 on "
    "this machine]",
)
@_ticket_secret_file
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document in place of a table."
)
def check(**options: Any) -> None:
    """Play host and players at URL and tell which rules hold there.

    URL is that of a deployment (tofu output websocket_url) or of an emulator. The games have
    names that nobody guesses. Exit code 0: all rules hold, 1: one does not, or nobody can
    connect.
    """
    import poker_signal.cli.check as command

    command.run(**options)


@main.command()
@click.argument("url")
@click.option("--player", required=True, help="Who to be; the host of a game is HOST.")
@click.option("--game", required=True, help="The game's code.")
@click.option("--session", help="Secret that takes a seat over: 8 to 128 visible ASCII characters.")
@_ticket_secret_file
@click.option(
    "--answer",
    is_flag=True,
    help="Do the WebRTC part as well: HOST offers to whoever joins, others join and answer.",
)
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=Finite(min=0, min_open=True),
    help="Seconds that connecting and /expect wait.",
)
@click.option(
    "--linger",
    default=1.0,
    show_default=True,
    type=Finite(min=0),
    help="Seconds to listen on after the end of standard input.",
)
def peer(**options: Any) -> None:
    """Play one peer at URL from the terminal, or from a script.

    Each line is a frame, as {"type":"join"}, or a command: /join, /to NAME, /offer FILE,
    /answer FILE, /candidate CANDIDATE, /connected, /ping, /send TEXT, /expect TYPE [NAME],
    /close [CODE [REASON]], /help. What is printed is one JSON object per line unless it is a
    terminal.

    Exit code 0: closed by this side, 1: refused, or a line of a script failed, 3: closed by
    the server.
    """
    import poker_signal.cli.peer as command

    command.run(command.PeerOptions(**options))


@main.command()
@click.argument("role", type=click.Choice(["host", "player"]))
@click.argument("url")
@click.option("--game", required=True, help="The game's code.")
@click.option("--name", default="Bot", show_default=True, help="The player's name.")
@click.option(
    "--count",
    "players",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many players: Bot 1, Bot 2 and so on.",
)
@click.option("--say", help="Message to send on each data channel once it is open.")
@click.option(
    "--ice-server",
    "ice_servers",
    multiple=True,
    metavar="URL",
    help="STUN or TURN server, as stun:HOST:PORT; repeatable. None is needed within one network.",
)
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=Finite(min=0, min_open=True),
    help="Seconds that connecting waits.",
)
@_ticket_secret_file
def bot(**options: Any) -> None:
    """Be the far end at URL, with a real WebRTC stack, until Ctrl-C.

    A host offers a data channel to whoever joins; a player joins and answers. What becomes of
    the channels, and what is said there, is printed: one JSON object per line unless it is a
    terminal.

    Exit code 0: ended by Ctrl-C or SIGTERM, 1: refused, 3: closed by the server.
    """
    import poker_signal.cli.bot as command

    command.run(command.BotOptions(**options))


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


@main.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--url", required=True, help="Server to play it at: ws://… or wss://….")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=Finite(min=0),
    help="How many times as fast as it was; 0: as fast as its order allows.",
)
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=Finite(min=0, min_open=True),
    help="Seconds to wait, in all, for what does not come.",
)
@_ticket_secret_file
def replay(**options: Any) -> None:
    """Play the clients of a recording again and tell what is heard otherwise.

    FILE is what emulate --record or the inspector has written. Frames are compared for each
    connection by itself; - was heard then and not now, + the other way round.

    Exit code 0: the same was heard, 1: something else, 2: FILE or URL is of no use.
    """
    import poker_signal.cli.replay as command

    command.run(**options)


@main.command("import-logs")
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
def import_logs(file: TextIO) -> None:
    """Print a recording of what the Lambda function has logged, for the inspector.

    FILE is the output of aws logs tail or aws logs filter-log-events, or the lines themselves;
    - for standard input. The log holds neither names nor messages: every connection is a player
    of its own.
    """
    import poker_signal.cli.import_logs as command

    command.run(file)


@main.command()
@click.option("--game", required=True, help="gameId that the player may join.")
@click.option("--player", required=True, help="playerId; HOST for the host.")
@click.option(
    "--lifetime",
    default=300,
    show_default=True,
    type=click.IntRange(1, 3600),
    help="Seconds until the ticket expires.",
)
@click.option("--kid", help="Key of the file that signs.  [default: the first]")
@click.option(
    "--secret-file",
    required=True,
    envvar="POKER_SIGNAL_TICKET_SECRET_FILE",
    show_envvar=True,
    type=click.Path(dir_okay=False),
    help='JSON file of secrets by kid: {"2026-11": "32 characters or more"}.',
)
def ticket(**options: Any) -> None:
    """Print a join ticket, for a server that asks for them.

    It goes into the URL beside the names: ?playerId=…&gameId=…&ticket=…
    """
    import poker_signal.cli.ticket as command

    command.run(**options)
