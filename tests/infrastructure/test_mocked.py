"""The module's own tests, which a user runs with ``tofu test``: no AWS, no credentials."""

import re

import pytest

from tests.infrastructure.beside import Texts
from tests.infrastructure.tools import MODULE, ROOT

pytestmark = pytest.mark.aws

LEVEL = "mocked"


def test_the_modules_own_tests_pass(texts: Texts) -> None:
    """All runs of all files."""
    runs = sum(
        len(re.findall(r'^run "', path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in (ROOT / MODULE / "tests").glob("*.tftest.hcl")
    )
    assert f"Success! {runs} passed, 0 failed." in texts.mocked
