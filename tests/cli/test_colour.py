"""Coloured output: on for terminals, unless NO_COLOR is set."""

import sys

import pytest

from poker_signal.cli.colour import wants_colour


@pytest.mark.parametrize(
    ("is_terminal", "no_color", "expected"),
    [(True, None, True), (True, "", False), (True, "1", False), (False, None, False)],
)
def test_colours_are_for_terminals(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, no_color: str | None, expected: bool
) -> None:
    """Only terminals get colours; NO_COLOR turns them off, even with an empty value."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    assert wants_colour() == expected
