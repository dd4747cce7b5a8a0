"""An emulator per test, in this process, on a port of its own."""

from collections.abc import AsyncGenerator

import pytest

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Kept
from poker_signal.emulator.trace.summary import Record, record_of


class Records(list[Record]):
    """An observer that keeps the records that a user would see."""

    def observe(self, entry: Kept) -> None:
        """Keep the record of an entry, if it has one."""
        if record := record_of(entry):
            self.append(record)


@pytest.fixture
def records() -> Records:
    """Records of the emulator so far."""
    return Records()


@pytest.fixture
def clock() -> VirtualClock:
    """Clock of the emulator, which the test advances."""
    return VirtualClock()


@pytest.fixture
async def emulator(records: Records, clock: VirtualClock) -> AsyncGenerator[Emulator, None]:
    """An emulator with production's settings."""
    async with Emulator(Settings(port=0), records, clock) as emulator:
        yield emulator
