"""``make bench``: names and what they stand for."""

from importlib import import_module

import pytest

from tests.bench.__main__ import BENCHES, main


@pytest.mark.parametrize("module", BENCHES.values())
def test_a_name_stands_for_a_bench(module: str) -> None:
    """Modules are imported when they are asked for, so a typing error would show late."""
    assert callable(import_module(f"tests.bench.{module}").main)


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    """Before anything is measured."""
    with pytest.raises(SystemExit, match="no bench named nonsense: start, lambda-start"):
        main(["start", "nonsense"])
