"""Finds handlers by name, and takes back what importing them has left behind."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from poker_signal.emulator.fresh_code import OWN, is_below, place_of

Handler = Callable[[Any, Any], Any]


class BadHandler(Exception):
    """A handler that cannot be called; the text says why and what to do."""


class HandlerImports:
    """The handlers of one emulator, and what has been imported for them.

    They share the process with whoever started the emulator, which may be a test with modules of
    the same names.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: list[str] = []
        self._replaced: dict[str, ModuleType | None] = {}
        """What was in ``sys.modules`` before the handlers came, where they brought something."""

    def load(self, reference: str) -> Handler:
        """Return the function that ``MODULE:FUNCTION`` or ``FILE.py:FUNCTION`` names.

        Files are relative to the folder; modules may be in it too.

        Raises:
            BadHandler: it cannot be imported, or Lambda could not call it.
        """
        source, _, name = reference.rpartition(":")
        if not source or not name.isidentifier():
            raise BadHandler(f"{reference}: a handler is MODULE:FUNCTION or FILE.py:FUNCTION")
        path = self._folder / source if source.endswith(".py") else None
        if path is not None and not path.is_file():
            raise BadHandler(f"{reference}: {path}: no such file")
        home = self._folder.resolve() if path is None else path.resolve().parent
        try:
            module = self._imported(home, source, path)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            place = place_of(error, [home, *([path.parent] if path else [])])
            where = f"{place.file}:{place.line}: " if place else ""
            words = f"{type(error).__name__}: {getattr(error, 'msg', None) or error}"
            raise BadHandler(f"{reference}: {where}{words}") from error
        return _function(module, name, reference)

    def forget(self) -> None:
        """Leave ``sys.path`` and ``sys.modules`` as they were."""
        folders = [Path(path) for path in self._paths]
        for name, before in self._replaced.items():
            module = sys.modules.get(name)
            if module is None or not is_below(module, folders):
                continue
            if before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before
        for path in self._paths:
            if path in sys.path:
                sys.path.remove(path)
        self._replaced.clear()
        self._paths.clear()

    def _imported(self, home: Path, source: str, path: Path | None) -> ModuleType:
        # In Lambda the function's own folder is on the path: what lies beside it is imported,
        # also if another function has something of that name.
        if str(home) in self._paths:
            sys.path.remove(str(home))
        else:
            self._paths.append(str(home))
        sys.path.insert(0, str(home))
        others = self._of_others(home)
        for name in others:
            del sys.modules[name]
        before = dict(sys.modules)
        try:
            return importlib.import_module(source) if path is None else _execute(path)
        finally:
            for name, module in list(sys.modules.items()):
                was = before.get(name)
                if module is not was and not name.startswith(OWN) and is_below(module, [home]):
                    self._replaced.setdefault(name, was)
            sys.modules.update(others)

    def _of_others(self, home: Path) -> dict[str, ModuleType]:
        """Return what other functions have brought, and this one has a file of its own for."""
        return {
            name: module
            for name in self._replaced
            if (module := sys.modules.get(name)) is not None
            and not is_below(module, [home])
            and _has(home, name.partition(".")[0])
        }


def _has(folder: Path, module: str) -> bool:
    return (folder / f"{module}.py").is_file() or (folder / module / "__init__.py").is_file()


def _execute(path: Path) -> ModuleType:
    name = _free_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _free_name(path: Path) -> str:
    """Return the file's name, as in Lambda, or a longer one where something else has that."""
    name = path.stem
    while (module := sys.modules.get(name)) is not None and not _is_from(module, path):
        name = f"{path.resolve().parent.name}_{name}"
    return name


def _is_from(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return bool(file) and Path(str(file)).resolve() == path.resolve()


def _function(module: ModuleType, name: str, reference: str) -> Handler:
    handler = getattr(module, name, None)
    if handler is None:
        raise BadHandler(f"{reference}: {reference.rpartition(':')[0]} has no {name}")
    if not callable(handler):
        raise BadHandler(f"{reference}: {name} is no function but {type(handler).__name__}")
    if inspect.iscoroutinefunction(handler):
        raise BadHandler(
            f"{reference}: {name} is a coroutine function, which Lambda does not await; "
            "make it a plain one that calls asyncio.run()"
        )
    # Whatever a module holds has no type; that it can be called has just been seen.
    return handler  # type: ignore[no-any-return]
