"""Finds handlers by name, and takes back what importing them has left behind."""

import functools
import importlib
import importlib.machinery
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.functions.modules import is_below, is_own, place_of

Handler = Callable[[Any, Any], Any]


class BadHandler(PokerSignalError):
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
            # SystemExit too: a module that exits is a mistake to be told, not the emulator's end.
            place = place_of(error, [home, *([path.parent] if path else [])])
            where = f"{place.file}:{place.line}: " if place else ""
            words = f"{type(error).__name__}: {getattr(error, 'msg', None) or error}"
            raise BadHandler(f"{reference}: {where}{words}") from error
        return self._noting(_function(module, name, reference))

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
        # Before others are put aside: each has a name of its own.
        name = source if path is None else _free_name(path)
        others = self._of_others(home)
        for other in others:
            del sys.modules[other]
        before = dict(sys.modules)
        try:
            return importlib.import_module(name) if path is None else _execute(path, name)
        finally:
            self._note(before)
            sys.modules.update(others)

    def _note(self, before: Mapping[str, ModuleType]) -> None:
        """Remember what has been brought since."""
        folders = [Path(path) for path in self._paths]
        for name, module in list(sys.modules.items()):
            was = before.get(name)
            if module is not was and not is_own(name) and is_below(module, folders):
                self._replaced.setdefault(name, was)

    def _noting(self, handler: Handler) -> Handler:
        """Return a handler of which is remembered what it imports only when it is called."""

        @functools.wraps(handler, updated=())
        def call(event: Any, context: Any) -> Any:
            before = dict(sys.modules)
            try:
                return handler(event, context)
            finally:
                if len(sys.modules) != len(before):
                    self._note(before)

        return call

    def _of_others(self, home: Path) -> dict[str, ModuleType]:
        """Return what other functions have brought, and this one has a file of its own for."""
        return {
            name: module
            for name in self._replaced
            if (module := sys.modules.get(name)) is not None and _has_another(home, name)
        }


def _has_another(folder: Path, module: str) -> bool:
    """Tell whether a folder has something else of the name of an imported module or its package."""
    name = module.partition(".")[0]
    found = importlib.machinery.PathFinder.find_spec(name, [str(folder)])
    if found is None:
        return False
    known = sys.modules.get(name)
    if found.origin is None:
        # A package without __init__.py is known by its folders.
        return [*(found.submodule_search_locations or ())] != [*getattr(known, "__path__", ())]
    return known is None or not _is_from(known, Path(found.origin))


def _execute(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        # As the import system does: half a module must not be found by the next import.
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
