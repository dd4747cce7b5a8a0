"""An emulator per test, in this process, on a port of its own."""

from collections.abc import AsyncGenerator

import pytest

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Kept
from poker_signal.emulator.trace.summary import Record, record_of


class Records(list[Record]):
    """An observer that remembers what a person is told."""

    def observe(self, entry: Kept) -> None:
        """Take an entry."""
        if record := record_of(entry):
            self.append(record)


@pytest.fixture
def records() -> Records:
    """What the emulator has told so far."""
    return Records()


@pytest.fixture
def clock() -> VirtualClock:
    """The emulator's time, under control."""
    return VirtualClock()


@pytest.fixture
async def emulator(records: Records, clock: VirtualClock) -> AsyncGenerator[Emulator, None]:
    """An emulator with production's settings."""
    async with Emulator(Settings(port=0), records, clock) as emulator:
        yield emulator
