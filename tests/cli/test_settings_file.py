"""Options of `emulate` in poker-signal.toml and pyproject.toml."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import poker_signal.cli.emulate as command
from poker_signal.cli.emulate import EmulateOptions
from poker_signal.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the command."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, **environment: str) -> EmulateOptions:
    """Return the options with which the command starts an emulator."""
    seen: list[EmulateOptions] = []
    monkeypatch.setattr(command, "run", seen.append)
    result = CliRunner(env=environment).invoke(main, ["emulate", *arguments])
    assert (result.exit_code, result.stderr) == (0, "")
    return seen[0]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("poker-signal.toml", 'port = 3005\nfault = ["drop:offer"]\nverbose = true\n'),
        (
            "pyproject.toml",
            "[tool.poker-signal]\nport = 3005\nfault = ['drop:offer']\nverbose = true\n",
        ),
    ],
)
def test_the_file_comes_after_command_line_and_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str
) -> None:
    """An option of the command line replaces the environment's, which replaces the file's."""
    (folder / file).write_text(text)
    options = run(monkeypatch)
    assert options.settings_file == folder / file
    assert (options.settings["port"], options.faults, options.verbose) == (
        3005,
        ("drop:offer",),
        True,
    )
    assert run(monkeypatch, POKER_SIGNAL_PORT="3006").settings["port"] == 3006
    assert run(monkeypatch, "--port", "1", POKER_SIGNAL_PORT="3006").settings["port"] == 1


def test_the_variable_of_an_option_has_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeatable option takes several values, separated by white space."""
    options = run(
        monkeypatch,
        POKER_SIGNAL_FAULT="reorder drop:offer",
        POKER_SIGNAL_ROUTE="join",
        POKER_SIGNAL_OPEN="1",
        POKER_SIGNAL_LOG_FORMAT="json",
    )
    assert (options.faults, options.routes) == (("reorder", "drop:offer"), ("join",))
    assert (options.open_inspector, options.log_format) == (True, "json")


def test_a_project_without_the_table_has_no_options(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other tools' tables are not read, whether or not they name poker-signal."""
    for text in ("[project]\nname = 'x'\n", "[project]\ndependencies = ['poker-signal']\n"):
        (folder / "pyproject.toml").write_text(text)
        assert run(monkeypatch).settings_file is None


BAD: dict[str, tuple[Any, str]] = {
    "near": ("prot = 1", "prot is no option of emulate; did you mean port?"),
    "unknown": ("colour = 1", "colour is no option of emulate; see poker-signal emulate --help"),
    "kind": ("port = 'abc'", "Invalid value for '--port': 'abc' is not a valid integer range."),
    "range": (
        "idle-timeout = -1.0",
        "Invalid value for '--idle-timeout': -1.0 is not in the range",
    ),
    "infinite": ("port = 1e400", "Invalid value for '--port': 'inf' is not a valid integer range."),
    "digits": (f"port = {'9' * 5000}", "is not TOML"),
    "hexadecimal": (f"port = 0x{'f' * 5000}", "port takes text or a number"),
    "date": ("port = 1979-05-27", "port takes text or a number"),
    "date for a flag": ("open = 1979-05-27", "open takes text or a number"),
    "truth": ("port = true", "Invalid value for '--port': 'true' is not a valid integer range."),
    "NUL": ('config = "\\u0000"', "config takes text or a number"),
    "list": ("fault = 'drop'", "fault takes a list"),
    "value": ("port = [1]", "port takes one value"),
    "table": ("[port]\na = 1", "port takes one value"),
    "syntax": ("port =", "is not TOML: Invalid value (at end of document)"),
    "bytes": (b"\xff", "cannot be read: 'utf-8' codec can't decode byte 0xff"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line(folder: Path, name: str) -> None:
    """The line has the file's path and the mistake; the exit code is 1."""
    content, says = BAD[name]
    path = folder / "poker-signal.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = CliRunner().invoke(main, ["emulate"])
    (line,) = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (1, "")
    assert line.startswith(f"Error: {path}")
    assert says in line


def test_a_mistake_of_the_command_line_stays_its_own(folder: Path) -> None:
    """Wrong usage is exit code 2, also with a file; --help ignores a bad file."""
    (folder / "poker-signal.toml").write_text("port = 3005")
    assert CliRunner().invoke(main, ["emulate", "--port", "x"]).exit_code == 2
    (folder / "poker-signal.toml").write_text("port =")
    assert CliRunner().invoke(main, ["emulate", "--help"]).exit_code == 0
