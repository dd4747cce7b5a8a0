"""poker-signal emulate."""

import contextlib
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from poker_signal.cli import VERSION
from poker_signal.cli.colour import wants_colour
from poker_signal.core.configuration import Topology
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.server import CannotStart, Emulator
from poker_signal.emulator.server import run as serve
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.captured_output import Printed
from poker_signal.emulator.trace.console import Console, banner
from poker_signal.emulator.trace.trace import Observer

if TYPE_CHECKING:
    from poker_signal.cli.ticket import TicketSecrets
    from poker_signal.emulator.gateway.config import ApiConfig
    from poker_signal.emulator.protocols.tls import Certificate
    from poker_signal.emulator.recording.recorder import Recorder
    from poker_signal.emulator.reload.reloader import CodeStatus


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
    open_inspector: bool,
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
    faults = _faults(fault, seed) if fault else Faults(seed=seed)
    rows = _where_rows_are(handler, dynamodb)
    if faults.index_lag_s and "://" in rows:
        raise click.UsageError("--fault index-lag needs --handler core or --dynamodb moto")
    api = _api(config, handler, routes, route_selection_expression)
    if secrets is not None:
        _demand_that_tickets_are_checked(handler, rows, api)
    certificate = _certificate_for(settings.shown_host or settings.host) if tls else None
    words_of_code = _words_of_code() if reload else None
    recorder = _recorder(record, record_raw, settings)
    console = Console(sys.stderr, colour=wants_colour(), verbose=verbose)
    printed = Printed(console, sys.stderr)
    # As in Lambda, where the root logger has a handler: what a function logs is seen.
    logging.basicConfig(stream=printed, format="[%(levelname)s] %(name)s: %(message)s")
    folder = Path(config).parent if config else None
    observer = console if recorder is None else _both(console, recorder)
    emulator = Emulator(
        settings, observer, api=api, folder=folder, certificate=certificate, faults=faults
    )
    stdout = sys.stdout

    def ready(emulator: Emulator) -> None:
        if recorder is not None:
            # Not before: a start that fails leaves an older recording as it is.
            _begin(recorder)
        if words_of_code is not None:
            emulator.reload_on_change(lambda status: console.tell(f"{words_of_code(status)}\n"))
        _announce(emulator, stdout)
        if open_inspector:
            _open_inspector(emulator.inspector_url)

    try:
        # What a handler prints is for people too: stdout is the URL's.
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            _rows(rows, settings, secrets, faults),
        ):
            serve(emulator, ready)
    except CannotStart as error:
        raise click.ClickException(str(error)) from error
    finally:
        # Another Ctrl-C, which only asyncio's own loop lets through: the recording is still ended.
        with contextlib.suppress(KeyboardInterrupt):
            console.close()
        if recorder is not None:
            recorder.close()


def _api(
    config: str | None, handler: str, routes: tuple[str, ...], expression: str
) -> "ApiConfig | None":
    """Return what is served; None: our own rules only."""
    if config is not None:
        if handler != "core" or routes:
            raise click.UsageError("--config names handlers and routes; leave the options out")
        return _read_config(config)
    if handler == "lambda":
        return _api_of(LAMBDA, routes, expression)
    if handler != "core" or routes:
        return _api_of(handler, routes, expression)
    return None


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
    elif api is not None and not api.core_decides_connects:
        raise click.UsageError(
            "--ticket-secret-file is for --handler core and lambda: other handlers check tickets "
            "themselves"
        )


# Only who asks for any of it waits for what these import.


def _faults(specs: tuple[str, ...], seed: int) -> Faults:
    from poker_signal.emulator.faults.spec import BadFault

    try:
        return Faults(specs, seed)
    except BadFault as error:
        raise click.UsageError(f"--fault {error}") from error


def _for_the_lan(host: str) -> dict[str, Any]:
    from poker_signal.cli.lan import for_the_lan

    return for_the_lan(host)


def _words_of_code() -> "Callable[[CodeStatus], str]":
    try:
        from poker_signal.cli.reload import words_of_code
    except ImportError as error:
        raise click.ClickException(
            "--reload needs a library more: pip install 'poker-signal[reload]'"
        ) from error
    return words_of_code


def _recorder(path: str | None, is_raw: bool, settings: Settings) -> "Recorder | None":
    if path is None:
        if is_raw:
            raise click.UsageError("--record-raw is for --record FILE")
        return None
    from poker_signal.cli.record import recorder

    return recorder(Path(path), is_raw, settings)


def _begin(recorder: "Recorder") -> None:
    from poker_signal.cli.record import begin

    begin(recorder)


def _both(one: Observer, other: Observer) -> Observer:
    from poker_signal.cli.record import Both

    return Both(one, other)


def _ticket_secrets(path: str | None) -> "TicketSecrets | None":
    if path is None:
        return None
    from poker_signal.cli.ticket import secrets_of

    return secrets_of(path, "--ticket-secret-file")


def _read_config(path: str) -> "ApiConfig":
    from poker_signal.emulator.gateway.config import BadConfig, read_config

    try:
        return read_config(Path(path))
    except BadConfig as error:
        raise click.ClickException(str(error)) from error


def _api_of(handler: str, routes: tuple[str, ...], expression: str) -> "ApiConfig":
    from poker_signal.emulator.gateway.config import BadConfig, of_handler

    try:
        return of_handler(handler, routes, expression)
    except BadConfig as error:
        raise click.UsageError(str(error)) from error


def _certificate_for(host: str) -> "Certificate":
    from poker_signal.emulator.protocols.tls import NoTls, certificate_for

    try:
        return certificate_for(host)
    except NoTls as error:
        raise click.ClickException(str(error)) from error


def _announce(emulator: Emulator, stdout: TextIO) -> None:
    """Tell people how to connect, then programs that they can."""
    text = banner(
        emulator.url,
        emulator.inspector_url,
        emulator.management_url,
        VERSION,
        emulator.authority,
    )
    click.echo(text, err=True, nl=False)
    if emulator.play_url_of_lan is not None:
        from poker_signal.cli.lan import announce_to_lan

        announce_to_lan(emulator.play_url_of_lan)
    click.echo(emulator.url, file=stdout)


def _open_inspector(url: str) -> None:
    import webbrowser

    # In a thread: where there is no window, a browser may take over the terminal until it ends.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
