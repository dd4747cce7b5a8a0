"""References to handlers, as people write them, and the programs that they name."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from poker_signal.emulator.functions.references import BadHandler, program_of

NEEDS_NODE = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with handlers of each kind."""
    names = "app.py index.mjs src/app.py src/old.js src/lib/deep.py go/bootstrap plain/bootstrap"
    for name in names.split():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.touch()
    (tmp_path / "go" / "bootstrap").chmod(0o755)
    return tmp_path


PYTHON: dict[str, tuple[dict[str, Any], str, str]] = {
    "app.py:handler": ({}, "app.handler", "."),
    "app:handler": ({}, "app.handler", "."),
    "app.handler": ({}, "app.handler", "."),
    "src/app.py:handler": ({}, "app.handler", "src"),
    "src/app.handler": ({}, "src/app.handler", "."),
    "src.app:handler": ({}, "src.app.handler", "."),
    "src.app.handler": ({}, "src.app.handler", "."),
    "lib/deep.py:f": ({"code": "src"}, "lib/deep.f", "src"),
    "installed.module:f": ({}, "installed.module.f", "."),
    "installed.f": ({"runtime": "python3.12"}, "installed.f", "."),
}


@pytest.mark.parametrize("reference", PYTHON)
def test_python_handlers(project: Path, reference: str) -> None:
    """The task root is the folder of the file, of ``code``, or of the configuration."""
    more, handler, root = PYTHON[reference]
    program = program_of(reference, project, **more)
    assert (program.handler, program.root) == (handler, project / root)
    assert program.command[0] == sys.executable
    assert program.command[1].endswith("python_bootstrap.py")


@NEEDS_NODE
@pytest.mark.parametrize(
    ("reference", "more", "handler", "root"),
    [
        ("index.mjs:handler", {}, "index.handler", "."),
        ("index.handler", {}, "index.handler", "."),
        ("index:handler", {}, "index.handler", "."),
        ("src/old.handler", {}, "src/old.handler", "."),
        ("app.handler", {"runtime": "nodejs20.x", "code": "src"}, "app.handler", "src"),
    ],
)
def test_node_handlers(
    project: Path, reference: str, more: dict[str, str], handler: str, root: str
) -> None:
    """The suffix of the file decides, or the runtime's name."""
    program = program_of(reference, project, **more)
    assert (program.handler, program.root) == (handler, project / root)
    assert program.command[1].endswith("node_bootstrap.cjs")


@pytest.mark.parametrize(
    ("reference", "more"),
    [
        ("go/bootstrap", {}),
        ("./go", {}),
        ("Assembly::Class::Method", {"runtime": "dotnet8", "code": "go"}),
        ("function.handler", {"runtime": "provided.al2023", "code": "go"}),
    ],
)
def test_executables(project: Path, reference: str, more: dict[str, str]) -> None:
    """An executable speaks the Runtime API itself; it gets the handler's name by a variable."""
    program = program_of(reference, project, **more)
    assert program.command == (str(project / "go" / "bootstrap"),)
    assert program.with_argument({"a": 1}) == [str(project / "go" / "bootstrap")]
    assert (program.handler, program.root) == (reference, project / "go")


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "app.py": ({}, "a handler is FILE.py:FUNCTION, MODULE:FUNCTION, "),
    "app": ({}, "a handler is FILE.py:FUNCTION"),
    "app.py:": ({}, "a handler is FILE.py:FUNCTION"),
    "nothing.py:f": ({}, "nothing.py: no such file"),
    "nothing.f": ({}, "has none of nothing.py, nothing.mjs, nothing.cjs, nothing.js"),
    "app.py:f": ({"code": "nowhere"}, "nowhere: no such folder"),
    "app.py:g": ({"python": "nowhere/bin/python"}, "no such interpreter"),
    "plain/bootstrap": ({}, "is not executable: chmod +x "),
    "x": ({"runtime": "provided"}, "bootstrap: no such file; build the function first"),
}


@pytest.mark.parametrize("reference", REFUSED)
def test_what_is_no_handler_is_told(project: Path, reference: str) -> None:
    """The message says what there is and what to do."""
    more, says = REFUSED[reference]
    with pytest.raises(BadHandler) as bad:
        program_of(reference, project, **more)
    assert str(bad.value).startswith(f"{reference}: ")
    assert says in str(bad.value)


def test_without_node_a_node_handler_is_told_to_install_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Node is no part of poker-signal."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadHandler, match=r"there is no node on the PATH; install Node\.js"):
        program_of("index.mjs:handler", project)
