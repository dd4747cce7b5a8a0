"""Import of edited modules next to the running ones, and their swap in one step."""

import enum
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from poker_signal.emulator.functions.modules import OWN, is_below, is_own

_T = TypeVar("_T")

CORE = "poker_signal.core"

# The swap of modules, which is process-wide, and what breaks it
#
# sys.modules: imported_anew removes the old modules, imports the edited files, puts the fresh
# modules aside and restores the old ones. This happens in the reload thread while the event loop
# and handlers run. An import statement that runs in a function meanwhile can get a fresh module,
# maybe half executed. So the emulator imports core at module level, or when it is set up.
# Package attributes: import also sets the module on its parent package, so put_in_place does too.
# Names in other modules: `from core.model import Row` keeps the old class. Rebinding replaces the
# globals of the emulator's modules, and nothing else: a class attribute, default argument, closure
# or instance attribute keeps the old object. So Reloader._swap builds the functions anew and renews
# the rows.
# Classes: match, except and the == of core's named tuples work only within one class. So all of
# core is swapped together, on the event loop between two messages, or not at all.
# sys.path stays as HandlerImports made it; os.environ is not changed. Handlers that are still
# running finish with the old modules.


def modules_below(folders: Iterable[Path]) -> dict[str, ModuleType]:
    """Return the imported modules whose source files are in these folders.

    Libraries that are installed there, as in a ``.venv`` beside a handler, are left out. So is the
    emulator itself, which is never reloaded because its sockets stay.
    """
    folders = [*folders]
    return {
        name: module
        for name, module in list(sys.modules.items())
        if name != "__main__" and not _is_fixed(name) and is_below(module, folders)
    }


def _is_fixed(name: str) -> bool:
    return is_own(name) and not name.startswith((CORE, OWN + "lambda_app"))


def imported_anew(
    old: Mapping[str, ModuleType], changed: Iterable[Path], load: Callable[[], _T]
) -> tuple[dict[str, ModuleType], _T]:
    """Call ``load`` without ``old`` in ``sys.modules``; return its fresh modules, and its result.

    Then ``old`` is in ``sys.modules`` again, until ``put_in_place`` installs the fresh modules.

    Raises:
        BaseException: every exception of ``load``; nothing has changed then.
    """
    _forget_bytecode(changed)
    importlib.invalidate_caches()
    before = set(sys.modules)
    for name in old:
        del sys.modules[name]
    try:
        result = load()
        fresh = {
            name: module
            for name, module in sys.modules.items()
            if name in old or name not in before
        }
    finally:
        for name in old:
            sys.modules.pop(name, None)
        put_in_place(old)
    return fresh, result


def put_in_place(
    modules: Mapping[str, ModuleType], instead_of: Mapping[str, ModuleType] | None = None
) -> None:
    """Install ``modules`` in ``sys.modules`` and their packages, in place of ``instead_of``."""
    for name in instead_of or ():
        sys.modules.pop(name, None)
    for name, module in modules.items():
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], child, module)


def _forget_bytecode(changed: Iterable[Path]) -> None:
    """Delete cached bytecode, which Python uses if size and time (in s) of the source match."""
    for path in changed:
        if path.suffix == ".py":
            Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


class Rebinding:
    """Replacement of the emulator's references to core by those to fresh modules."""

    def __init__(self, fresh: Mapping[str, ModuleType]) -> None:
        self._fresh = fresh
        self._undo: list[tuple[ModuleType, str, object]] = []

    def renewed(self, value: Any) -> Any:
        """Return a value of core as an instance of its fresh class.

        Named tuples of core equal only their own class, so fresh code would not find old rows. A
        removed field is dropped, and an added field gets its default.

        Raises:
            TypeError: an added field has no default.
        """
        if isinstance(value, frozenset):
            return frozenset(self.renewed(each) for each in value)
        fresh = self._counterpart(type(value))
        if fresh is None:
            return value
        if isinstance(value, enum.Enum):
            return fresh(value.value)
        if isinstance(value, tuple):
            fields: tuple[str, ...] = getattr(value, "_fields", ())
            known = [name for name in fields if name in fresh._fields]
            return fresh(**{name: self.renewed(getattr(value, name)) for name in known})
        return value

    def apply(self) -> None:
        """Replace the objects of core that the emulator's modules have imported by name."""
        for name, module in list(sys.modules.items()):
            if not name.startswith(OWN) or not _is_fixed(name):
                continue
            for key, value in list(vars(module).items()):
                fresh = self._counterpart(value)
                if fresh is not None:
                    self._undo.append((module, key, value))
                    setattr(module, key, fresh)

    def undo(self) -> None:
        """Restore all replaced references."""
        for module, key, value in self._undo:
            setattr(module, key, value)
        self._undo.clear()

    def _counterpart(self, value: Any) -> Any:
        """Return the fresh class, function or module of the same name; None: there is none."""
        if isinstance(value, ModuleType):
            return self._fresh.get(value.__name__)
        name = getattr(value, "__qualname__", None)
        module = self._fresh.get(getattr(value, "__module__", None) or "")
        return getattr(module, name, None) if module is not None and name else None
