"""An emulator for one test: what it starts, and leaves behind."""

import asyncio
import threading
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from poker_signal.emulator.server import CannotStart
from poker_signal.emulator.testing import Ended, SignalEmulator
from poker_signal.emulator.testing.marker_options import read_options
from poker_signal.emulator.testing.signal_emulator import EmulatorFailed


def started(**options: object) -> SignalEmulator:
    """Return an emulator that runs."""
    emulator = SignalEmulator(read_options(options, Path()))
    emulator.start()
    return emulator


def begun_since(threads: set[threading.Thread]) -> set[threading.Thread]:
    """Return those that run and are not among them.

    They are not counted: one of an earlier test may end meanwhile.
    """
    return set(threading.enumerate()) - threads


async def test_it_stops_with_whatever_a_test_has_left_open() -> None:
    """Peers, and sockets that nobody reads; no thread is left."""
    threads = set(threading.enumerate())
    emulator = started()
    alice = await emulator.connect("Alice")
    async with connect(f"{emulator.url}?playerId=Bob&gameId=G"):
        # Bob's event loop does not run meanwhile: he answers no closing handshake.
        emulator.stop()
        emulator.stop()
    assert alice.close_code == 1000
    assert begun_since(threads) == set()


async def test_nothing_can_be_asked_of_it_when_it_has_stopped() -> None:
    """But what has happened; whoever tries is told so."""
    emulator = started()
    alice, faults = await emulator.connect("Alice"), emulator.faults
    await alice.send("ping")
    await alice.expect("pong")
    emulator.stop()
    for asked in (alice.send("ping"), alice.expect(), alice.close(), emulator.connect("Bob")):
        with pytest.raises(Ended, match="the emulator has stopped"):
            await asked
    with pytest.raises(Ended, match="the emulator has stopped"):
        faults.add("reorder")
    assert faults.active() == []
    assert [frame.type for frame in alice.heard] == ["pong"]


def test_what_cannot_start_leaves_nothing() -> None:
    """No thread, and no port."""
    threads = set(threading.enumerate())
    taken = started()
    with pytest.raises(CannotStart, match="is taken"):
        started(port=taken.port)
    taken.stop()
    assert begun_since(threads) == set()


def test_an_emulator_that_fails_fails_the_test(caplog: pytest.LogCaptureFixture) -> None:
    """It would be taken for the test's own fault, or not be noticed at all."""
    emulator = started()

    def fail() -> None:
        raise ValueError("boom")

    emulator._background.call(lambda: asyncio.get_running_loop().call_soon(fail))
    with pytest.raises(EmulatorFailed, match=r"ValueError\('boom'\)"):
        emulator.stop()
    assert "boom" in caplog.text
