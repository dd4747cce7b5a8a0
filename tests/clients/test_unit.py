"""The client's rules in Node, with a played server and in virtual time: unit.test.mjs."""

import subprocess
from pathlib import Path

import pytest

from tests.clients.npm import node

SCRIPT = Path(__file__).parent / "unit.test.mjs"


@pytest.mark.process
def test_the_rules_of_the_client() -> None:
    """Every test of the script passes."""
    command = [node(), "--no-warnings", "--test", "--test-reporter=tap", str(SCRIPT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    failed = [part for part in done.stdout.split("\n# Subtest: ") if "\nnot ok" in part]
    assert done.returncode == 0, "\n".join(failed)[-4000:] + done.stderr[-1000:]
    assert "\n# fail 0" in done.stdout
