"""npm packages for tests, installed once into build/."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "javascript"

INSTALL_S = 300


def npm(*arguments: str, folder: Path) -> str:
    """Run npm in a folder; return its stdout."""
    done = subprocess.run(
        ["npm", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
        check=False,
    )
    assert done.returncode == 0, f"npm {arguments}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def tools() -> Path:
    """Return the folder of the client's development tools, installed if they are not there.

    Without npm, or if they cannot be installed, skip; fail where ``CI`` is set.
    """
    folder = CLIENT / "node_modules"
    if not (folder / "typescript").is_dir():
        try:
            npm("install", "--no-audit", "--no-fund", folder=CLIENT)
        except (OSError, AssertionError, subprocess.TimeoutExpired) as error:
            missing(f"the client's tools cannot be installed: {str(error)[:300]}")
    return folder


def node() -> str:
    """Return the path of Node; without it skip, or fail where ``CI`` is set."""
    found = shutil.which("node")
    if found is None:
        missing("no node on PATH")
    return str(found)


def missing(what: str) -> None:
    """Skip a test for what is missing; fail it where ``CI`` is set."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
