"""The browser tests on machines without a browser."""

import os
import sys
from pathlib import Path

import pytest

from tests.end_to_end.browser import installed_browser


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Remove browsers and `CI` from the environment."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    monkeypatch.delenv("CI", raising=False)
    return monkeypatch


def test_without_a_browser_a_laptop_skips_and_ci_fails(bare: pytest.MonkeyPatch) -> None:
    """Without a browser, tests are skipped; in CI they fail, because a skip looks like a pass."""
    with pytest.raises(pytest.skip.Exception, match="CHROMIUM_PATH"):
        installed_browser()
    bare.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="CHROMIUM_PATH"):
        installed_browser()


def test_a_chosen_browser_is_taken(bare: pytest.MonkeyPatch) -> None:
    """The browser in `CHROMIUM_PATH` is used before any on the path."""
    bare.setenv("CHROMIUM_PATH", "/opt/chrome/chrome")
    assert installed_browser() == "/opt/chrome/chrome"


def test_a_browser_is_looked_for_on_the_path(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A browser on the path is found under any of the names that distributions use."""
    (tmp_path / "google-chrome").symlink_to(sys.executable)
    assert installed_browser() == os.fspath(tmp_path / "google-chrome")
