"""poker-signal emulate."""

import contextlib
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import click

from poker_signal.cli import VERSION
from poker_signal.core.model import Topology
from poker_signal.emulator.console import Console, banner, can_encode, escape
from poker_signal.emulator.fault_spec import BadFault
from poker_signal.emulator.faults import Faults
from poker_signal.emulator.server import CannotStart, Emulator
from poker_signal.emulator.server import run as serve
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace import Entry, Observer

if TYPE_CHECKING:
    from poker_signal.cli.ticket import TicketSecrets
    from poker_signal.emulator.config import ApiConfig
    from poker_signal.emulator.recorder import Recorder
    from poker_signal.emulator.reload import CodeStatus
    from poker_signal.emulator.tls import Certificate


def run(
    *,
    topology: str,
    dispatch: str,
    handler: str,
    routes: tuple[str, ...],
    route_selection_expression: str,
    dynamodb: str | None,
    config: str | None,
    tls: bool,
    ticket_secret_file: str | None,
    fault: tuple[str, ...],
    seed: int,
    lan: bool,
    verbose: bool,
    reload: bool,
    record: str | None,
    record_raw: bool,
    **same: Any,
) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    secrets = _ticket_secrets(ticket_secret_file)
    if lan:
        same |= _for_the_lan(same["host"])
    try:
        settings = Settings(
            topology=Topology(topology),
            serial=dispatch == "serial",
            ticket_keys=secrets and secrets.keys,
            **same,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        faults = Faults(fault, seed)
    except BadFault as error:
        raise click.UsageError(f"--fault {error}") from error
    rows = _where_rows_are(handler, dynamodb)
    if faults.index_lag_s and "://" in rows:
        raise click.UsageError("--fault index-lag needs --handler core or --dynamodb moto")
    api = None
    if config is not None:
        if handler != "core" or routes:
            raise click.UsageError("--config names handlers and routes; leave the options out")
        api = _read_config(config)
    elif handler == "lambda":
        api = _api_of(LAMBDA, routes, route_selection_expression)
    elif handler != "core" or routes:
        api = _api_of(handler, routes, route_selection_expression)
    if secrets is not None:
        _demand_that_tickets_are_checked(handler, rows, api)
    certificate = _certificate_for(settings.shown_host or settings.host) if tls else None
    if reload:
        _demand_watchfiles()
    # As in Lambda, where the root logger has a handler: what a function logs is seen.
    logging.basicConfig(stream=sys.stderr, format="[%(levelname)s] %(name)s: %(message)s")
    recorder = _recorder(record, record_raw, settings)
    console = Console(sys.stderr, colour=_wants_colour(), verbose=verbose)
    folder = Path(config).parent if config else None
    observer = console if recorder is None else _Both(console, recorder)
    emulator = Emulator(
        settings, observer, api=api, folder=folder, certificate=certificate, faults=faults
    )
    stdout = sys.stdout

    def ready(emulator: Emulator) -> None:
        if reload:
            emulator.reload_on_change(_tell_of_code)
        _announce(emulator, stdout, settings.inspector_token)

    try:
        # What a handler prints is for people too: stdout is the URL's.
        with contextlib.redirect_stdout(sys.stderr), _rows(rows, settings, secrets, faults):
            serve(emulator, ready)
    except CannotStart as error:
        raise click.ClickException(str(error)) from error
    finally:
        console.close()
        if recorder is not None:
            recorder.close()


def _for_the_lan(host: str) -> dict[str, Any]:
    """Return the settings that let other devices connect."""
    from secrets import token_urlsafe

    from poker_signal.emulator.lan import NoLan, lan_address, qr_code

    if host != Settings().host:
        raise click.UsageError("--lan listens on every address; leave --host out")
    try:
        qr_code("is the library there?")
        address = lan_address()
    except NoLan as error:
        raise click.ClickException(str(error)) from error
    return {"host": "0.0.0.0", "shown_host": address, "inspector_token": token_urlsafe(12)}


def _announce_to_lan(url: str) -> None:
    from poker_signal.emulator.lan import qr_code

    click.echo(f"  on a phone              {url}\n", err=True)
    if can_encode(sys.stderr, "█▀▄"):
        click.echo(qr_code(url), err=True)
    warning = "Everybody in this network can connect now: use --lan only where you trust them all."
    click.echo(click.style(warning, fg="yellow"), err=True, color=_wants_colour())


def _demand_watchfiles() -> None:
    try:
        import watchfiles  # noqa: F401
    except ImportError as error:
        raise click.ClickException(
            "--reload needs a library more: pip install 'poker-signal[reload]'"
        ) from error


def _tell_of_code(status: "CodeStatus") -> None:
    if status.ok:
        words = click.style(f"code swapped: {status.message}", fg="green")
    else:
        where = "" if status.place is None else f"{status.place.file}:{status.place.line}: "
        text = f"code not swapped: {where}{status.message}; what was there before goes on"
        words = click.style(escape(text), fg="red")
    click.echo(words, err=True, color=_wants_colour())


class _Both(NamedTuple):
    """Two who are told."""

    one: Observer
    other: Observer

    def observe(self, entry: Entry) -> None:
        """Tell both."""
        self.one.observe(entry)
        self.other.observe(entry)


def _recorder(path: str | None, is_raw: bool, settings: Settings) -> "Recorder | None":
    if path is None:
        if is_raw:
            raise click.UsageError("--record-raw is for --record FILE")
        return None
    from poker_signal.emulator.recorder import CannotRecord, Recorder
    from poker_signal.emulator.recording import header
    from poker_signal.emulator.redaction import Redaction

    redacts = "secrets" if is_raw else "addresses and secrets"
    first = header(time.time_ns() // 1_000_000, f"poker-signal {VERSION}", settings, redacts)
    redaction = Redaction(keep_addresses=is_raw)
    try:
        return Recorder(Path(path), first, redaction, lambda what: click.echo(what, err=True))
    except CannotRecord as error:
        raise click.ClickException(f"--record {error}") from error


LAMBDA = "poker_signal.lambda_app.handler:handler"


def _where_rows_are(handler: str, dynamodb: str | None) -> str:
    """Return ``memory``, ``moto`` or the URL of an endpoint."""
    if handler != "lambda":
        if dynamodb not in {None, "memory"}:
            raise click.UsageError("--dynamodb is for --handler lambda; core keeps rows in memory")
        return "memory"
    if dynamodb == "memory":
        raise click.UsageError("--handler lambda keeps its rows in DynamoDB: --dynamodb moto")
    if dynamodb is not None and dynamodb != "moto" and "://" not in dynamodb:
        raise click.UsageError(
            f"--dynamodb {dynamodb}: moto, or a URL such as http://localhost:8000"
        )
    return dynamodb or "moto"


def _rows(
    where: str, settings: Settings, secrets: "TicketSecrets | None", faults: Faults
) -> contextlib.AbstractContextManager[None]:
    if where == "memory":
        return contextlib.nullcontext()
    try:
        from poker_signal.cli.dynamodb import dynamodb
    except ImportError as error:
        raise click.ClickException(
            "--handler lambda needs libraries more: pip install 'poker-signal[aws,moto]'"
        ) from error
    secret = None if secrets is None else secrets.text
    return dynamodb(where, settings.rules(), settings.region, secret, faults)


def _demand_that_tickets_are_checked(handler: str, rows: str, api: "ApiConfig | None") -> None:
    """Nobody shall believe that tickets are needed where nothing looks at them."""
    if handler == "lambda":
        if rows != "moto":
            raise click.UsageError(
                "--ticket-secret-file puts the secret into moto's SSM: with --handler lambda "
                "it needs --dynamodb moto"
            )
    elif api is not None and not _core_decides_connects(api):
        raise click.UsageError(
            "--ticket-secret-file is for --handler core and lambda: other handlers check tickets "
            "themselves"
        )


def _core_decides_connects(api: "ApiConfig") -> bool:
    route = api.routes.get("$connect")
    return route is not None and api.functions[route.function].handler == "core"


# Only who has handlers of their own, tickets, or TLS, or records, waits for what these import.


def _ticket_secrets(path: str | None) -> "TicketSecrets | None":
    if path is None:
        return None
    from poker_signal.cli.ticket import secrets_of

    return secrets_of(path, "--ticket-secret-file")


def _read_config(path: str) -> "ApiConfig":
    from poker_signal.emulator.config import BadConfig, read_config

    try:
        return read_config(Path(path))
    except BadConfig as error:
        raise click.ClickException(str(error)) from error


def _api_of(handler: str, routes: tuple[str, ...], expression: str) -> "ApiConfig":
    from poker_signal.emulator.config import BadConfig, of_handler

    try:
        return of_handler(handler, routes, expression)
    except BadConfig as error:
        raise click.UsageError(str(error)) from error


def _certificate_for(host: str) -> "Certificate":
    from poker_signal.emulator.tls import NoTls, certificate_for

    try:
        return certificate_for(host)
    except NoTls as error:
        raise click.ClickException(str(error)) from error


def _announce(emulator: Emulator, stdout: TextIO, token: str | None) -> None:
    """Tell people how to connect, then programs that they can."""
    text = banner(emulator.url, emulator.management_url, VERSION, emulator.authority)
    click.echo(text, err=True, nl=False)
    if token is not None:
        base = emulator.management_url.rpartition("/")[0]
        _announce_to_lan(f"{base}/_inspect/?token={token}")
    click.echo(emulator.url, file=stdout)


def _wants_colour() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
