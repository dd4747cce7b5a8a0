"""References to handlers, and the program that runs each: by bootstrap or by itself."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from poker_signal.core.base_error import PokerSignalError

PYTHON = (".py",)
NODE = (".mjs", ".cjs", ".js")
BOOTSTRAPS = Path(__file__).parents[1] / "bootstraps"

ALLOWED = (
    "a handler is FILE.py:FUNCTION, MODULE:FUNCTION, FILE.mjs:FUNCTION, Lambda's MODULE.FUNCTION, "
    "or an executable named bootstrap"
)


class BadHandler(PokerSignalError):
    """A handler that cannot be found or started; the message says why and what to do."""


class Program(NamedTuple):
    """A function as a program to start."""

    command: tuple[str, ...]
    """Interpreter and bootstrap, or an executable; ours get a last argument, in JSON."""
    handler: str
    """Value of ``_HANDLER``: Lambda's notation."""
    root: Path
    """Task root: the working directory, and the first folder for imports."""
    is_ours: bool = True
    """True: one of our bootstraps runs it."""

    def with_argument(self, facts: Mapping[str, object]) -> list[str]:
        """Return the command line; ``facts`` are for our bootstraps."""
        return [*self.command, json.dumps(facts)] if self.is_ours else [*self.command]


def program_of(
    reference: str,
    folder: Path,
    *,
    code: str | None = None,
    runtime: str | None = None,
    python: str | None = None,
) -> Program:
    """Return the program of a handler; its files are relative to ``code``, and that to ``folder``.

    ``runtime``: AWS's name, such as ``nodejs20.x``; None: the handler's file decides. ``python``:
    interpreter, by path or name; None: the one that runs this.

    Raises:
        BadHandler: the reference is invalid, or a file or an interpreter does not exist.
    """
    root = Path(os.path.abspath(folder / (code or "")))  # links stay links
    if not root.is_dir():
        raise BadHandler(f"{reference}: {root}: no such folder")
    runtime = runtime or ""
    if runtime.startswith(("provided", "go", "dotnet")):
        return _executable(root / "bootstrap", reference)
    source, colon, name = reference.rpartition(":")
    if not colon:
        path = root / reference
        if path.is_dir() and (path / "bootstrap").exists():
            return _executable(path / "bootstrap", reference)
        if path.is_file() and path.suffix not in PYTHON + NODE:
            return _executable(path, reference)
        source, _, name = reference.rpartition(".")
    if not source or not name.replace("$", "_").isidentifier() or name == "py":
        raise BadHandler(f"{reference}: {ALLOWED}")
    path = root / source
    if path.suffix in PYTHON + NODE:
        if not path.is_file():
            raise BadHandler(f"{reference}: {path}: no such file")
        if code is None:
            root = path.parent
        handler = f"{path.relative_to(root).with_suffix('').as_posix()}.{name}"
        return _by_bootstrap(path.suffix in NODE, handler, root, reference, python, path.suffix)
    node = next((each for each in NODE if (root / f"{source}{each}").is_file()), "")
    is_python = any(
        (root / place).exists()
        for place in (f"{source.replace('.', '/')}.py", f"{source}.py", source.replace(".", "/"))
    )
    if not (colon or runtime or node or is_python):
        looked = ", ".join(f"{source}{each}" for each in (*PYTHON, *NODE))
        raise BadHandler(f"{reference}: {root} has none of {looked}; {ALLOWED}")
    is_node = runtime.startswith("nodejs") or (not runtime and not is_python and bool(node))
    return _by_bootstrap(is_node, f"{source}.{name}", root, reference, python, node)


def _by_bootstrap(
    is_node: bool, handler: str, root: Path, reference: str, python: str | None, suffix: str
) -> Program:
    if is_node:
        node = shutil.which("node")
        if node is None:
            raise BadHandler(f"{reference}: there is no node on the PATH; install Node.js")
        return Program((node, str(BOOTSTRAPS / "node_bootstrap.cjs")), handler, root)
    interpreter = sys.executable if python is None else shutil.which(python)
    if interpreter is None:
        raise BadHandler(f"{reference}: python {python}: no such interpreter")
    return Program((interpreter, str(BOOTSTRAPS / "python_bootstrap.py")), handler, root)


def _executable(path: Path, reference: str) -> Program:
    if not path.is_file():
        raise BadHandler(f"{reference}: {path}: no such file; build the function first")
    if not os.access(path, os.X_OK):
        raise BadHandler(f"{reference}: {path} is not executable: chmod +x {path}")
    return Program((str(path),), reference, path.parent, is_ours=False)
