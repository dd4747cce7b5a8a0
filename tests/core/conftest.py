"""Coverage of the core by its own tests: measured in ``make test``'s one run, reported after it."""

from collections.abc import Generator

import pytest

from tests.support import core_coverage


@pytest.fixture(autouse=True)
def measured() -> Generator[None, None, None]:
    """Trace this test, and no other folder's: tracing doubles what a test takes."""
    with core_coverage.traced():
        yield
