"""How examples are drawn: without a deadline, because a busy machine is no bug.

And what has to be known before any folder is: where the conformance tests run, and what
belongs together when several processes share the tests.
"""

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support import tiers

pytest_plugins = ["pytester"]

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of tests/field, if it was played, and what the deployment lacks."""
    lacking = {
        report.longrepr[2]
        for report in terminalreporter.getreports("skipped")
        if "tests/infrastructure/" in report.nodeid
    }
    for reason in sorted(lacking):
        terminalreporter.write_line(f"the deployment is not tested: {reason}", yellow=True)
    rows = [
        str(row)
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, row in report.user_properties
        if name == "field" and report.when == "call"
    ]
    if rows:
        terminalreporter.section("handshakes of the client in the field")
        terminalreporter.write("\n".join(rows) + "\n")
