"""Trouble that a test makes while the emulator runs."""

import pytest

from poker_signal.emulator.testing import (
    BadFault,
    ConnectPeer,
    SignalClock,
    SignalEmulator,
    SignalFaults,
)


async def test_trouble_comes_and_goes(
    signal_peer: ConnectPeer, signal_faults: SignalFaults, signal_emulator: SignalEmulator
) -> None:
    """Also for connections that are open already; the transcript tells of it."""
    alice = await signal_peer("Alice")
    signal_faults.add("go-away:Alice")
    assert await alice.expect_close() == 1001
    signal_faults.remove("go-away:Alice")
    assert signal_faults.active() == []
    alice = await signal_peer("Alice")
    await alice.expect_nothing()
    (told,) = [line for line in signal_emulator.transcript().splitlines() if "⚡" in line]
    assert "go-away:Alice" in told


async def test_trouble_goes_by_the_clock_of_the_test(
    signal_peer: ConnectPeer, signal_faults: SignalFaults, signal_clock: SignalClock
) -> None:
    """A delay of twenty seconds takes no time, and not a moment less."""
    signal_faults.add("delay:join=20s")
    host, alice = await signal_peer("HOST"), await signal_peer("Alice")
    await alice.send("join", id="1")
    await alice.expect_nothing()
    signal_clock.advance(19.9)
    await host.expect_nothing()
    signal_clock.advance(0.1)
    await host.expect("join")
    await alice.expect("ack")


def test_what_cannot_be_is_told(signal_faults: SignalFaults) -> None:
    """With what could be."""
    with pytest.raises(BadFault, match="there is no fault 'drip'; there are drop"):
        signal_faults.add("drip")
    with pytest.raises(BadFault, match="None: a fault is text, as in drop:offer#1"):
        signal_faults.add(None)  # type: ignore[arg-type]
    with pytest.raises(BadFault, match="is not active"):
        signal_faults.remove("reorder")
