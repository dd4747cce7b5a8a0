"""Prints the figures."""

import pytest

# The Lambda function reads its environment when it is imported, as in a container.
import tests.lambda_app  # noqa: F401


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, whether or not the bars were met."""
    rows = [
        str(row)
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, row in report.user_properties
        if name == "load" and report.when == "call"
    ]
    if rows:
        terminalreporter.section("load and time")
        terminalreporter.write("\n".join(rows) + "\n")
