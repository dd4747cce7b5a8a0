"""What the levels share, and the lines that say which of them were reached."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import NoReturn, cast

import pytest

from tests.infrastructure.beside import Beside, Mistakes, Texts
from tests.infrastructure.levels import Tally
from tests.infrastructure.servers import stand_in
from tests.infrastructure.stack import Stack
from tests.infrastructure.tools import Mirror, Missing, Workspace

TIMEOUT_S = 600
"""A whole deployment on a busy machine takes longer than any other test may."""

CASE = "case"
"""What a test of the level alive records: a row of its table."""

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
        tally = item.config.stash[TALLY]
        tally.count(level, passed=report.passed)
        tally.cases.update(
            (str(row[0]), str(row[1]))
            for name, row in item.user_properties
            if name == CASE and isinstance(row, tuple)
        )
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
        _do_without(missing, pytestconfig)


def _do_without(missing: Missing, config: pytest.Config) -> NoReturn:
    config.stash[TALLY].missing = str(missing)
    if os.environ.get("CI"):
        pytest.fail(str(missing))
    pytest.skip(str(missing))


@pytest.fixture(scope="session")
def beside(
    mirror: Mirror, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Generator[Beside, None, None]:
    """What is prepared while other tests run: all that this run is going to need."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    wanted = {name for item in items for name in item.fixturenames}
    with Beside(mirror, tmp_path_factory.mktemp("beside"), wanted) as beside:
        yield beside


@pytest.fixture(scope="session")
def stack(
    mirror: Mirror, beside: Beside, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Stack, None, None]:
    """The module applied with its defaults. The last test of test_apply.py destroys it."""
    folder = tmp_path_factory.mktemp("stack")
    with stand_in(folder / "server") as aws:
        yield Stack.applied(Workspace.copy(folder / "clone", mirror).initialised(), aws)


@pytest.fixture(scope="session")
def texts(beside: Beside) -> Texts:
    """What the program says without any AWS."""
    return cast(Texts, beside.result("texts"))


@pytest.fixture(scope="session")
def mistakes(beside: Beside) -> Mistakes:
    """What becomes of mistakes."""
    return cast(Mistakes, beside.result("mistakes"))


@pytest.fixture(scope="session")
def live(beside: Beside, pytestconfig: pytest.Config) -> Stack:
    """The module deployed where connections are real. The last test of test_live.py destroys it."""
    try:
        return cast(Stack, beside.result("live"))
    except Missing as missing:
        _do_without(missing, pytestconfig)
