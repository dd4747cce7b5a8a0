"""An emulator for commands that need a server."""

from collections.abc import Generator

import pytest

from tests.support.process import emulate


@pytest.fixture(scope="module")
def url() -> Generator[str, None, None]:
    """The URL of an emulator in a process of its own."""
    with emulate("--port", "0") as served:
        yield served.url
