"""The three tiers of tests, and the size of each: stated here only.

========  ============  =====================================================================
tier      command       holds
========  ============  =====================================================================
quick     make quick    tests without other processes, browser, moto and whole games
test      make test     quick, and tests with these: every test that has found a bug. CI runs it
nightly   make nightly  all tests at full size, and those that are marked ``nightly``
========  ============  =====================================================================

Markers (pyproject.toml) assign a test to a tier; ``POKER_SIGNAL_TIER`` selects the sizes below.
A variable for one size overrides it, for example ``SCHEDULES=500 make adversity``.
"""

import os
from pathlib import Path
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

SCHEDULES: Final = _size(20, 80, 10_000, "SCHEDULES")
"""Schedules that tests/adversity plays on each host."""

SCRIPTS: Final = _size(10, 25, 2000, "SCRIPTS")
"""Random scripts of client actions that tests/signaling plays on both hosts."""

FUZZ_CASES: Final = _size(60, 150, 20_000, "POKER_SIGNAL_FUZZ_CASES")
"""Cases of bytes and messages that tests/emulator/test_fuzz.py sends."""

DIFFERENTIAL: Final = _size(30, 60, 20_000, "DIFFERENTIAL")
"""Cases of each differential fuzzer: HTTP heads, frames, messages, relays, tickets."""

FIELD_GAMES: Final = _size(5, 30, 100)
"""Games in each cell of the table that tests/field plays with the emulator's rules."""

LAMBDA_FIELD_GAMES: Final = _size(5, 10, 100)
"""The same with the Lambda function, behind moto's DynamoDB."""

CLIENT_GAMES: Final = _size(2, 2, 20, "CLIENT_GAMES")
"""Games in each cell of the table that tests/clients plays in browsers."""

REJOINS: Final = _size(3, 30, 100)
"""Games in each cell of crashes and losses that tests/field plays with the emulator's rules."""

LAMBDA_REJOINS: Final = _size(3, 5, 100)
"""The same with the Lambda function, whose games take six times as long."""

REJOINS_WITHOUT: Final = _size(1, 1, 100)
"""The same with ``later`` off, as a comparison."""

ROSTERS: Final = _size(10, 100, 1000, "ROSTERS")
"""Random games of tests/field/test_rosters.py, a third of them with the Lambda function."""

RELOADS: Final = _size(10, 30, 200)
"""Reloads of a host's page in tests/regressions, while a guest tries to take its game."""

PROBED_HANDSHAKES: Final = _size(5, 20, 1000, "PROBED_HANDSHAKES")
"""Handshakes of two pages with the inspector's probe, and as many without it."""

LOAD_IS_FULL: Final = TIER == "nightly" or os.environ.get("POKER_SIGNAL_LOAD") == "full"
"""tests/load at full size."""

SLOW_FILES: Final = (
    # These two wait for a minute, for queues: the others have the cores meanwhile.
    "infrastructure/test_apply.py",
    "infrastructure/test_live_later.py",
    "field/test_rejoin.py",
    "field/test_rosters.py",
    "infrastructure/test_validate.py",
    "inspector/test_probe.py",
    "infrastructure/test_live.py",
    "inspector/test_page.py",
    "clients/test_package.py",
    "adversity/test_schedules.py",
    "test_packaging.py",
    "field/test_matrix.py",
    "inspector/test_live.py",
    "inspector/test_breakages.py",
    "clients/test_matrix.py",
    "cli/test_ticket.py",
    "end_to_end/test_browser.py",
    "inspector/test_copies.py",
    "signaling/test_scripts.py",
    "adversity/test_mutations.py",
    "emulator/client/check/test_runner.py",
    "emulator/client/check/test_found.py",
)
"""Files that take longest, which begin first: none of them is left alone at the end."""


def rank_of(path: Path) -> int:
    """Return the place of a file in the order in which files begin."""
    name = path.as_posix()
    ranks = (rank for rank, each in enumerate(SLOW_FILES) if name.endswith(f"tests/{each}"))
    return next(ranks, len(SLOW_FILES))
