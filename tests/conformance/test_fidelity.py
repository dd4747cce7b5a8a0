"""docs/fidelity.md lists exactly the rules that the tests check."""

import asyncio
import re
import sys

import pytest

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.conformance.fidelity import DEVIATIONS, DOCUMENT, SECTIONS, document, rules_of
from tests.conformance.harness import ROOT

RULES = [rule for module in SECTIONS.values() for rule in rules_of(module)]


def test_the_document_is_up_to_date() -> None:
    """The document is up to date; ``python -m tests.conformance.fidelity`` writes it."""
    assert DOCUMENT.read_text(encoding="utf-8") == document()


def test_every_number_has_one_test() -> None:
    """Each of the hundred rules has exactly one test."""
    assert sorted(rule.number for rule in RULES) == list(range(1, 101))


def test_every_rule_is_a_sentence() -> None:
    """The docstring of every rule is one sentence of 20 to 100 characters for the table."""
    assert [rule for rule in RULES if not re.fullmatch(r"[^|]{20,100}\.", rule.text)] == []


def test_every_pinning_test_exists() -> None:
    """Every test that pins a deviation exists, in this or another folder."""
    sources = [path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py")]
    existing = {name for source in sources for name in re.findall(r"def (test_\w+)\(", source)}
    assert {test for _, test in DEVIATIONS} <= existing


@pytest.mark.process
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("selected", "told"),
    [
        pytest.param(
            "test_001 or test_005 or test_096",
            "3 passed, 1 skipped",
            id="some",
            marks=pytest.mark.nightly,
        ),
        pytest.param("not test_fidelity", "passed", id="all", marks=pytest.mark.nightly),
    ],
)
async def test_the_suite_runs_at_a_url(selected: str, told: str) -> None:
    """With a URL, as in ``make conformance URL=…``, no test fails and not all are skipped."""
    async with Emulator(Settings(port=0, allowed_origins="*")) as emulator:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", selected),
            *("tests/conformance", "--endpoint", emulator.url),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(290):
            output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert told in output.decode().splitlines()[-1]
