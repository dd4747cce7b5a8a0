"""poker-signal check."""

import asyncio
import ipaddress
import json
import time
from urllib.parse import urlsplit

import click

from poker_signal.cli.address import server_url
from poker_signal.cli.ticket import tickets_of
from poker_signal.emulator.client.check import report
from poker_signal.emulator.client.check.runner import RuleResult, check
from poker_signal.emulator.client.check.scene import Server


def run(
    *, url: str, timeout: float, pause: float | None, ticket_secret_file: str | None, as_json: bool
) -> None:
    """Play the rules; exit with 1 unless all of them hold."""
    url = server_url(url)
    if pause is None:
        pause = 0 if _is_this_machine(url) else 1
    server = Server(url, timeout, pause, tickets_of(ticket_secret_file))
    start = time.monotonic()
    rows = asyncio.run(_play(server, quiet=as_json))
    seconds = time.monotonic() - start
    if as_json:
        click.echo(json.dumps(report.document(url, rows, seconds), indent=2))
    else:
        click.echo(f"\n{report.summary(rows, seconds)}")
    if rows[0].outcome == "FAILED":
        raise click.ClickException(rows[0].came)
    if report.failures(rows):
        raise SystemExit(1)


async def _play(server: Server, *, quiet: bool) -> list[RuleResult]:
    rows: list[RuleResult] = []
    if not quiet:
        click.echo(f"{server.url}; times are median / p95 where something was repeated")
    async for row in check(server):
        if not quiet:
            _print(row, is_first=not rows or rows[-1].rule.group != row.rule.group)
        rows.append(row)
    return rows


def _print(row: RuleResult, *, is_first: bool) -> None:
    if is_first:
        click.echo(f"\n{row.rule.group}")
    for line in report.lines_of(row):
        click.echo(line)


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
