"""The deployment that several files share, and the program that makes it."""

import os
from collections.abc import Generator

import pytest

from tests.infrastructure.servers import stand_in
from tests.infrastructure.stack import Stack
from tests.infrastructure.tools import Mirror, Missing, Workspace


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """The program and its providers; without them a test is skipped, and fails in CI."""
    try:
        return Mirror(tmp_path_factory.mktemp("mirror"))
    except Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def stack(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack, None, None]:
    """The module applied with its defaults. The last test of test_apply.py destroys it."""
    folder = tmp_path_factory.mktemp("stack")
    with stand_in(folder / "server") as aws:
        yield Stack.applied(Workspace.copy(folder / "clone", mirror).initialised(), aws)
