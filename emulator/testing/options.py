"""From ``@pytest.mark.signal_emulator(…)`` to what an emulator is made of."""

import difflib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from poker_signal.emulator.config import (
    DEFAULT_EXPRESSION,
    ApiConfig,
    BadConfig,
    of_handler,
    read_config,
)
from poker_signal.emulator.fault_spec import BadFault
from poker_signal.emulator.faults import Faults
from poker_signal.emulator.settings import Option, Settings

_OF_HANDLER = ("handler", "routes", "route_selection_expression")

_OF_FAULTS = ("faults", "seed")

NAMES = (*(field.name for field in fields(Settings)), *_OF_HANDLER, "config", *_OF_FAULTS)
"""Every option that there is."""


class BadOption(ValueError):
    """An option that there is not, or a value that it cannot have; the text says what can be."""


class Setup(NamedTuple):
    """What an emulator is made of."""

    settings: Settings
    api: ApiConfig | None
    folder: Path
    """What the handlers' files are relative to."""
    faults: tuple[str, ...] = ()
    seed: int = 0


def read_options(options: Mapping[str, Any], folder: Path) -> Setup:
    """Check options; files are relative to ``folder``.

    Raises:
        BadOption: the text names the option and says what it can be.
    """
    for name in options:
        if name not in NAMES:
            raise BadOption(f"there is no option {name!r}; {_instead_of(name)}")
    of_api = {name: options[name] for name in (*_OF_HANDLER, "config") if name in options}
    others = (*of_api, *_OF_FAULTS)
    of_settings = {name: value for name, value in options.items() if name not in others}
    settings = _settings({"port": 0, **of_settings})
    faults = _list_of(options, "faults")
    try:
        Faults(faults)
        setup = _with_api(settings, of_api, folder)
    except (BadConfig, BadFault) as error:
        raise BadOption(str(error)) from error
    return setup._replace(faults=faults, seed=options.get("seed", 0))


def _settings(values: dict[str, Any]) -> Settings:
    try:
        settings = msgspec.convert(values, Settings, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise BadOption(str(error).replace("$.", "")) from error
    for field in fields(Settings):
        option, value = field.metadata.get("option"), getattr(settings, field.name)
        if option is not None and isinstance(value, int | float):
            _check_range(field.name, value, option)
    return settings


def _check_range(name: str, value: float, option: Option) -> None:
    too_little = option.least is not None and (
        value <= option.least if option.above else value < option.least
    )
    too_much = option.most is not None and value > option.most
    if too_little or too_much:
        least = "" if option.least is None else f"{option.least}<{'' if option.above else '='}"
        most = "" if option.most is None else f"<={option.most}"
        raise BadOption(f"{name}={value}: not in the range {least}x{most}")


def _with_api(settings: Settings, options: dict[str, Any], folder: Path) -> Setup:
    if "config" in options:
        if len(options) > 1:
            raise BadOption("config names handlers and routes: leave the other options out")
        path = folder / options["config"]
        return Setup(settings, read_config(path), path.parent)
    handler = options.pop("handler", "core")
    if handler == "lambda":
        raise BadOption(
            "handler='lambda' needs a DynamoDB: start `poker-signal emulate --handler lambda`, "
            "or name a handler of your own"
        )
    if handler == "core" and not options:
        return Setup(settings, None, folder)
    routes = _list_of(options, "routes")
    expression = options.get("route_selection_expression", DEFAULT_EXPRESSION)
    return Setup(settings, of_handler(handler, routes, expression), folder)


def _list_of(options: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = options.get(name, ())
    if isinstance(value, str):
        raise BadOption(f"{name}={value!r}: a list of them")
    return tuple(value)


def _instead_of(name: str) -> str:
    close = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(NAMES)}"
