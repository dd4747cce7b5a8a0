"""``make bench``: names and what they stand for."""

from importlib import import_module

import pytest
from click.testing import CliRunner

from tests.bench.__main__ import main
from tests.bench.runner import BENCHES, unnamed


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
