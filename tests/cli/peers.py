"""Starts the clients among the commands as processes."""

import json
import os
import subprocess
import sys
from typing import Any

COMMAND = [sys.executable, "-m", "poker_signal.cli"]


def start(*arguments: str, code: str = "") -> "subprocess.Popen[str]":
    """Start a command with pipes; ``code`` is run before it."""
    command = COMMAND
    if code:
        command = [sys.executable, "-c", f"{code}\nimport poker_signal.cli.__main__"]
    return subprocess.Popen(
        [*command, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
    )


def play(*arguments: str, says: str = "", code: str = "") -> tuple[int, list[Any], str]:
    """Run a command to its end; return its exit code, what it printed, and stderr."""
    with start(*arguments, code=code) as process:
        out, err = process.communicate(says, timeout=50)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err


def until(process: "subprocess.Popen[str]", event: str) -> Any:
    """Return the next event of this kind that a process prints."""
    assert process.stdout is not None
    for line in process.stdout:
        if (told := json.loads(line))["event"] == event:
            return told
    raise AssertionError(f"it ended without {event}")
