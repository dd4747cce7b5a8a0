"""docs/fidelity.md says what the tests prove, all of it and nothing else."""

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
    """Run ``python -m tests.conformance.fidelity`` when this fails."""
    assert DOCUMENT.read_text(encoding="utf-8") == document()


def test_every_number_has_one_test() -> None:
    """Of the hundred rules none is missing, and none is there twice."""
    assert sorted(rule.number for rule in RULES) == list(range(1, 101))


def test_every_rule_is_a_sentence() -> None:
    """The table has room for one, and needs one."""
    assert [rule for rule in RULES if not re.fullmatch(r"[^|]{20,100}\.", rule.text)] == []


def test_every_pinning_test_exists() -> None:
    """Also those of other folders."""
    sources = [path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py")]
    existing = {name for source in sources for name in re.findall(r"def (test_\w+)\(", source)}
    assert {test for _, test in DEVIATIONS} <= existing


@pytest.mark.process
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("selected", "told"),
    [
        pytest.param("test_001 or test_005 or test_096", "3 passed, 1 skipped", id="some"),
        pytest.param("not test_fidelity", "passed", id="all", marks=pytest.mark.nightly),
    ],
)
async def test_the_suite_runs_at_a_url(selected: str, told: str) -> None:
    """As ``make conformance URL=…`` does: nothing fails, and not all of it is skipped."""
    async with Emulator(Settings(port=0)) as emulator:
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
