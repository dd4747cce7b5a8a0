"""poker-signal replay."""

import asyncio
import sys
from pathlib import Path

import click

from poker_signal.cli.address import server_url
from poker_signal.cli.ticket import tickets_of
from poker_signal.emulator.client.replay import NotReached, Played
from poker_signal.emulator.client.replay import replay as play
from poker_signal.emulator.client.replay_diff import Difference, compare, lines
from poker_signal.emulator.client.replay_plan import NothingToPlay, Plan, plan_of
from poker_signal.emulator.recording.format import NotReadable, Recording, read
from poker_signal.emulator.terminal import escape

DIFFERS = 1
OF_NO_USE = 2


def run(
    *, file: str, url: str, speed: float, timeout: float, ticket_secret_file: str | None
) -> None:
    """Print what is heard otherwise; exit with 0 if nothing is."""
    url = server_url(url)
    tickets = tickets_of(ticket_secret_file)
    recording, plan = _plan(Path(file), speed)
    for note in (*recording.problems, *plan.notes):
        click.echo(f"note: {escape(note)}", err=True)
    try:
        played = asyncio.run(play(plan, url, speed, timeout, tickets))
    except NotReached as error:
        raise _OfNoUse(str(error)) from error
    differences = [
        compare(part, played.then[each], played.now[each]) for each, part in plan.parts.items()
    ]
    for line in lines(differences):
        click.echo(line)
    click.echo(_summary(played, differences))
    sys.exit(DIFFERS if any(differences) else 0)


class _OfNoUse(click.ClickException):
    exit_code = OF_NO_USE


def _plan(file: Path, speed: float) -> tuple[Recording, Plan]:
    try:
        recording = read(file)
        return recording, plan_of(recording.entries, speed)
    except NotReadable as error:
        raise _OfNoUse(str(error)) from error
    except NothingToPlay as error:
        raise _OfNoUse(f"{file}: {error}") from error


def _summary(played: Played, differences: list[Difference]) -> str:
    frames = sum(len(heard.frames) for heard in played.then.values())
    missing = sum(len(difference.missing) for difference in differences)
    new = sum(len(difference.new) for difference in differences)
    unsent = f" ({played.unsent} more could not be)" if played.unsent else ""
    return (
        f"{len(played.then)} connections, {played.sent} messages sent{unsent}: "
        f"{frames - missing} of {frames} deliveries as in the recording, {new} that are not in it"
    )
