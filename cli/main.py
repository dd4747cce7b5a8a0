"""poker-signal: the commands, their options and their help."""

import gc
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import click

from poker_signal.cli import VERSION
from poker_signal.cli.commands import Commands
from poker_signal.cli.options import Finite, settings_options
from poker_signal.cli.renamed import RenamedOptions
from poker_signal.cli.settings_file import WithSettingsFile

# Each command imports its own module when it runs: `--help` answers at once.


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="poker-signal")
def main() -> None:
    """See why a WebRTC handshake hangs: a local API Gateway with signaling and an inspector."""
    open_standard_streams()


def open_standard_streams() -> None:
    """Open /dev/null in place of each standard stream that the parent process has closed.

    Otherwise the next socket or file gets its descriptor: output would go into it, and libuv
    aborts when it closes descriptor 0, 1 or 2.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # open() takes the lowest free descriptor, which is this stream's.
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 # it stays open
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


@main.command(
    cls=WithSettingsFile,
    context_settings={"auto_envvar_prefix": "POKER_SIGNAL", "max_content_width": 100},
)
@settings_options
@click.option(
    "--dispatch",
    default="concurrent",
    show_default=True,
    type=click.Choice(["concurrent", "serial"]),
    help="Messages of one connection: concurrent as on AWS, or serial, in order.",
)
@click.option(
    "--handler",
    default="core",
    show_default=True,
    metavar="core | lambda | FILE:FUNCTION | MODULE:FUNCTION | EXECUTABLE",
    help="Function behind the routes: poker-signal's rules in process, the deployed Lambda "
    "function, or your own in a process, as in app.py:handler, index.mjs:handler, app.handler or "
    "./bootstrap: docs/handlers.md.",
)
@click.option(
    "--dynamodb",
    metavar="memory | moto | URL",
    help="DynamoDB of handlers: moto's in this process, or an endpoint.  "
    "[default: memory for core, moto for lambda and for a configuration with tables]",
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    envvar="POKER_SIGNAL_TABLE",
    metavar="NAME=KEY",
    help="DynamoDB table to create for --handler, with its key and maybe a sort key: "
    "rows=id, rows=room/at:N; repeatable.",
)
@click.option(
    "--aws",
    type=click.Choice(["moto"]),
    help="Serve all services of AWS that moto has to handlers, DynamoDB included.",
)
@click.option(
    "--real-aws",
    is_flag=True,
    help="Hand your AWS credentials to handlers; otherwise they get dummy ones.",
)
@click.option(
    "--route",
    "routes",
    multiple=True,
    envvar="POKER_SIGNAL_ROUTE",
    metavar="KEY",
    help="Route key of --handler, beside $connect, $disconnect and $default; repeatable.",
)
@click.option(
    "--route-selection-expression",
    default="$request.body.action",
    show_default=True,
    help="JSONPath in a message that selects a --route.",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False),
    help="TOML file with functions, routes and an authorizer, instead of --handler: "
    "docs/handlers.md.",
)
@click.option(
    "--template",
    type=click.Path(),
    help="SAM or CloudFormation template, or cdk.out folder, in place of --config.",
)
@click.option(
    "--env",
    type=click.Path(dir_okay=False),
    help="File of NAME=VALUE lines for what --template leaves open.",
)
@click.option(
    "--print-config", is_flag=True, help="Print the API as a file for --config, and exit."
)
@click.option(
    "--ticket-secret-file",
    type=click.Path(dir_okay=False),
    help="JSON file of secrets by kid. With it, players need join tickets.",
)
@click.option(
    "--ice",
    type=click.Path(dir_okay=False),
    help="JSON file of the ICE servers that clients get: docs/ice.md.",
)
@click.option(
    "--turn", is_flag=True, help="Start a TURN server (coturn) on this machine, and tell clients."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    envvar="POKER_SIGNAL_FAULT",
    metavar="SPEC",
    help="Failure to inject, such as drop:offer#1, drop:@Alice (what Alice sends), reorder or "
    "ghost:HOST: docs/faults.md; repeatable.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    help="Seed of the faults: the same seed strikes the same events.",
)
@click.option(
    "--tls", is_flag=True, help="Serve wss and https, with a certificate made on first use."
)
@click.option(
    "--lan", is_flag=True, help="Accept other devices of this network, and print a QR code."
)
@click.option(
    "--log-format",
    default="text",
    show_default=True,
    type=click.Choice(["text", "json"]),
    help="Lines on stderr: aligned text, or one JSON object each.",
)
@click.option(
    "-v", "--verbose", is_flag=True, help="Log connection ids, routes and durations as well."
)
@click.option(
    "--reload", is_flag=True, help="Reload rules and handlers when they are edited; sockets stay."
)
@click.option(
    "--record",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write a recording, without addresses and secrets: docs/recordings.md.",
)
@click.option("--record-raw", is_flag=True, help="Keep addresses in the recording.")
@click.option(
    "--open",
    "open_inspector",
    is_flag=True,
    envvar="POKER_SIGNAL_OPEN",
    help="Open the inspector in a browser.",
)
@click.pass_obj
def emulate(settings_file: Path | None, /, **options: Any) -> None:
    """Run a local API Gateway with poker-signal's rules behind it.

    Prints the WebSocket URL on stdout once it accepts connections, and one line per event on
    stderr. Ctrl-C stops it.

    Every option can also be set in the environment (--idle-timeout as
    POKER_SIGNAL_IDLE_TIMEOUT), in poker-signal.toml of the working directory, or in the table
    [tool.poker-signal] of its pyproject.toml.
    """
    # Imported modules stay: scanning them for garbage, during the import and at every later
    # collection, finds none.
    gc.disable()
    try:
        import poker_signal.cli.emulate as command
    finally:
        gc.freeze()
        gc.enable()
    command.run(command.options_of(options, settings_file))


_ticket_secret_file = click.option(
    "--ticket-secret-file",
    metavar="FILE",
    envvar="POKER_SIGNAL_TICKET_SECRET_FILE",
    type=click.Path(dir_okay=False),
    help="JSON file of secrets by kid; signs join tickets for a server that asks for them.",
)


@main.command()
@click.argument("url")
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=Finite(min=0, min_open=True),
    help="Timeout per step, in seconds. A full run takes at most 12 times this.",
)
@click.option(
    "--pause",
    type=Finite(min=0),
    help="Seconds between connecting and the first message.  [default: 1, as in the app; 0 for "
    "this machine]",
)
@_ticket_secret_file
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
@click.option(
    "--slow",
    is_flag=True,
    help="Play also what takes minutes: a join that ends with NO_ANSWER, and the lobby of a HOST.",
)
@click.option(
    "--idle",
    is_flag=True,
    help="Play no rules: find out in 21 minutes which traffic resets the gateway's idle time-out.",
)
def check(**options: Any) -> None:
    """Play host and players against URL, and report each rule of the wire protocol.

    URL is a deployment's (tofu output websocket_url) or an emulator's. The games have random
    names. Exit code 0: all rules hold, 1: a rule fails, or no connection is possible.
    """
    import poker_signal.cli.check as command

    command.run(**options)


@main.command()
@click.argument("url")
@click.option("--player", required=True, help="Player's name; HOST is the host.")
@click.option("--game", required=True, help="Game's code.")
@click.option("--session", help="Secret that takes a seat over: 8 to 128 visible ASCII characters.")
@_ticket_secret_file
@click.option(
    "--answer",
    is_flag=True,
    help="Do the WebRTC part, too: HOST offers to each player that joins, a player joins and "
    "answers.",
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
    help="Seconds to go on listening after the end of standard input.",
)
def peer(**options: Any) -> None:
    """Play one peer at URL from the terminal, or from a script.

    Each line is a frame, such as {"type":"join"}, or a command: /join, /to NAME, /offer FILE,
    /answer FILE, /candidate CANDIDATE, /connected, /ping, /send TEXT, /expect TYPE [NAME],
    /close [CODE [REASON]], /help. Prints text on a terminal, else one JSON object per line.

    Exit code 0: closed by this side, 1: refused, or a line of a script failed, 3: closed by
    the server.
    """
    import poker_signal.cli.peer as command

    command.run(command.PeerOptions(**options))


@main.command(cls=RenamedOptions, renamed={"--name": "--player"})
@click.argument("url", nargs=-1, required=True, metavar="URL")
@click.option("--game", required=True, help="Game's code.")
@click.option(
    "--player", default="Bot", show_default=True, help="Player's name; HOST plays the host."
)
@click.option(
    "--count",
    "players",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of players: Bot 1, Bot 2 and so on.",
)
@click.option("--say", help="Text to send on each data channel once it is open.")
@click.option(
    "--ice-server",
    "ice_servers",
    multiple=True,
    metavar="URL",
    help="STUN or TURN server, as stun:HOST:PORT; repeatable. Not needed within one network.",
)
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=Finite(min=0, min_open=True),
    help="Seconds that connecting waits.",
)
@_ticket_secret_file
def bot(url: tuple[str, ...], **options: Any) -> None:
    """Play a host or players at URL with a real WebRTC stack, until Ctrl-C.

    The host offers a data channel to each player that joins; a player joins and answers. Both ask
    for presence: the host forgets a player that has left, and a player joins again when the host
    comes back or the connection fails. A server that answers hello gets a report of each
    connection. Prints the state of the channels and the messages on them: text on a terminal,
    else one JSON object per line.

    Exit code 0: ended by Ctrl-C or SIGTERM, 1: refused, 3: closed by the server.
    """
    import poker_signal.cli.bot as command

    command.run(command.options_of(url, options))


@main.command()
@click.argument("event", type=click.File(encoding="utf-8"))
@click.option(
    "--room",
    type=click.File(encoding="utf-8"),
    help="JSON list of the game's rows.  [default: no rows]",
)
@click.option(
    "--topology",
    default="mesh",
    show_default=True,
    type=click.Choice(["mesh", "star"]),
    help="mesh: every player may address every other; star: players may address only HOST.",
)
@click.option(
    "--gone",
    multiple=True,
    metavar="CONNECTION_ID",
    help="Connection that is closed although its row exists; repeatable.",
)
def effects(**options: Any) -> None:
    """Print the effects of one recorded EVENT, without a socket and without AWS.

    EVENT is a file with the JSON that API Gateway passes to Lambda, - for standard input. One
    line of JSON per effect, in order; the response comes last.
    """
    import poker_signal.cli.effects as command

    command.run(**options)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option(
    "--url",
    default="ws://127.0.0.1:3001/prod",
    show_default=True,
    help="Server to replay against: ws://… or wss://….",
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=Finite(min=0),
    help="Factor of the recorded speed; 0: as fast as the order allows.",
)
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=Finite(min=0, min_open=True),
    help="Total seconds to wait for missing frames.",
)
@_ticket_secret_file
def replay(**options: Any) -> None:
    """Replay the clients of a recording, and print differences in the frames they receive.

    FILE comes from emulate --record or from the inspector. Frames are compared per connection;
    - is a frame that is missing now, + is a frame that is new.

    Exit code 0: no difference, 1: differences, 2: FILE cannot be read or URL not connected to.
    """
    import poker_signal.cli.replay as command

    command.run(**options)


@main.command("import-logs")
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
def import_logs(file: TextIO) -> None:
    """Print a recording of the Lambda function's log lines, for the inspector.

    FILE is the output of aws logs tail or aws logs filter-log-events, or the lines themselves;
    - for standard input. The log holds neither names nor messages: each connection becomes a
    player of its own.
    """
    import poker_signal.cli.import_logs as command

    command.run(file)


@main.command()
@click.argument("url", required=False)
@_ticket_secret_file
@click.option(
    "--origin",
    multiple=True,
    metavar="ORIGIN",
    help="Origin of a page that shall connect, such as https://poker.example.com. Repeatable.",
)
@click.option(
    "--cloud",
    is_flag=True,
    help="Also read the settings of the deployment behind URL from AWS; needs boto3 (extra aws).",
)
@click.option(
    "--timeout",
    default=5.0,
    show_default=True,
    type=Finite(min=0, min_open=True),
    help="Seconds that each answer may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor(**options: Any) -> None:
    """Find out what is wrong with this machine, network, server, TURN server or deployment.

    Checks one thing after the other, each with one sentence, and the command that mends it:
    versions, port and address of this machine, certificate and clock, the connection to URL, the
    pages that may connect, a handshake of a host and a player, and the STUN and TURN servers that
    clients get, with a real allocation. Without URL it examines the emulator of this machine, at
    the port that `emulate` would take here.

    ! is a warning, ✗ is wrong. Exit code 1: something is wrong. The JSON document has url, ok, and
    checks, each with name, health (ok, warning, wrong), words and then, the command.
    """
    import poker_signal.cli.doctor.command as command

    is_default = options["url"] is None
    if is_default:
        # The port and stage that `emulate` takes in this folder.
        above = click.get_current_context().parent
        context = emulate.make_context("emulate", [], above)
        options["url"] = command.emulator_url(context.params)
    command.run(**options, is_default=is_default)


@main.command(cls=RenamedOptions, renamed={"--secret-file": "--ticket-secret-file"})
@click.option("--game", required=True, help="gameId of the ticket.")
@click.option("--player", required=True, help="playerId of the ticket; HOST is the host.")
@click.option(
    "--lifetime",
    default=300,
    show_default=True,
    type=click.IntRange(1, 3600),
    help="Seconds until the ticket expires.",
)
@click.option("--kid", help="Key of the file that signs.  [default: the first]")
@click.option(
    "--ticket-secret-file",
    metavar="FILE",
    required=True,
    envvar="POKER_SIGNAL_TICKET_SECRET_FILE",
    show_envvar=True,
    type=click.Path(dir_okay=False),
    help='JSON file of secrets by kid: {"2026-11": "32 characters or more"}.',
)
def ticket(**options: Any) -> None:
    """Print a join ticket, for a server that asks for them.

    The ticket is a query parameter of the URL: ?playerId=…&gameId=…&ticket=…
    """
    import poker_signal.cli.ticket as command

    command.run(**options)
