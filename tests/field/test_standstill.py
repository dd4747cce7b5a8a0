"""Only what the machine does to the process is a standstill; what the process does is not."""

import pytest

from tests.field.standstill import TICK_S, Standstills


class Process:
    """The time, and what a process has had of the processor."""

    def __init__(self) -> None:
        self.at_s, self.used_s = 100.0, 5.0

    def now(self) -> tuple[float, float]:
        """Return both."""
        return self.at_s, self.used_s

    def go_on(self, ticks: int, used: float) -> None:
        """Let so many ticks pass, of which the process has a share."""
        self.at_s += ticks * TICK_S
        self.used_s += ticks * TICK_S * used


def test_only_a_process_that_is_stopped_stands_still() -> None:
    """Neither one that waits, nor one that holds every thread up; and not afterwards."""
    process = Process()
    found = Standstills(process.now)
    for used in (0.0, 0.5, 1.0):
        process.go_on(1, used)
        assert found.lost_s(100) == 0
    process.go_on(40, used=1.0)  # one bad regular expression
    assert found.lost_s(100) == 0
    process.go_on(40, used=0.0)
    stopped_s = 39 * TICK_S
    assert found.lost_s(100) == pytest.approx(stopped_s)
    assert found.lost_s(process.at_s - 2 * TICK_S) == pytest.approx(2 * TICK_S)
    resumed = process.at_s
    process.go_on(1, used=0.0)
    assert found.lost_s(resumed) == 0
    assert found.lost_s(100) == pytest.approx(stopped_s)
