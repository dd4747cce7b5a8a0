"""Packages in the wheel, names of classes, and constraints."""

import ast
import tomllib
from collections import Counter
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("core", "lambda_app", "emulator", "cli")


def test_pyproject_lists_every_package() -> None:
    """pyproject.toml lists every package; the wheel would lack others, an editable install not."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {
        "poker_signal." + ".".join(init.parent.relative_to(ROOT).parts)
        for folder in FOLDERS
        for init in (ROOT / folder).rglob("__init__.py")
    }
    # Data of the emulator, and no package of ours.
    found.add("poker_signal.javascript")
    assert found == set(setuptools["packages"])


def test_no_two_classes_have_one_name() -> None:
    """No two classes have the same name, so a reader knows which class a name means."""
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    nodes = chain.from_iterable(ast.walk(ast.parse(file.read_text())) for file in files)
    names = Counter(node.name for node in nodes if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []


def test_constraints_are_versions_and_nothing_else() -> None:
    """Constraints are only versions, because an address would tie every user to one index."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in pins)
