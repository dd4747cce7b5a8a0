"""Commands whose stdout cannot be written print one error line."""

import errno
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from poker_signal.cli.commands import Commands
from tests.support.process import COMMAND

pytestmark = pytest.mark.process

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="no device here is always full")
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["emulate", "--port", "0"],
        ["check", "URL"],
        ["peer", "URL", "--player", "Alice", "--game", "G1"],
        ["bot", "URL", "--player", "HOST", "--game", "G2"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_full_disk_is_one_line(url: str, arguments: list[str]) -> None:
    """A full disk ends any command with one line, and Python adds no second complaint at exit."""
    command = [*COMMAND, *(url if each == "URL" else each for each in arguments)]
    with FULL.open("w") as full:
        done = subprocess.run(
            command, input="", stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    *before, last = done.stderr.splitlines()
    assert last == "Error: stdout cannot be written: No space left on device"
    assert not any("Traceback" in line for line in before)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "full", "a file"), ConnectionResetError(errno.ECONNRESET, "reset")],
    ids=["a file", "a socket"],
)
def test_other_errors_are_no_matter_of_stdout(error: OSError) -> None:
    """An OSError that is not about stdout is raised unchanged."""

    @click.command()
    def fails() -> None:
        raise error

    result = CliRunner().invoke(Commands(commands=[fails]), ["fails"])
    assert result.exception is error
