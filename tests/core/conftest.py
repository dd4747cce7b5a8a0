"""Coverage of the core by its own tests, measured during ``make test`` and reported after it."""

from collections.abc import Generator

import pytest

from tests.support import core_coverage


@pytest.fixture(autouse=True)
def measured() -> Generator[None, None, None]:
    """Trace only the tests of this folder: tracing doubles the time of a test."""
    with core_coverage.traced():
        yield
