"""Modules of handlers: their source files, and the position of an error in them."""

import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

OWN = "poker_signal."


_EMULATOR = Path(__file__).parents[1]


class Place(NamedTuple):
    """The position of an error."""

    file: str
    line: int


def is_below(module: ModuleType, folders: Iterable[Path]) -> bool:
    """Tell whether a module's source is in one of these folders, outside ``site-packages``."""
    file = getattr(module, "__file__", None)
    if file is None:
        # A package without __init__.py has folders and no file.
        places = [*getattr(module, "__path__", ())]
    else:
        places = [file] if file.endswith(".py") else []
    folders = [*folders]
    return any(
        "site-packages" not in path.parts and any(map(path.is_relative_to, folders))
        for path in (Path(place).resolve() for place in places)
    )


def is_own(name: str) -> bool:
    """Tell whether a module belongs to the package ``poker_signal``, or is the package."""
    return f"{name}.".startswith(OWN)


def place_of(error: BaseException, folders: Iterable[Path]) -> Place | None:
    """Return the position of an error: of a SyntaxError, or of the innermost frame in folders."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return Place(error.filename, error.lineno)
    return _innermost(traceback.extract_tb(error.__traceback__), folders)


def place_of_thread(ident: int, folders: Iterable[Path]) -> Place | None:
    """Return the position of a thread at this moment: its innermost frame in these folders."""
    frame = sys._current_frames().get(ident)
    return None if frame is None else _innermost(traceback.extract_stack(frame), folders)


def _innermost(stack: traceback.StackSummary, folders: Iterable[Path]) -> Place | None:
    folders = [*folders]
    for frame in reversed(stack):
        path = Path(frame.filename)
        if path.is_relative_to(_EMULATOR):
            # The folders include the emulator if poker-signal itself is being developed.
            continue
        if any(path.is_relative_to(folder) for folder in folders) and frame.lineno:
            return Place(frame.filename, frame.lineno)
    return None
