"""How examples are drawn: without a deadline, because a busy machine is no bug.

And what has to be known before any folder is: where the conformance tests run, and what
belongs together when several processes share the tests.
"""

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support import core_coverage, tiers

# Before anything imports the core.
core_coverage.begin()

pytest_plugins = ["pytester", "tests.end_to_end.browser"]

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
        help="Where --endpoint has @connections.  [default: the same, with http for ws]",
    )


class TogetherScheduling(LoadFileScheduling):
    """Hands out files, and together the two that look at one deployment."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return scope.replace("infrastructure/test_iam.py", "infrastructure/test_apply.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Return what ``--dist loadfile`` is to mean."""
    return TogetherScheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the folders that play whole games, which ``make quick`` leaves out."""
    for item in items:
        if item.path.parent.name in {"field", "load", "regressions"}:
            item.add_marker("games")


def pytest_sessionfinish() -> None:
    """Leave what was measured of the core where ``make test`` finds it."""
    core_coverage.end()


TABLES = {"field": "handshakes of the client in the field", "load": "load"}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables of tests/field and tests/load, and what the deployment lacks."""
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
