"""Every package is in the wheel and typed; constraints are versions."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("core", "lambda_app", "emulator", "cli")


def test_pyproject_lists_every_package() -> None:
    """A forgotten sub-folder imports well in an editable install and is missing from the wheel."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {
        "poker_signal." + ".".join(init.parent.relative_to(ROOT).parts)
        for folder in FOLDERS
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert found == set(setuptools["packages"])


def test_constraints_are_versions_and_nothing_else() -> None:
    """An address would tie every user to somebody's index."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in pins)
