"""Fixtures of the deployment that several files share, and of the program that applies it."""

import os
from collections.abc import Generator

import pytest

from tests.infrastructure.servers import stand_in
from tests.infrastructure.stack import Stack
from tests.infrastructure.tools import Mirror, Missing, Workspace


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """Return the program and its providers; without them skip the test, or fail it in CI."""
    try:
        return Mirror(tmp_path_factory.mktemp("mirror"))
    except Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def stack(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack, None, None]:
    """Yield the module applied with its defaults; test_apply.py's last test destroys it."""
    folder = tmp_path_factory.mktemp("stack")
    with stand_in(folder / "server") as aws:
        yield Stack.applied(Workspace.copy(folder / "clone", mirror).initialised(), aws)
