"""The checks in their order, and their output."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import click

from poker_signal.cli.address import server_url
from poker_signal.cli.doctor import cloud, machine, pair, server
from poker_signal.cli.doctor.checked import Checked, Examined, Health
from poker_signal.cli.running import run_until_interrupted
from poker_signal.cli.ticket import tickets_of
from poker_signal.core.configuration import BadOrigin, parse_origins
from poker_signal.emulator.protocols.origins import is_local_name
from poker_signal.emulator.terminal import escape

MARKS = {Health.OK: "✓", Health.WARNING: "!", Health.WRONG: "✗"}


def emulator_url(options: Mapping[str, Any]) -> str:
    """Return the URL of this machine's emulator, of the options of ``emulate``.

    Raises:
        click.UsageError: it takes any free port.
    """
    if options["port"] == 0:
        raise click.UsageError(
            "`emulate` takes any free port here (port is 0): name the URL that it prints"
        )
    scheme = "wss" if options["tls"] else "ws"
    return f"{scheme}://{machine.LOOPBACK}:{options['port']}/{options['stage']}"


def run(
    *,
    url: str,
    ticket_secret_file: str | None,
    timeout: float,
    origin: Sequence[str],
    cloud: bool,
    as_json: bool,
    is_default: bool,
) -> None:
    """Check one thing after the other; exit with 1 if one is wrong."""
    for each in origin:
        _check_origin(each)
    examined = Examined(server_url(url), tickets_of(ticket_secret_file), timeout)
    plan = checks(examined, origins=origin, is_cloud=cloud, is_default=is_default)
    raise SystemExit(run_until_interrupted(_all(plan, examined.url, as_json=as_json)))


def _check_origin(text: str) -> None:
    try:
        origins = parse_origins(text)
    except BadOrigin as error:
        raise click.UsageError(f"--origin: {error}") from error
    if len(origins) != 1:
        raise click.UsageError("--origin takes one origin; repeat it for others")


async def _all(plan: AsyncGenerator[Checked, None], url: str, *, as_json: bool) -> int:
    found = []
    async for each in plan:
        found.append(each)
        # The words may quote the server.
        if not as_json:
            click.echo(f"{MARKS[each.health]} {escape(each.name)}: {escape(each.words)}")
            if each.then:
                click.echo(f"    → {escape(each.then)}")
    is_well = all(each.health is not Health.WRONG for each in found)
    if as_json:
        click.echo(json.dumps(_document(url, found, is_well=is_well), indent=2))
    return 0 if is_well else 1


def _document(url: str, found: list[Checked], *, is_well: bool) -> dict[str, Any]:
    rows = [
        {"name": each.name, "health": each.health, "words": each.words, "then": each.then}
        for each in found
    ]
    return {"url": url, "ok": is_well, "checks": rows}


async def checks(
    examined: Examined, *, origins: Sequence[str], is_cloud: bool, is_default: bool
) -> AsyncGenerator[Checked, None]:
    """Yield the outcome of each check, in order; checks that need a failed one are left out."""
    yield machine.versions()
    if is_default:
        yield machine.port(examined.port)
    if (scheme := server.scheme(examined)) is not None:
        yield scheme
    connection = await server.connection(examined)
    for each in connection:
        yield each
    is_reached = not server.has_failed(connection)
    # An emulator that does not answer at 127.0.0.1 answers nowhere.
    if is_reached or not is_local_name(examined.host):
        lan = await machine.lan(examined)
        if lan is not None:
            yield lan
    if is_reached:
        for page in origins:
            yield await server.origin(examined, page)
        async for each in pair.signaling(examined):
            yield each
    if is_cloud:
        steps = cloud.checks(examined.url)
        while (step := await asyncio.to_thread(next, steps, None)) is not None:
            yield step
