"""Options of `emulate` in a file of the working directory: poker-signal.toml or pyproject.toml."""

import difflib
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

ALONE = "poker-signal.toml"
"""The whole file holds options."""

SHARED = "pyproject.toml"
TABLE = "tool.poker-signal"
"""The table of pyproject.toml that holds options."""


class WithSettingsFile(click.Command):
    """A command whose options may also stand in a file.

    The command line comes first, then the environment, then the file. The name of an option is a
    key, without the dashes; a repeatable option is a list. ``ctx.obj`` is the file's path, or None.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **more: Any,
    ) -> click.Context:
        """Parse the command line over the file's options.

        Raises:
            click.ClickException: the file cannot be read, or holds what is no option.
        """
        asks_for_help = not {"-h", "--help"}.isdisjoint(args)
        path, options = (None, {}) if asks_for_help else self._read(Path.cwd())
        more |= {"default_map": options, "obj": path}
        try:
            return super().make_context(info_name, args, parent, **more)
        except click.BadParameter as error:
            if not self._is_of_file(error):
                raise
            raise click.ClickException(f"{path}: {error.format_message()}") from error

    def _is_of_file(self, error: click.BadParameter) -> bool:
        if error.ctx is None or error.param is None or error.param.name is None:
            return False
        return error.ctx.get_parameter_source(error.param.name) is ParameterSource.DEFAULT_MAP

    def _read(self, folder: Path) -> tuple[Path | None, dict[str, Any]]:
        for path, table in ((folder / ALONE, None), (folder / SHARED, TABLE)):
            found = _table_of(path, table)
            if found is not None:
                return path, self._checked(path, found)
        return None, {}

    def _checked(self, path: Path, found: dict[str, Any]) -> dict[str, Any]:
        """Return the options by their parameters' names."""
        known = {
            option.removeprefix("--"): param
            for param in self.params
            if isinstance(param, click.Option)
            for option in param.opts
            if option.startswith("--")
        }
        options = {}
        for key, value in found.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"; did you mean {near[0]}?" if near else "; see poker-signal emulate --help"
                raise click.ClickException(f"{path}: {key} is no option of emulate{hint}")
            param = known[key]
            if isinstance(value, dict) or isinstance(value, list) is not param.multiple:
                kind = "a list" if param.multiple else "one value"
                raise click.ClickException(f"{path}: {key} takes {kind}")
            options[str(param.name)] = (
                [_as_typed(path, key, each) for each in value]
                if isinstance(value, list)
                else value
                if param.is_flag and isinstance(value, bool)
                else _as_typed(path, key, value)
            )
        return options


def _as_typed(path: Path, key: str, value: object) -> str:
    """Return a value as it would be typed on the command line, which has the checks.

    Raises:
        click.ClickException: it cannot be typed.
    """
    if isinstance(value, bool):
        return str(value).lower()
    # An integer of thousands of digits has no decimal text.
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64):
        return str(value)
    if isinstance(value, str) and "\0" not in value:
        return value
    raise click.ClickException(f"{path}: {key} takes text or a number")


def _table_of(path: Path, table: str | None) -> dict[str, Any] | None:
    """Return the options in a file; None: there is no such file or table.

    Raises:
        click.ClickException: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path} cannot be read: {error}") from error
    if table is not None and "poker-signal" not in text:
        return None
    # Imported here, because most folders have neither file and the start shall be quick.
    import tomllib

    try:
        found: Any = tomllib.loads(text)
    except RecursionError as error:
        raise click.ClickException(f"{path} is nested too deeply") from error
    except ValueError as error:
        # A TOMLDecodeError, or an integer of thousands of digits.
        raise click.ClickException(f"{path} is not TOML: {error}") from error
    for key in table.split(".") if table is not None else ():
        found = found.get(key) if isinstance(found, dict) else None
    if found is not None and not isinstance(found, dict):
        raise click.ClickException(f"{path}: {table} is not a table")
    return found
