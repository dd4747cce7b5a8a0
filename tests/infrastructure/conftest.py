"""What the levels share, and the lines that say which of them were reached."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.infrastructure.levels import Tally
from tests.infrastructure.stack import Stack
from tests.infrastructure.stand_in import stand_in
from tests.infrastructure.tools import Mirror, Missing, Workspace

TIMEOUT_S = 240
"""A whole deployment on a busy machine takes longer than any other test may."""

TALLY = pytest.StashKey[Tally]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[TALLY] = Tally()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test here the time that a deployment takes."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count what became of a test."""
    report = yield
    level = getattr(getattr(item, "module", None), "LEVEL", None)
    if level is not None and (report.when == "call" or not report.passed):
        item.config.stash[TALLY].count(level, passed=report.passed)
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how deep the run went."""
    tally = config.stash[TALLY]
    if not any((*tally.passed.values(), *tally.not_passed.values())):
        return
    terminalreporter.section("infrastructure")
    for line in tally.lines():
        terminalreporter.write_line(line.text, green=line.good, yellow=not line.good)


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Mirror:
    """The program and its providers; without them a test is skipped, and fails in CI."""
    try:
        return Mirror(tmp_path_factory.mktemp("mirror"))
    except Missing as missing:
        pytestconfig.stash[TALLY].missing = str(missing)
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def module(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The module as it is, initialised; nobody changes it."""
    return Workspace.copy(tmp_path_factory.mktemp("module"), mirror).initialised()


@pytest.fixture(scope="session")
def stack(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack, None, None]:
    """The module applied with its defaults. The last test of test_apply.py destroys it."""
    with stand_in() as aws:
        workspace = Workspace.copy(tmp_path_factory.mktemp("stack"), mirror)
        yield Stack.applied(workspace.initialised(), aws)
