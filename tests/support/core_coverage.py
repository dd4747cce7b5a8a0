"""Measures what tests/core covers of the core, in whichever process its tests run.

``make test`` sets ``POKER_SIGNAL_COVERAGE``, combines the files that the processes leave, and
fails below 100 %. The core is imported while it is traced, before any test; afterwards only the
tests of tests/core are.
"""

import importlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import coverage

CORE = Path(__file__).parents[2] / "core"

_measuring: coverage.Coverage | None = None


@contextmanager
def traced() -> Generator[None, None, None]:
    """Trace meanwhile, if coverage is asked for."""
    if _measuring is None:
        yield
        return
    _measuring.start()
    try:
        yield
    finally:
        _measuring.stop()


def begin() -> None:
    """Import the core under coverage, if it is asked for; before anything else imports it."""
    global _measuring
    if not os.environ.get("POKER_SIGNAL_COVERAGE"):
        return
    _measuring = coverage.Coverage(source=[str(CORE)], data_suffix=True)
    with traced():
        for module in sorted(CORE.glob("*.py")):
            importlib.import_module(f"poker_signal.core.{module.stem}")


def end() -> None:
    """Write what was measured."""
    if _measuring is not None:
        _measuring.save()
