"""The core is made of values: what it may not know, it does not load, and the linter says so."""

import json
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


def run_python(*arguments: str, stdin: str = "") -> str:
    """Run the tests' own interpreter and return what it prints; it may exit with anything."""
    return subprocess.run(
        [sys.executable, *arguments],
        input=stdin,
        capture_output=True,
        cwd=ROOT,
        encoding="utf-8",
        check=False,
    ).stdout


def banned_in(source: str) -> dict[int, str]:
    """Return what the linter says of the imports of a module of the core, by line."""
    report = run_python(
        *("-m", "ruff", "check", "--no-cache", "--output-format", "json"),
        *("--select", "TID251", "--stdin-filename", "core/x.py", "-"),
        stdin=source,
    )
    return {finding["location"]["row"]: finding["message"] for finding in json.loads(report)}


def use_of(name: str) -> str:
    """Return one line that uses what is banned."""
    parent, _, member = name.rpartition(".")
    if parent.startswith("datetime"):
        return f"import datetime; print({name}())"
    return f"from {parent} import {member}" if parent else f"import {name}"


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Every module that a fresh interpreter loads for the sake of the core."""
    return set(run_python("-c", LOAD_THE_CORE).split())


def test_every_module_of_the_core_was_loaded(loaded: set[str]) -> None:
    """Otherwise the tests below would prove nothing."""
    files = (ROOT / "core").glob("[!_]*.py")
    assert {f"poker_signal.core.{file.stem}" for file in files} <= loaded


def test_the_core_loads_nothing_but_the_standard_library(loaded: set[str]) -> None:
    """The Lambda zip holds only our code, and every package costs milliseconds at a cold start."""
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
    """Values in, values out: what is not loaded cannot be called."""
    assert module not in loaded


@pytest.fixture(scope="module")
def refusals() -> dict[str, str | None]:
    """What the linter says of a use of each banned name."""
    by_line = banned_in("".join(f"{use_of(name)}\n" for name in BANNED))
    return {name: by_line.get(line) for line, name in enumerate(BANNED, start=1)}


@pytest.mark.parametrize("name", BANNED, ids=str)
def test_the_linter_refuses_what_is_banned(refusals: dict[str, str | None], name: str) -> None:
    """A rule that never fires would let the core reach for the clock unnoticed."""
    assert refusals[name] == f"`{name}` is banned: {BANNED[name]['msg']}"


def test_the_linter_allows_what_the_core_needs() -> None:
    """Otherwise everything would be refused, and the test above would prove nothing."""
    assert banned_in("import json\nfrom datetime import UTC\nimport poker_signal.core\n") == {}
