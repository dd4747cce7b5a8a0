"""Options of ``@pytest.mark.signal_emulator(…)``: checks, and conversion to a Setup."""

import dataclasses
import difflib
import inspect
import json
from collections.abc import Mapping, Set
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.tickets import BadKeys, read_keys
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.faults.spec import BadFault
from poker_signal.emulator.functions.lambda_function import Handler
from poker_signal.emulator.gateway.config import (
    CORE,
    DEFAULT_EXPRESSION,
    ApiConfig,
    BadConfig,
    TableConfig,
    check,
    of_handler,
    read_config,
)
from poker_signal.emulator.settings import Option, Settings
from poker_signal.emulator.wiring import types_known_to

T = TypeVar("T")


class _Others(msgspec.Struct, frozen=True):
    """Options of a marker that are not settings."""

    handler: Any = CORE
    """A reference, which is a process, or a callable, which is called in the test's process."""
    tls: bool = False
    dynamodb: str | None = None
    """``moto``, or a URL."""
    tables: dict[str, TableConfig] = {}
    environment: dict[str, str] = {}
    """Variables of the handler, if it is a process."""
    routes: tuple[str, ...] = ()
    route_selection_expression: str = DEFAULT_EXPRESSION
    config: str | None = None
    faults: tuple[str, ...] = ()
    optional_faults: tuple[str, ...] = ()
    seed: int = 0


NAMES = (*(field.name for field in fields(Settings)), *_Others.__struct_fields__)
"""Names of all options."""


class BadOption(PokerSignalError, ValueError):
    """An unknown option, or a value that is not allowed; the text says what is allowed."""


class Setup(NamedTuple):
    """Arguments of an emulator."""

    settings: Settings
    api: ApiConfig | None
    folder: Path
    """Base folder of the handlers' files."""
    handlers: Mapping[str, Handler] = {}  # never changed
    """Callables, by function."""
    tls: bool = False
    dynamodb: str | None = None
    faults: tuple[str, ...] = ()
    seed: int = 0
    optional_faults: tuple[str, ...] = ()
    """Faults that need not strike; those in ``faults`` must."""


def read_options(options: Mapping[str, Any], folder: Path) -> Setup:
    """Check options; names of files are relative to ``folder``.

    Raises:
        BadOption: an option is unknown or its value not allowed; the text says what is allowed.
    """
    for name in options:
        if name not in NAMES:
            raise BadOption(f"there is no option {name!r}; {_instead_of(name)}")
    of_others = {name: options[name] for name in _Others.__struct_fields__ if name in options}
    of_settings = {name: value for name, value in options.items() if name not in of_others}
    if isinstance(of_others.get("config"), Path):
        of_others["config"] = str(of_others["config"])
    settings, others = _settings({"port": 0, **of_settings}), _convert(of_others, _Others)
    try:
        setup = _with_api(settings, others, of_others.keys(), folder)
        Faults(others.faults + others.optional_faults, types=types_known_to(setup.api))
    except (BadConfig, BadFault) as error:
        raise BadOption(str(error)) from error
    _check_tickets(setup)
    return setup._replace(
        faults=others.faults,
        seed=others.seed,
        optional_faults=others.optional_faults,
        tls=others.tls,
        dynamodb=others.dynamodb,
    )


def _settings(values: dict[str, Any]) -> Settings:
    settings = _convert(values, Settings)
    for field in fields(Settings):
        option, value = field.metadata.get("option"), getattr(settings, field.name)
        if option is not None and isinstance(value, int | float):
            _check_range(field.name, value, option)
    return settings


def _convert(values: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(values, kind, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        # msgspec names JSON's types; a test has Python's.
        says = str(error).replace("$.", "").replace("`array", "`list").replace("`object", "`dict")
        raise BadOption(says) from error


def _handler(handler: object) -> str | Handler:
    """Return a reference to a handler, or a callable."""
    if isinstance(handler, str):
        return handler
    if not callable(handler):
        raise BadOption(
            f"handler={handler!r}: a callable, which is called in this process, or a reference "
            "such as 'FILE.py:FUNCTION', which runs in its own"
        )
    if inspect.iscoroutinefunction(handler):
        raise BadOption(
            f"handler={handler!r}: a coroutine function, which Lambda does not await; make it a "
            "plain function that calls asyncio.run()"
        )
    return handler


def _check_range(name: str, value: float, option: Option) -> None:
    too_little = option.least is not None and (
        value <= option.least if option.above else value < option.least
    )
    too_much = option.most is not None and value > option.most
    if too_little or too_much:
        least = "" if option.least is None else f"{option.least}<{'' if option.above else '='}"
        most = "" if option.most is None else f"<={option.most}"
        raise BadOption(f"{name}={value}: not in the range {least}x{most}")


def _with_api(settings: Settings, others: _Others, given: Set[str], folder: Path) -> Setup:
    of_api = given & {"handler", "routes", "route_selection_expression"}
    if others.config is not None:
        if of_api:
            raise BadOption("config names handlers and routes: leave the other options out")
        path = folder / others.config
        config = read_config(path)
        if config.stage is not None:
            settings = dataclasses.replace(settings, stage=config.stage)
        return _with_services(Setup(settings, config, path.parent), others)
    handler = _handler(others.handler)
    if handler == "lambda":
        raise BadOption(
            "handler='lambda' needs a DynamoDB: start `poker-signal emulate --handler lambda`, "
            "or name a handler of your own"
        )
    if handler == CORE and of_api <= {"handler"}:
        return _with_services(Setup(settings, None, folder), others)
    reference = handler if isinstance(handler, str) else "handler:callable"
    api = of_handler(reference, others.routes, others.route_selection_expression)
    setup = Setup(settings, api, folder)
    if not isinstance(handler, str):
        setup = setup._replace(handlers=dict.fromkeys(api.functions, handler))
    return _with_services(setup, others)


def _with_services(setup: Setup, others: _Others) -> Setup:
    """Add what handlers find in AWS: variables and tables."""
    named = [name for name in ("environment", "tables", "dynamodb") if getattr(others, name)]
    api = setup.api
    if api is None:
        if named:
            raise BadOption(f"{named[0]} is for a handler; the core has none")
        return setup
    if others.environment and setup.handlers:
        raise BadOption("environment is for a handler in its own process: use monkeypatch.setenv")
    functions = {
        name: msgspec.structs.replace(each, environment={**each.environment, **others.environment})
        for name, each in api.functions.items()
    }
    tables = {**api.tables, **others.tables}
    if tables and others.dynamodb is None:
        raise BadOption("tables need dynamodb='moto', or the URL of a DynamoDB")
    changed = msgspec.structs.replace(api, functions=functions, tables=tables)
    try:
        check(changed)
    except ValueError as error:
        raise BadOption(str(error)) from error
    return setup._replace(api=changed)


def _check_tickets(setup: Setup) -> None:
    """Refuse keys that the command line refuses: with them, a test would prove nothing."""
    keys = setup.settings.ticket_keys
    if keys is None:
        return
    try:
        # Latin-1 makes a character of each byte; read_keys refuses those outside ASCII.
        read_keys(json.dumps({kid: secret.decode("latin-1") for kid, secret in keys.items()}))
    except BadKeys as error:
        raise BadOption(f"ticket_keys: {error}") from error
    if setup.api is not None and not setup.api.core_decides_connects:
        raise BadOption(
            f"ticket_keys is for handler={CORE!r}: other handlers check tickets themselves"
        )


def _instead_of(name: str) -> str:
    close = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(NAMES)}"
