"""Imports code anew beside what runs, and puts it in place in one step."""

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


def modules_below(folders: Iterable[Path]) -> dict[str, ModuleType]:
    """Return what has been imported from source files in these folders.

    Libraries that are installed there, as in a ``.venv`` beside a handler, are not edited; nor is
    the emulator itself, whose sockets stay.
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
    """Call ``load`` as if ``old`` had never been imported; return what it imported, and its result.

    What runs goes on with the old modules: ``put_in_place`` changes that.

    Raises:
        BaseException: whatever ``load`` raised; nothing has changed then.
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
    """Let everybody who imports one of these get it, and a new one of what is in their stead."""
    for name in instead_of or ():
        sys.modules.pop(name, None)
    for name, module in modules.items():
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], child, module)


def _forget_bytecode(changed: Iterable[Path]) -> None:
    """Compiled code counts as fresh for a second if the source has the same size."""
    for path in changed:
        if path.suffix == ".py":
            Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


class Rebinding:
    """The emulator's references to the core, exchanged for those of fresh modules."""

    def __init__(self, fresh: Mapping[str, ModuleType]) -> None:
        self._fresh = fresh
        self._undo: list[tuple[ModuleType, str, object]] = []

    def renewed(self, value: Any) -> Any:
        """Return a value of the core as one of its fresh classes.

        Its named tuples equal their own kind only: a row of the old class would be nobody's. A
        field that is gone is left out, a new one has its default.

        Raises:
            TypeError: a new field has no default.
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
        """Exchange what the emulator's modules have imported by name."""
        for name, module in list(sys.modules.items()):
            if not name.startswith(OWN) or not _is_fixed(name):
                continue
            for key, value in list(vars(module).items()):
                fresh = self._counterpart(value)
                if fresh is not None:
                    self._undo.append((module, key, value))
                    setattr(module, key, fresh)

    def undo(self) -> None:
        """Exchange everything back."""
        for module, key, value in self._undo:
            setattr(module, key, value)
        self._undo.clear()

    def _counterpart(self, value: Any) -> Any:
        """Return the fresh class, function or module of this name, if there is one."""
        if isinstance(value, ModuleType):
            return self._fresh.get(value.__name__)
        name = getattr(value, "__qualname__", None)
        module = self._fresh.get(getattr(value, "__module__", None) or "")
        return getattr(module, name, None) if module is not None and name else None
