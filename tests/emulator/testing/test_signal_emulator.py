"""An emulator for one test: its start, and its end without leftovers."""

import asyncio
import threading
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.sync.client import connect as connect_sync

from poker_signal.emulator.server import CannotStart
from poker_signal.emulator.testing import ConnectPeer, Ended, NeverConnected, SignalEmulator
from poker_signal.emulator.testing.marker_options import read_options
from poker_signal.emulator.testing.signal_emulator import EmulatorFailed


def started(**options: object) -> SignalEmulator:
    """Return a running emulator."""
    emulator = SignalEmulator(read_options(options, Path()))
    emulator.start()
    return emulator


def begun_since(threads: set[threading.Thread]) -> set[threading.Thread]:
    """Return the new threads; a count would be wrong if one of an earlier test ends meanwhile."""
    return set(threading.enumerate()) - threads


async def test_it_stops_with_whatever_a_test_has_left_open() -> None:
    """Peers and unread sockets may be open; no thread is left."""
    threads = set(threading.enumerate())
    emulator = started()
    alice = await emulator.connect("Alice")
    async with connect(f"{emulator.url}?playerId=Bob&gameId=G"):
        # Bob's event loop does not run meanwhile, so his client does not answer the close frame.
        emulator.stop()
        emulator.stop()
    assert alice.close_code == 1000
    assert begun_since(threads) == set()


async def test_nothing_can_be_asked_of_it_when_it_has_stopped() -> None:
    """Calls raise Ended, but frames that were received can still be read."""
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


async def test_a_test_waits_for_the_apps_own_socket(
    signal_emulator: SignalEmulator, signal_peer: ConnectPeer
) -> None:
    """Peers count as well; in vain, the error lists those who are connected."""
    bob = await signal_peer("Bob")
    await signal_emulator.wait_for("Bob")
    waiting = asyncio.ensure_future(signal_emulator.wait_for("HOST", "G"))
    async with connect(f"{signal_emulator.url}?playerId=HOST&gameId=G"):
        await waiting
        with pytest.raises(NeverConnected) as missing:
            await signal_emulator.wait_for("HOST", within=0.01)
    says = "HOST did not connect to GAME01 within 0.01 s; connected: Bob in GAME01, HOST in G"
    assert str(missing.value) == says
    await bob.close()
    with pytest.raises(NeverConnected, match="connected: no player is"):
        await signal_emulator.wait_for("Bob", within=0)


def test_a_test_without_an_event_loop_waits_as_well(signal_emulator: SignalEmulator) -> None:
    """It makes a loop for the call."""
    with connect_sync(f"{signal_emulator.url}?playerId=HOST&gameId=G"):
        asyncio.run(signal_emulator.wait_for("HOST", "G"))


def test_what_cannot_start_leaves_nothing() -> None:
    """No thread and no port is left."""
    threads = set(threading.enumerate())
    taken = started()
    with pytest.raises(CannotStart, match="is taken"):
        started(port=taken.port)
    taken.stop()
    assert begun_since(threads) == set()


def test_an_emulator_that_fails_fails_the_test(caplog: pytest.LogCaptureFixture) -> None:
    """An exception in the emulator must not go unnoticed or look like the test's own."""
    emulator = started()

    def fail() -> None:
        raise ValueError("boom")

    emulator._background.call(lambda: asyncio.get_running_loop().call_soon(fail))
    with pytest.raises(EmulatorFailed, match=r"ValueError\('boom'\)"):
        emulator.stop()
    assert "boom" in caplog.text
