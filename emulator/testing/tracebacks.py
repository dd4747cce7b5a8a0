"""Tracebacks without the source of asyncio, which pytest would print at full length."""

import asyncio
import concurrent.futures
from pathlib import Path
from types import TracebackType

import pytest

_LIBRARIES = tuple(Path(str(each.__file__)).parent for each in (asyncio, concurrent.futures))


def shorten(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Remove asyncio's frames from an exception and those that caused it.

    A frame of the test or of the app stays the last one, and shows the call that failed.
    """
    seen: set[int] = set()
    error: BaseException | None = excinfo.value
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = _without_libraries(error.__traceback__)
        error = error.__cause__ or error.__context__
    if excinfo.value.__traceback__ is not None:
        # Made anew: a filtered one keeps the frames, and pytest cuts it at one of them later.
        excinfo.traceback = type(excinfo.traceback)(excinfo.value.__traceback__)


def _without_libraries(traceback: TracebackType | None) -> TracebackType | None:
    frames = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for each in reversed(frames):
        if not _is_of_library(each.tb_frame.f_code.co_filename):
            kept = TracebackType(kept, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return kept


def _is_of_library(file: str) -> bool:
    return Path(file).parent in _LIBRARIES
