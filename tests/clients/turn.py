"""A real coturn for tests, as ``emulate --turn`` starts it."""

import os
import shutil

import pytest

from poker_signal.cli.turn import PROGRAM


def demand_turn() -> None:
    """Skip a test without coturn; fail it where ``CI`` is set."""
    if shutil.which(PROGRAM):
        return
    missing = f"no TURN server: no {PROGRAM} on PATH (apt-get install coturn)"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
