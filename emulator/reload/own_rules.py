"""Our rules, imported anew: the core, and the emulator's modules that hold its values."""

import enum
import importlib
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

MODULES = (
    "poker_signal.core",
    "poker_signal.lambda_app",
    "poker_signal.emulator.functions.memory_table",
    "poker_signal.emulator.functions.signaling",
    "poker_signal.emulator.faults.lagging_rows",
)
"""The modules and packages that are replaced together: their values meet."""

# The swap happens on the event loop, between two messages, in one step: the old modules leave
# sys.modules, the new ones are imported, and the functions are made from them. An import that fails
# or never ends was found before, in another process. All other modules of the emulator keep the
# core with which they started. They use it for displays and checks of options, and pass none of its
# values to the rules: settings.rules() imports the classes when it is called.


def _loaded() -> dict[str, ModuleType]:
    own = tuple(f"{name}." for name in MODULES)
    return {name: each for name, each in list(sys.modules.items()) if f"{name}.".startswith(own)}


@contextmanager
def imported_anew() -> Generator[None, None, None]:
    """Remove our rules from ``sys.modules`` for the block to import; restore them if it fails."""
    old = _loaded()
    for name in old:
        del sys.modules[name]
    importlib.invalidate_caches()
    try:
        yield
    except BaseException:
        for name in _loaded():
            del sys.modules[name]
        for name, module in old.items():
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            setattr(sys.modules[parent], child, module)
        raise


def renewed(value: Any) -> Any:
    """Return a value of the core as an instance of the class that is imported now.

    Named tuples of the core equal only their own class, so new code would not find old rows. A
    removed field is dropped, and an added field gets its default.

    Raises:
        TypeError: an added field has no default.
    """
    if isinstance(value, frozenset):
        return frozenset(map(renewed, value))
    kind = type(value)
    if not f"{kind.__module__}.".startswith(MODULES[0] + "."):
        return value
    fresh = getattr(importlib.import_module(kind.__module__), kind.__qualname__, None)
    if fresh is None:
        return value
    if isinstance(value, enum.Enum):
        return fresh(value.value)
    if isinstance(value, tuple):
        fields: tuple[str, ...] = getattr(value, "_fields", ())
        known = [name for name in fields if name in fresh._fields]
        return fresh(**{name: renewed(getattr(value, name)) for name in known})
    return value
