"""Settings of hypothesis, without a deadline, because a busy machine is not a bug.

Also options that must exist before any folder is collected: the endpoint of the conformance
tests, and the files that one process runs together when several share the tests.
"""

import asyncio
import io
from collections.abc import Generator
from importlib.util import find_spec

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support import core_coverage, tiers

# Coverage starts before anything imports the core.
core_coverage.begin()

pytest_plugins = ["pytester"]
if find_spec("playwright"):
    # `make deployed` has no browser.
    pytest_plugins.append("tests.end_to_end.browser")

settings.register_profile("poker-signal", deadline=None, max_examples=tiers.EXAMPLES)
settings.load_profile("poker-signal")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of tests/conformance."""
    group = parser.getgroup("conformance")
    group.addoption(
        "--endpoint",
        metavar="ws://HOST:PORT/STAGE",
        help="Run the conformance tests against poker-signal at this URL, as far as possible.",
    )
    group.addoption(
        "--management",
        metavar="http://HOST:PORT/STAGE",
        help="URL of @connections of --endpoint.  [default: --endpoint, with http for ws]",
    )


class TogetherScheduling(LoadFileScheduling):
    """Scheduling by file; the two files that test the same deployment go to one process."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return scope.replace("infrastructure/test_iam.py", "infrastructure/test_apply.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Return the scheduler for ``--dist loadfile``."""
    return TogetherScheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the folders that play whole games, which ``make quick`` leaves out; slow files first."""
    for item in items:
        if item.path.parent.name in {"field", "load", "regressions"}:
            item.add_marker("games")
    items.sort(key=lambda item: tiers.rank_of(item.path))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the awaits of each task to the report of a test that took too long."""
    report = yield
    if call.excinfo is not None and "pytest-timeout" in str(call.excinfo.value):
        stacks = io.StringIO()
        frames = (entry.frame.f_locals.get("self") for entry in call.excinfo.traceback)
        for loop in {each for each in frames if isinstance(each, asyncio.AbstractEventLoop)}:
            for task in asyncio.all_tasks(loop):
                task.print_stack(file=stacks)
        report.sections.append(("tasks", stacks.getvalue()))
    return report


def pytest_sessionfinish() -> None:
    """Save the measured coverage of the core for ``make test``."""
    core_coverage.end()


TABLES = {"field": "handshakes of the client in the field", "load": "load"}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables of tests/field and tests/load, and why deployment tests were skipped."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    found = [pair for one in reports if one.when == "call" for pair in one.user_properties]
    for table, title in TABLES.items():
        if rows := [str(row) for name, row in found if name == table]:
            terminalreporter.section(title)
            terminalreporter.write("\n".join(rows) + "\n")
    lacking = {
        report.longrepr[2]
        for report in terminalreporter.getreports("skipped")
        if "tests/infrastructure/" in report.nodeid
    }
    for reason in sorted(lacking):
        terminalreporter.write_line(f"the deployment is not tested: {reason}", yellow=True)
