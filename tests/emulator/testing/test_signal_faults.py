"""Faults that a test adds while the emulator runs."""

import pytest

from poker_signal.emulator.testing import BadFault, ConnectPeer, SignalEmulator, SignalFaults


async def test_trouble_comes_and_goes(
    signal_peer: ConnectPeer, signal_faults: SignalFaults, signal_emulator: SignalEmulator
) -> None:
    """A fault applies to open connections as well, and the transcript shows it."""
    alice = await signal_peer("Alice")
    signal_faults.add("go-away:Alice")
    assert await alice.expect_close() == 1001
    signal_faults.remove("go-away:Alice")
    assert signal_faults.active() == []
    alice = await signal_peer("Alice")
    await alice.expect_nothing()
    (told,) = [line for line in signal_emulator.transcript().splitlines() if "⚡" in line]
    assert "go-away:Alice" in told


def test_what_cannot_be_is_told(signal_faults: SignalFaults) -> None:
    """The error says what would be valid."""
    with pytest.raises(BadFault, match="there is no fault 'drip'; there are drop"):
        signal_faults.add("drip")
    with pytest.raises(BadFault, match="None: a fault is text, as in drop:offer#1"):
        signal_faults.add(None)  # type: ignore[arg-type]
    with pytest.raises(BadFault, match="is not active"):
        signal_faults.remove("reorder")
