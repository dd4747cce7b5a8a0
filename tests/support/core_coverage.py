"""Coverage of the core by tests/core, in every process that runs these tests.

``make test`` sets ``POKER_SIGNAL_COVERAGE``, combines the files that the processes write, and
fails below 100 %. The import of the core is traced, before any test; after that, only the tests
of tests/core are traced.
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
    """Trace the block, if coverage is enabled."""
    if _measuring is None:
        yield
        return
    _measuring.start()
    try:
        yield
    finally:
        _measuring.stop()


def begin() -> None:
    """Import the core under coverage, if enabled; call this before any import of the core."""
    global _measuring
    if not os.environ.get("POKER_SIGNAL_COVERAGE"):
        return
    _measuring = coverage.Coverage(source=[str(CORE)], data_suffix=True)
    with traced():
        for module in sorted(CORE.glob("*.py")):
            importlib.import_module(f"poker_signal.core.{module.stem}")


def end() -> None:
    """Write the measured coverage."""
    if _measuring is not None:
        _measuring.save()
