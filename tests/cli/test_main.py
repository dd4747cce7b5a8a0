"""Help, version and lazy imports."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from poker_signal.cli import VERSION
from poker_signal.cli.main import main


@pytest.mark.parametrize("command", [[], *([name] for name in main.commands)], ids=" ".join)
def test_every_command_explains_itself(command: list[str]) -> None:
    """The help of a command has at least one line for each option."""
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")
    params = main.commands[command[0]].params if command else main.params
    options = [param for param in params if isinstance(param, click.Option)]
    assert all(option.help for option in options)
    assert all(option.opts[0] in result.output for option in options)


def test_the_version_is_that_of_the_distribution() -> None:
    """pyproject.toml takes the version from `poker_signal.cli.VERSION`."""
    from importlib.metadata import version

    result = CliRunner().invoke(main, ["--version"])
    assert result.output == f"poker-signal, version {VERSION}\n"
    assert version("poker-signal") == VERSION


@pytest.mark.process
def test_help_loads_neither_websockets_nor_boto3() -> None:
    """Help is printed at once, because heavy modules are imported inside the commands."""
    code = (
        "import sys; from poker_signal.cli.main import main\n"
        "heavy = {'websockets', 'boto3', 'botocore', 'h11', 'asyncio', 'uvloop', 'aiortc'}\n"
        "for command in [], *([name] for name in main.commands):\n"
        "    try: main([*command, '--help'])\n"
        "    except SystemExit as end: assert not end.code, command\n"
        "    assert not heavy & set(sys.modules), (command, heavy & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Usage: ") == 1 + len(main.commands)
