"""Import of handlers by name, and the restoring of sys.path and sys.modules afterwards."""

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
    """A handler that cannot be imported or called; the message says why and what to do."""


# Process-wide state: sys.path, sys.modules and os.environ
#
# A handler imports its helpers by plain names and calls boto3 without arguments, as in Lambda. So
# its folder must be on sys.path, its modules are in sys.modules, and the addresses for boto3 are in
# os.environ (environment_for, set and restored by server.py). All three belong to the process,
# which may run a test with modules of the same names. So everything is restored at the end.
# load puts the handler's folder first on sys.path, and _note records in _replaced which modules of
# the handlers' folders are new and what they replaced. A wrapper (_noting) does the same for
# modules that a handler imports only when it is called. forget undoes all of this.
# If two functions have helpers of one name, those of the other are taken out of sys.modules while
# one is loaded (_of_others). Each keeps its own, except one that is imported only during a call:
# it gets the module that is in sys.modules then.
# What else breaks it: a handler thread that still runs after forget cannot import its helpers any
# more. If two emulators with handlers run in one process, the second keeps the variables that the
# first has set, and boto3 in its handlers posts to the first.
class HandlerImports:
    """The handlers of one emulator, and the modules imported for them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: list[str] = []
        self._replaced: dict[str, ModuleType | None] = {}
        """By name of an imported module: the module it replaced in ``sys.modules``, or None."""

    def load(self, reference: str) -> Handler:
        """Import ``MODULE:FUNCTION`` or ``FILE.py:FUNCTION``; return the function.

        Files are relative to the folder. Modules may also be in the folder.

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
            # SystemExit too: a module that exits is reported, and must not end the emulator.
            place = place_of(error, [home, *([path.parent] if path else [])])
            where = f"{place.file}:{place.line}: " if place else ""
            words = f"{type(error).__name__}: {getattr(error, 'msg', None) or error}"
            raise BadHandler(f"{reference}: {where}{words}") from error
        return self._noting(_function(module, name, reference))

    def forget(self) -> None:
        """Restore ``sys.path`` and ``sys.modules``."""
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
        # As in Lambda, the function's own folder is on the path. First, so that its modules are
        # found even if another function has modules of the same names.
        if str(home) in self._paths:
            sys.path.remove(str(home))
        else:
            self._paths.append(str(home))
        sys.path.insert(0, str(home))
        # Before the modules of others are removed, so that no two files get one module name.
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
        """Record the modules of handlers that were imported since ``before``."""
        folders = [Path(path) for path in self._paths]
        for name, module in list(sys.modules.items()):
            was = before.get(name)
            if module is not was and not is_own(name) and is_below(module, folders):
                self._replaced.setdefault(name, was)

    def _noting(self, handler: Handler) -> Handler:
        """Return a handler whose imports during a call are recorded too."""

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
        """Return modules of other functions for whose names this folder has files of its own."""
        return {
            name: module
            for name in self._replaced
            if (module := sys.modules.get(name)) is not None and _has_another(home, name)
        }


def _has_another(folder: Path, module: str) -> bool:
    """Tell whether a folder has another module or package of the same top-level name."""
    name = module.partition(".")[0]
    found = importlib.machinery.PathFinder.find_spec(name, [str(folder)])
    if found is None:
        return False
    known = sys.modules.get(name)
    if found.origin is None:
        # A package without __init__.py is identified by its folders.
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
        # As the import system does: the next import must not find a half-executed module.
        sys.modules.pop(name, None)
        raise
    return module


def _free_name(path: Path) -> str:
    """Return the file's name, as in Lambda, or a longer one if another module has this name."""
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
        raise BadHandler(f"{reference}: {name} is not a function but {type(handler).__name__}")
    if inspect.iscoroutinefunction(handler):
        raise BadHandler(
            f"{reference}: {name} is a coroutine function, which Lambda does not await; "
            "make it a plain function that calls asyncio.run()"
        )
    # getattr returns Any; callable() was checked above.
    return handler  # type: ignore[no-any-return]
