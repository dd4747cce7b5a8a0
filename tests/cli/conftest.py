"""An emulator for commands that need a server."""

from collections.abc import Generator

import pytest

from tests.support.process import emulate


@pytest.fixture(scope="module")
def url() -> Generator[str, None, None]:
    """URL of an emulator that runs in its own process."""
    with emulate("--port", "0") as served:
        yield served.url
