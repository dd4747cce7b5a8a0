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
from poker_signal.emulator.client.check.idle import LASTS_S, TRAFFIC, lives
from poker_signal.emulator.client.check.runner import RuleResult, check
from poker_signal.emulator.client.check.scene import Server
from poker_signal.emulator.client.explain import UNREACHABLE, explain
from poker_signal.emulator.terminal import escape


def run(
    *,
    url: str,
    timeout: float,
    pause: float | None,
    ticket_secret_file: str | None,
    as_json: bool,
    slow: bool,
    idle: bool,
) -> None:
    """Play the rules, or the experiment; exit with 1 unless all rules hold."""
    url = server_url(url)
    if pause is None:
        pause = 0 if _is_this_machine(url) else 1
    server = Server(url, timeout, pause, tickets_of(ticket_secret_file))
    if idle:
        _experiment(server, as_json=as_json)
        return
    start = time.monotonic()
    rows = asyncio.run(_play(server, quiet=as_json, slow=slow))
    seconds = time.monotonic() - start
    if as_json:
        click.echo(json.dumps(report.document(url, rows, seconds), indent=2))
    else:
        click.echo(f"\n{report.summary(rows, seconds)}")
    if rows[0].outcome == "FAILED":
        raise click.ClickException(rows[0].came)
    if report.failures(rows):
        raise SystemExit(1)


def _experiment(server: Server, *, as_json: bool) -> None:
    """Play the experiment, and print which connections are open; exit with 1 if it cannot begin."""
    click.echo(f"{server.url}: four connections for {LASTS_S / 60:g} minutes", err=True)
    try:
        found = asyncio.run(lives(server, lambda line: click.echo(escape(line), err=True)))
    except UNREACHABLE as error:
        raise click.ClickException(explain(error, server.url, server.timeout_s)) from error
    if as_json:
        click.echo(json.dumps([life._asdict() for life in found], indent=2))
        return
    for life in found:
        ended_s, code = life.ended_s, life.close_code
        end = "open" if ended_s is None else f"closed after {ended_s / 60:.1f} minutes, {code}"
        click.echo(f"  {life.player:10}{TRAFFIC[life.player]:32}{end}")


async def _play(server: Server, *, quiet: bool, slow: bool) -> list[RuleResult]:
    rows: list[RuleResult] = []
    if not quiet:
        click.echo(f"{server.url}; times are median / p95 where something was repeated")
    async for row in check(server, slow=slow):
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
