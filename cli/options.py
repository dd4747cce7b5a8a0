"""Options of `emulate` made of ``Settings``: names, ranges and help stand there once."""

import dataclasses
import enum
import math
import types
import typing
from collections.abc import Callable
from typing import Any

import click

from poker_signal.emulator.settings import Option, Settings

_Command = typing.TypeVar("_Command", bound=Callable[..., Any])


class Finite(click.FloatRange):
    """A finite number within a range: neither inf nor nan."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number of a text."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


def settings_options(command: _Command) -> _Command:
    """Add an option to a command for every setting that has one; it is passed by field name."""
    kinds = typing.get_type_hints(Settings)
    # Decorators are applied from the last to the first.
    for field in reversed(dataclasses.fields(Settings)):
        option: Option | None = field.metadata.get("option")
        if option is not None:
            command = _as_option(field.name, kinds[field.name], field.default, option)(command)
    return command


def _as_option(
    name: str, kind: Any, default: object, option: Option
) -> Callable[[_Command], _Command]:
    bare = option.name or name.replace("_", "-")
    flag = f"--{bare}/--no-{bare}" if default is True else f"--{bare}"
    is_optional = isinstance(kind, types.UnionType)
    (kind, *_) = typing.get_args(kind) if is_optional else (kind,)
    return click.option(
        flag,
        name,
        default=default.value if isinstance(default, enum.Enum) else default,
        is_flag=kind is bool,
        type=None if kind is bool else _type(kind, option),
        help=option.help,
        envvar=f"POKER_SIGNAL_{bare.replace('-', '_').upper()}",
        show_default=not is_optional and kind is not bool,
    )


def _type(kind: Any, option: Option) -> "click.ParamType[Any] | type":
    if kind is int and (option.least is not None or option.most is not None):
        return click.IntRange(_whole(option.least), _whole(option.most))
    if kind is float:
        return Finite(option.least, option.most, min_open=option.above)
    if issubclass(kind, enum.Enum):
        return click.Choice([member.value for member in kind])
    return typing.cast(type, kind)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
