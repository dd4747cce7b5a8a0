"""How examples are drawn: without a deadline, because a busy machine is no bug.

And where the conformance tests run: options have to be known before their folder is.
"""

import pytest
from hypothesis import settings

pytest_plugins = ["pytester"]

settings.register_profile("poker-signal", deadline=None)
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of tests/field, if it was played."""
    rows = [
        str(row)
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, row in report.user_properties
        if name == "field" and report.when == "call"
    ]
    if rows:
        terminalreporter.section("handshakes of the client in the field")
        terminalreporter.write("\n".join(rows) + "\n")
