"""The three tiers of tests, and the size of each: stated here only.

========  ============  =====================================================================
tier      command       holds
========  ============  =====================================================================
quick     make quick    what needs no other process, no browser, no moto and plays no games
test      make test     quick, and what does: everything that has caught a bug. CI runs it
nightly   make nightly  all of it at full size, and the tests that are marked ``nightly``
========  ============  =====================================================================

Markers (pyproject.toml) assign a test to a tier; ``POKER_SIGNAL_TIER`` chooses the sizes below.
An own variable, as ``SCHEDULES=500 make adversity``, overrides one size.
"""

import os
from typing import Final

TIERS: Final = ("quick", "test", "nightly")
TIER: Final = os.environ.get("POKER_SIGNAL_TIER", "test")
if TIER not in TIERS:
    raise RuntimeError(f"POKER_SIGNAL_TIER is {TIER!r}; it can be {', '.join(TIERS)}")


def _size(quick: int, test: int, nightly: int, variable: str = "") -> int:
    own = os.environ.get(variable) if variable else None
    return int(own) if own else (quick, test, nightly)[TIERS.index(TIER)]


EXAMPLES: Final = _size(10, 50, 1000)
"""Examples of a hypothesis property, unless the test states its own number."""

SCHEDULES: Final = _size(20, 200, 10_000, "SCHEDULES")
"""Schedules that tests/adversity plays on each host."""

FUZZ_CASES: Final = _size(60, 150, 20_000, "POKER_SIGNAL_FUZZ_CASES")
"""Cases of bytes and messages that tests/emulator/test_fuzz.py sends."""

FIELD_GAMES: Final = _size(5, 30, 100)
"""Games in each cell of the table that tests/field plays."""

LOAD_IS_FULL: Final = TIER == "nightly" or os.environ.get("POKER_SIGNAL_LOAD") == "full"
"""tests/load at full size."""
