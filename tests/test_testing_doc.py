"""docs/testing.md: every test that it shows runs, and every name that it names is there."""

import re
from pathlib import Path

import pytest

from poker_signal.emulator import pytest_plugin, testing
from poker_signal.emulator.testing.marker_options import NAMES

DOC = (Path(__file__).parents[1] / "docs" / "testing.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)


def test_what_is_shown_runs(pytester: pytest.Pytester) -> None:
    """In a project like the reader's; the last one fails as it is shown."""
    (toml,) = blocks("toml")
    pytester.makepyprojecttoml(toml)
    *passing, failing = blocks("python")
    pytester.makepyfile(test_passing="\n\n".join(passing), test_failing=failing)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    result.assert_outcomes(passed=sum(block.count("def test_") for block in passing), failed=1)
    (report,) = [block for block in blocks("text") if "transcript" in block]
    result.stdout.fnmatch_lines([_anyhow(line) for line in report.splitlines()])


def _anyhow(line: str) -> str:
    """Return a pattern that leaves open what differs from run to run."""
    line = re.sub(r":\d{5}/", ":*/", line.replace("[", "[[]"))
    line = re.sub(r"^( +)\d\.\d{3}( +)\+\d+", r"*.*+*", line)
    return re.sub(r"^ +\d\.\d{3}", "*", line)


def test_every_fixture_is_explained() -> None:
    """And no other."""
    found = {
        name
        for name, value in vars(pytest_plugin).items()
        if name.startswith("signal_") and callable(getattr(value, "_get_wrapped_function", value))
    }
    assert set(re.findall(r"^### `(\w+)`$", DOC, re.MULTILINE)) == found


def test_every_option_that_is_named_exists() -> None:
    """Nobody types one in vain."""
    table = DOC.partition("| option |")[2].partition("\n\n")[0]
    named = [
        name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    assert set(named) <= set(NAMES)
    assert {"handler", "config", "faults"} <= set(named)


@pytest.mark.parametrize(
    ("fixture", "type_"),
    [
        ("signal_emulator", testing.SignalEmulator),
        ("signal_peer", testing.SignalPeer),
        ("signal_clock", testing.SignalClock),
        ("signal_faults", testing.SignalFaults),
    ],
)
def test_everything_that_a_fixture_can_is_named(fixture: str, type_: type) -> None:
    """A developer finds it here."""
    section = DOC.partition(f"### `{fixture}`")[2].partition("\n##")[0]
    public = {name for name in vars(type_) if not name.startswith("_")}
    # What starts and stops it, and what other fixtures are for.
    public -= {"start", "stop", "connect", "faults", "attach", "story"}
    assert {name for name in public if not re.search(rf"\b{name}\b", section)} == set()
