"""``make bench``: names, what they stand for, and the processes they run in."""

import resource
from importlib import import_module

import pytest
from click.testing import CliRunner

from tests.bench.__main__ import main
from tests.bench.figures import Found
from tests.bench.runner import BENCHES, measured, unnamed
from tests.support.process import allow_descriptors


@pytest.mark.parametrize("name", BENCHES)
def test_a_name_stands_for_a_bench(name: str) -> None:
    """Modules are imported when they are asked for, so a typing error would show late."""
    assert callable(import_module(f"tests.bench.{BENCHES[name].module}").measure)


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    """Before anything is measured."""
    result = CliRunner().invoke(main, ["start", "nonsense"])
    assert result.exit_code == 2
    assert "no bench named nonsense: start, relay, latency" in result.output


def test_what_is_usual_takes_less_than_three_minutes() -> None:
    """By what each bench is expected to take, and that is what the progress bar shows."""
    assert sum(BENCHES[name].seconds for name in unnamed(is_full=False)) < 180


def test_a_bench_that_fails_ends_the_run() -> None:
    """With the traceback of its process on stderr, and without figures that nobody measured."""
    with pytest.raises(SystemExit, match="the bench no_such_bench failed, see above"):
        measured("no_such_bench", False, lambda what, steps: None)


def test_peers_are_skipped_loudly_where_node_is_missing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is compared with them then, and nobody believes that it was."""
    monkeypatch.setenv("PATH", "")
    assert measured("peers", False, lambda what, steps: None).found == Found([])
    assert "peers: SKIPPED, needs node and npm" in capfd.readouterr().err


def test_too_few_open_files_are_told_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With what to type."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 4_096))
    with pytest.raises(SystemExit, match="ulimit -Hn 10500"):
        allow_descriptors(10_000)
