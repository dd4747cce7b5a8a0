"""The module's own tests, which a user runs with ``tofu test``: no AWS, no credentials."""

import re

from tests.infrastructure.tools import MODULE, ROOT, Workspace

LEVEL = "mocked"


def test_the_modules_own_tests_pass(module: Workspace) -> None:
    """All runs of all files."""
    said = module.run("test").text
    runs = sum(
        len(re.findall(r'^run "', path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in (ROOT / MODULE / "tests").glob("*.tftest.hcl")
    )
    assert f"Success! {runs} passed, 0 failed." in said
