"""poker-signal emulate."""

import contextlib
import dataclasses
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from poker_signal.cli import VERSION
from poker_signal.cli.colour import wants_colour
from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.configuration import Topology
from poker_signal.core.ice import COTURN, STATIC
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.server import run as serve
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.captured_output import Printed
from poker_signal.emulator.trace.console import Console, banner
from poker_signal.emulator.trace.trace import Observer
from poker_signal.emulator.wiring import CORE, OWN_LAMBDA, types_known_to

if TYPE_CHECKING:
    from poker_signal.cli.ticket import TicketSecrets
    from poker_signal.cli.turn import IceSettings
    from poker_signal.emulator.gateway.config import ApiConfig
    from poker_signal.emulator.gateway.template import Template
    from poker_signal.emulator.protocols.tls import Certificate
    from poker_signal.emulator.recording.recorder import Recorder
    from poker_signal.emulator.reload.reloader import CodeStatus


# Those from 1024 on of https://fetch.spec.whatwg.org/#port-blocking .
UNSAFE_PORTS = frozenset({
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679,
    6697, 10080,
})  # fmt: skip
"""Ports to which browsers do not connect."""


class EmulateOptions(NamedTuple):
    """Options of the command that are no setting of the emulator."""

    handler: str
    routes: tuple[str, ...]
    route_selection_expression: str
    dynamodb: str | None
    tables: tuple[str, ...]
    aws: str | None
    real_aws: bool
    config: str | None
    template: str | None
    env: str | None
    print_config: bool
    has_stage: bool
    """True: ``--stage`` was given, or its variable or key."""
    tls: bool
    open_inspector: bool
    ticket_secret_file: str | None
    ice: str | None
    turn: bool
    faults: tuple[str, ...]
    seed: int
    lan: bool
    log_format: str
    verbose: bool
    reload: bool
    record: str | None
    record_raw: bool
    settings_file: Path | None
    """File that options were read from; None: there is none."""
    settings: dict[str, Any]
    """Fields of ``Settings``, by name."""


def options_of(options: dict[str, Any], settings_file: Path | None) -> EmulateOptions:
    """Return the options of a command line, by their parameters' names."""
    settings = {**options, "settings_file": settings_file}
    context = click.get_current_context()
    settings["has_stage"] = context.get_parameter_source("stage") is not ParameterSource.DEFAULT
    own = {name: settings.pop(name) for name in EmulateOptions._fields if name != "settings"}
    settings["serial"] = settings.pop("dispatch") == "serial"
    settings["topology"] = Topology(settings["topology"])
    return EmulateOptions(**own, settings=settings)


def run(options: EmulateOptions) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    secrets = _ticket_secrets(options.ticket_secret_file)
    with _ice(options) as ice:
        _serve(options, secrets, ice)


def _serve(
    options: EmulateOptions, secrets: "TicketSecrets | None", ice: "IceSettings | None"
) -> None:
    settings = _settings(options, secrets, ice)
    served = _served(options, settings)
    api = served.api
    if api is not None and api.stage is not None and not options.has_stage:
        settings = dataclasses.replace(settings, stage=api.stage)
    if options.print_config:
        _print_config(api)
        return
    faults = _faults(options.faults, options.seed, api)
    rows = _where_rows_are(options, api)
    if (faults.index_lag_s or faults.can_fail_updates) and "://" in (rows or ""):
        raise click.UsageError(
            "--fault index-lag and fail-update need --handler core or --dynamodb moto"
        )
    if secrets is not None:
        _demand_that_tickets_are_checked(options.handler, rows, api)
    if ice is not None and options.handler == "lambda":
        _demand_moto("--turn" if options.turn else "--ice", rows)
    certificate = _certificate_for(settings.shown_host or settings.host) if options.tls else None
    words_of_code = _words_of_code() if options.reload else None
    recorder = _recorder(options, settings)
    has_handlers = types_known_to(api) is None
    is_json = options.log_format == "json"
    console = Console(sys.stderr, colour=wants_colour(), verbose=options.verbose, as_json=is_json)
    printed = Printed(console, sys.stderr)
    # As in Lambda, where the root logger has a handler: a function's log is shown.
    logging.basicConfig(stream=printed, format="[%(levelname)s] %(name)s: %(message)s")
    observer = console if recorder is None else _both(console, recorder)
    stdout = sys.stdout

    def ready(emulator: Emulator) -> None:
        if recorder is not None:
            # Not before: a start that fails leaves an older recording as it is.
            _begin(recorder)
        if words_of_code is not None:
            emulator.reload_on_change(lambda status: console.tell(f"{words_of_code(status)}\n"))
        notes = [*served.notes, *_notes(emulator, options, has_handlers, services)]
        if is_json:
            _announce_as_json(emulator, console, options.settings_file, notes)
        else:
            _announce(emulator, options, has_handlers, notes)
            if options.turn and ice is not None:
                _announce_turn(ice)
        click.echo(emulator.url, file=stdout)
        if options.open_inspector:
            _open_inspector(emulator.inspector_url)

    try:
        # A handler's output is for people: stdout holds the URL only.
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            _rows(rows, options, api, settings, secrets, ice, faults) as services,
        ):
            emulator = Emulator(
                settings,
                observer,
                api=api,
                folder=served.folder,
                certificate=certificate,
                faults=faults,
                services=services,
                real_aws=options.real_aws,
            )
            serve(emulator, ready)
    except PokerSignalError as error:
        raise click.ClickException(str(error)) from error
    finally:
        # A second Ctrl-C, which only asyncio's own loop raises here, must not skip the recording.
        with contextlib.suppress(KeyboardInterrupt):
            console.close()
        if recorder is not None:
            recorder.close()


def _settings(
    options: EmulateOptions, secrets: "TicketSecrets | None", ice: "IceSettings | None"
) -> Settings:
    fields = options.settings
    if options.lan:
        fields |= _for_the_lan(fields["host"])
    try:
        return Settings(ticket_keys=secrets and secrets.keys, ice=ice and ice.config, **fields)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


class _Served(NamedTuple):
    """The API to serve."""

    api: "ApiConfig | None" = None
    """None: the signaling rules only."""
    folder: Path | None = None
    """Base of its files; None: the working directory."""
    notes: Sequence[str] = ()


def _served(options: EmulateOptions, settings: Settings) -> _Served:
    handler, routes = options.handler, options.routes
    if options.config is not None and options.template is not None:
        raise click.UsageError("--config and --template both name the API; give one of them")
    if options.env is not None and options.template is None:
        raise click.UsageError("--env is for --template FILE")
    if options.config is not None or options.template is not None:
        if handler != "core" or routes or options.tables:
            option = "--config" if options.config else "--template"
            raise click.UsageError(
                f"{option} names handlers, routes and tables; leave the options out"
            )
        if options.config is not None:
            return _Served(_read_config(options.config), Path(options.config).parent)
        template = _read_template(options, settings)
        return _Served(template.config, template.folder, template.notes)
    if options.tables and handler in {"core", "lambda"}:
        raise click.UsageError("--table is for handlers of your own")
    if handler == "core" and not routes:
        return _Served()
    handler = OWN_LAMBDA if handler == "lambda" else handler
    return _Served(_api_of(handler, options))


def _where_rows_are(options: EmulateOptions, api: "ApiConfig | None") -> str | None:
    """Return the DynamoDB of handlers: ``moto`` or a URL; None: the emulator offers none."""
    handler, dynamodb = options.handler, options.dynamodb
    if dynamodb not in {None, "memory", "moto"} and "://" not in str(dynamodb):
        raise click.UsageError(
            f"--dynamodb {dynamodb}: moto, or a URL such as http://localhost:8000"
        )
    if handler == "lambda" and options.aws is not None:
        raise click.UsageError("--aws is for handlers of your own; --dynamodb moto is the default")
    if handler == "lambda" and dynamodb == "memory":
        raise click.UsageError("--handler lambda keeps its rows in DynamoDB: --dynamodb moto")
    has_handlers = api is not None and any(each.handler != CORE for each in api.functions.values())
    if not has_handlers:
        for name, value in (("dynamodb", dynamodb), ("aws", options.aws)):
            if value not in {None, "memory"}:
                raise click.UsageError(f"--{name} is for handlers; core keeps its rows in memory")
        return None
    assert api is not None, "it has handlers"
    if dynamodb is None and handler == "lambda":
        return "moto"
    if dynamodb is None and (options.aws or api.tables):
        # An endpoint that the user has set stays.
        return os.environ.get("AWS_ENDPOINT_URL_DYNAMODB", "moto")
    if dynamodb == "memory":
        if api.tables:
            raise click.UsageError("the configuration has tables: --dynamodb moto, or a URL")
        return None
    return dynamodb


def _rows(
    where: str | None,
    options: EmulateOptions,
    api: "ApiConfig | None",
    settings: Settings,
    secrets: "TicketSecrets | None",
    ice: "IceSettings | None",
    faults: Faults,
) -> contextlib.AbstractContextManager[Mapping[str, str]]:
    """Serve AWS's services for handlers; the block gets their endpoints, by variable."""
    if where is None and options.aws is None:
        return contextlib.nullcontext({})
    try:
        from poker_signal.cli.dynamodb import dynamodb, services
        from poker_signal.emulator.functions.local_aws import NewTable
        from poker_signal.lambda_app.environment import ICE_PARAMETER, TICKET_SECRET_PARAMETER
    except ImportError as error:
        raise click.ClickException(_missing("--dynamodb", "aws", "moto")) from error
    if options.handler == "lambda":
        assert where is not None, "it needs a table"
        parameters = {
            TICKET_SECRET_PARAMETER: secrets and secrets.text,
            ICE_PARAMETER: ice and ice.text,
        }
        given = {name: text for name, text in parameters.items() if text is not None}
        return dynamodb(where, settings.rules(), settings.region, given, faults)
    assert api is not None, "a handler of its own has services"
    tables = [NewTable(each.definition(name), each.ttl) for name, each in api.tables.items()]
    has_all, real_aws = options.aws is not None, options.real_aws
    return services(where, has_all, tables, settings.region, faults, real_aws=real_aws)


def _demand_that_tickets_are_checked(
    handler: str, rows: str | None, api: "ApiConfig | None"
) -> None:
    """Refuse a combination in which tickets would be asked for and never checked."""
    if handler == "lambda":
        _demand_moto("--ticket-secret-file", rows)
    elif api is not None and not api.core_decides_connects:
        raise click.UsageError(
            "--ticket-secret-file is for --handler core and lambda: other handlers check tickets "
            "themselves"
        )


def _demand_moto(option: str, rows: str | None) -> None:
    if rows != "moto":
        raise click.UsageError(
            f"{option} puts a parameter into moto's SSM: with --handler lambda it needs "
            "--dynamodb moto"
        )


# Each of these imports its part when it is asked for, because the start shall be quick.


def _missing(part: str, *names: str) -> str:
    from poker_signal.emulator import extras

    return extras.missing(part, *names)


def _faults(specs: tuple[str, ...], seed: int, api: "ApiConfig | None") -> Faults:
    types = types_known_to(api)
    if not specs:
        return Faults(seed=seed, types=types)
    from poker_signal.emulator.faults.spec import BadFault

    try:
        return Faults(specs, seed, types)
    except BadFault as error:
        raise click.UsageError(f"--fault {error}") from error


def _for_the_lan(host: str) -> dict[str, Any]:
    from poker_signal.cli.lan import for_the_lan

    return for_the_lan(host)


def _words_of_code() -> "Callable[[CodeStatus], str]":
    try:
        from poker_signal.cli.reload import words_of_code
    except ImportError as error:
        raise click.ClickException(_missing("--reload", "reload")) from error
    return words_of_code


def _recorder(options: EmulateOptions, settings: Settings) -> "Recorder | None":
    if options.record is None:
        if options.record_raw:
            raise click.UsageError("--record-raw is for --record FILE")
        return None
    from poker_signal.cli.record import recorder

    return recorder(Path(options.record), options.record_raw, settings)


def _begin(recorder: "Recorder") -> None:
    from poker_signal.cli.record import begin

    begin(recorder)


def _both(one: Observer, other: Observer) -> Observer:
    from poker_signal.cli.record import Both

    return Both(one, other)


def _ice(
    options: EmulateOptions,
) -> "contextlib.AbstractContextManager[IceSettings | None]":
    """Return the ICE servers of clients, and for the block the TURN server of --turn."""
    if options.ice is None and not options.turn:
        return contextlib.nullcontext()
    if options.ice is not None and options.turn:
        raise click.UsageError("--turn starts a TURN server, --ice names others: use one of them")
    is_ours = options.handler in {"core", "lambda"}
    if not is_ours or options.config is not None or options.template is not None:
        raise click.UsageError(
            "--ice and --turn are for --handler core and lambda: other handlers answer hello "
            "themselves"
        )
    from poker_signal.cli.turn import ice_of, turn_server

    if options.ice is None:
        return turn_server()
    ice = ice_of(options.ice)
    config = ice.config
    if options.handler == "core" and config.provider not in (STATIC, COTURN):
        raise click.ClickException(
            f"--ice {options.ice}: only --handler lambda calls {config.provider}; core has the "
            "providers static and coturn"
        )
    if config.has_credentials and not config.is_open and options.ticket_secret_file is None:
        raise click.ClickException(
            f"--ice {options.ice}: every client would get credentials. Ask for tickets with "
            '--ticket-secret-file, or allow it with "open": true in the file'
        )
    return contextlib.nullcontext(ice)


def _ticket_secrets(path: str | None) -> "TicketSecrets | None":
    if path is None:
        return None
    from poker_signal.cli.ticket import secrets_of

    return secrets_of(path)


def _read_config(path: str) -> "ApiConfig":
    from poker_signal.emulator.gateway.config import BadConfig, read_config

    try:
        return read_config(Path(path))
    except BadConfig as error:
        raise click.ClickException(str(error)) from error


def _read_template(options: EmulateOptions, settings: Settings) -> "Template":
    try:
        from poker_signal.emulator.gateway.template import BadTemplate, Deployment, read_template
    except ImportError as error:
        raise click.ClickException(_missing("--template", "template")) from error

    place = Deployment(settings.region, settings.account_id, settings.api_id)
    try:
        env = None if options.env is None else Path(options.env)
        return read_template(Path(str(options.template)), env, place)
    except BadTemplate as error:
        raise click.ClickException(str(error)) from error


def _print_config(api: "ApiConfig | None") -> None:
    """Print the API as a file for --config, on stdout."""
    from poker_signal.emulator.gateway.config import as_toml, of_handler

    click.echo(as_toml(of_handler("core") if api is None else api), nl=False)


def _api_of(handler: str, options: EmulateOptions) -> "ApiConfig":
    from poker_signal.emulator.gateway.config import BadConfig, of_handler

    expression = options.route_selection_expression
    try:
        return of_handler(handler, options.routes, expression, options.tables)
    except BadConfig as error:
        raise click.UsageError(str(error)) from error


def _certificate_for(host: str) -> "Certificate":
    from poker_signal.emulator.protocols.tls import NoTls, certificate_for

    try:
        return certificate_for(host)
    except NoTls as error:
        raise click.ClickException(str(error)) from error


def _announce(
    emulator: Emulator, options: EmulateOptions, has_handlers: bool, notes: Sequence[str]
) -> None:
    """Print the banner on stderr."""
    text = banner(
        emulator.url,
        emulator.inspector_url,
        emulator.management_url,
        VERSION,
        emulator.authority,
        options.settings_file,
        emulator.faults.in_words(),
        notes,
        is_ours=not has_handlers,
    )
    click.echo(text, err=True, nl=False)
    if emulator.play_url_of_lan is not None:
        from poker_signal.cli.lan import announce_to_lan

        announce_to_lan(emulator.play_url_of_lan)


def _notes(
    emulator: Emulator, options: EmulateOptions, has_handlers: bool, services: Mapping[str, str]
) -> list[str]:
    """Return sentences about the surroundings of handlers, and what will go wrong first."""
    notes = [f"handlers find AWS at {url}" for url in dict.fromkeys(services.values())]
    if emulator.port in UNSAFE_PORTS:
        notes.append(f"browsers refuse port {emulator.port}; choose another --port")
    if has_handlers and not options.real_aws:
        from poker_signal.emulator.functions.variables import set_aside

        if found := set_aside(os.environ):
            notes.append(
                f"handlers get dummy credentials, not your {', '.join(found)}; "
                "--real-aws hands yours over"
            )
    return notes


def _announce_turn(ice: "IceSettings") -> None:
    from poker_signal.cli.turn import announce

    announce(ice)


def _announce_as_json(
    emulator: Emulator, console: Console, settings_file: Path | None, notes: Sequence[str]
) -> None:
    """Write the banner's facts as the first line of the log."""
    console.note(
        "listening",
        version=VERSION,
        url=emulator.url,
        inspector=emulator.inspector_url,
        management=emulator.management_url,
        lan=emulator.play_url_of_lan,
        authority=emulator.authority and str(emulator.authority),
        settingsFile=settings_file and str(settings_file),
        faults=emulator.faults.active() or None,
        notes=notes or None,
    )


def _open_inspector(url: str) -> None:
    import webbrowser

    # In a thread: without a display, a text browser takes over the terminal until it ends.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
