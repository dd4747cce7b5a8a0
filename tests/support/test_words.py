"""Findings of the check of words."""

import pytest

from tests.support.words import faults


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("a.py", '"""What it is."""\n', [1]),
        ("a.py", 'class A:\n    x = 1\n    """How many."""\n', [3]),
        ("a.py", 'def f() -> None:\n    """Return it, whatever it is."""\n', []),
        ("a.py", "x = 1  # Nobody reads this.\n", [1]),
        ("a.js", "/** Whether it is open. */\n", [1]),
        ("a.tf", 'variable "a" {\n  description = "Who may connect."\n}\n', [2]),
        ("a.yaml", "a:\n  description: What a player sent.\n", [2]),
        ("a.md", "## Who may connect\n\nEverybody who knows the code.\n", [3]),
    ],
)
def test_a_fault_has_its_line(name: str, text: str, lines: list[int]) -> None:
    """First words count in documentation, pronouns in every line."""
    assert [int(fault.split(":")[1]) for fault in faults(name, text)] == lines
