"""The memory of the trace is bounded, whatever its entries are."""

import json
import subprocess
import sys

import pytest

from poker_signal.emulator.trace.weight import size_of
from tests.emulator.trace.filling import FILLINGS, KINDS, LIMIT


@pytest.mark.process
def test_no_kind_of_entry_fills_the_memory() -> None:
    """The rest above the limit is the newest block, and gaps between objects."""
    program = [sys.executable, "-m", "tests.emulator.trace.filling"]
    told = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    grown: dict[str, int] = json.loads(told)
    assert {kind.partition(":")[0] for kind in grown} == KINDS
    too_large = {kind: size / LIMIT for kind, size in grown.items() if size > 2.5 * LIMIT}
    assert too_large == {}
    # It is no limit if nothing comes near it.
    assert max(grown.values()) > LIMIT / 2
    assert grown.keys() == FILLINGS.keys()


@pytest.mark.parametrize("value", ["x", 1, None, [], {"a": [1, {"b": "c"}]}, ("x",)], ids=repr)
def test_a_value_weighs_more_than_its_text(value: object) -> None:
    """Each part of a value counts, at any depth."""
    assert size_of(value) > len(repr(value))
    assert size_of([value, value]) >= 2 * size_of(value)


def test_a_deep_value_is_weighed() -> None:
    """Recursion would end in an error."""
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert size_of(value) > 5_000_000
