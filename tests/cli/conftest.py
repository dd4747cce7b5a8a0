"""An emulator for commands that need a server."""

from collections.abc import Generator

import pytest

from tests.cli.test_emulate import emulate


@pytest.fixture(scope="module")
def url() -> Generator[str, None, None]:
    """An emulator's URL."""
    with emulate("--port", "0") as (_, line):
        yield line.strip()
