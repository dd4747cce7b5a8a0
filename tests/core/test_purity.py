"""The core's imports: the standard library only, and no module that does I/O."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOAD_THE_CORE = """
import sys
before = set(sys.modules)
import importlib, pkgutil, poker_signal.core
for module in pkgutil.iter_modules(poker_signal.core.__path__, "poker_signal.core."):
    importlib.import_module(module.name)
print("\\n".join(set(sys.modules) - before))
"""

BANNED: dict[str, dict[str, str]] = tomllib.loads((ROOT / "core" / "ruff.toml").read_text())[
    "lint"
]["flake8-tidy-imports"]["banned-api"]


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules that a fresh interpreter loads when it imports the core."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD_THE_CORE], capture_output=True, cwd=ROOT, text=True, check=True
    )
    return set(done.stdout.split())


def test_every_module_of_the_core_was_loaded(loaded: set[str]) -> None:
    """All modules of the core are imported; otherwise the tests below would prove nothing."""
    files = (ROOT / "core").glob("[!_]*.py")
    assert {f"poker_signal.core.{file.stem}" for file in files} <= loaded


def test_the_core_loads_nothing_but_the_standard_library(loaded: set[str]) -> None:
    """The Lambda zip has only our code; each package would cost milliseconds at a cold start."""
    top_level = {name.partition(".")[0] for name in loaded}
    assert top_level - sys.stdlib_module_names == {"poker_signal"}


@pytest.mark.parametrize(
    "module",
    [
        *("asyncio", "selectors", "socket", "ssl", "http", "logging", "subprocess", "threading"),
        *("random", "secrets", "uuid", "boto3", "botocore", "click", "h11", "websockets"),
        *("poker_signal.cli", "poker_signal.emulator", "poker_signal.lambda_app"),
    ],
    ids=str,
)
def test_the_core_does_not_load_what_does_io(loaded: set[str], module: str) -> None:
    """The core takes and returns values; a module that is not loaded cannot be called."""
    assert module not in loaded
