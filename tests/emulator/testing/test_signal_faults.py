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


async def test_a_fault_must_strike_unless_it_need_not(
    signal_peer: ConnectPeer, signal_emulator: SignalEmulator
) -> None:
    """Also one that was removed; a strike of a message on its way is awaited."""
    faults = signal_emulator.faults
    faults.add("drop:offer#1")
    faults.add("drop:answer", must_strike=False)
    faults.add("gone:Bob")
    faults.remove("drop:answer")
    faults.remove("gone:Bob")
    gone = "gone:Bob never struck: 0 requests about Bob were made to @connections"
    offer = "drop:offer#1 never struck: 0 messages of type offer were sent"
    assert faults.never_struck() == [gone, offer]
    alice = await signal_peer("Alice")
    await alice.send("offer", "HOST")
    assert signal_emulator.never_struck() == [gone]
    assert faults.struck() == {"drop:offer#1": 1}
    faults._removed.clear()


@pytest.mark.signal_emulator(faults=["drop:ping#1"], optional_faults=["drop:answer", "gone:Bob"])
async def test_the_marker_has_faults_of_both_kinds(
    signal_peer: ConnectPeer, signal_faults: SignalFaults
) -> None:
    """One that is added again must strike, unless the test says that it need not."""
    assert signal_faults.active() == ["drop:ping#1", "drop:answer", "gone:Bob"]
    assert [each.partition(" ")[0] for each in signal_faults.never_struck()] == ["drop:ping#1"]
    signal_faults.remove("drop:answer")
    signal_faults.add("drop:answer")
    alice = await signal_peer("Alice")
    for type_ in ("ping", "answer"):
        await alice.send(type_, "Bob")
    await alice.expect_nothing()
    assert signal_faults.never_struck() == []


def test_what_cannot_be_is_told(signal_faults: SignalFaults) -> None:
    """The error says what would be valid."""
    with pytest.raises(BadFault, match="there is no fault 'drip'; there are drop"):
        signal_faults.add("drip")
    with pytest.raises(BadFault, match="None: a fault is text, as in drop:offer#1"):
        signal_faults.add(None)  # type: ignore[arg-type]
    with pytest.raises(BadFault, match=r"there is no message type ofer; did you mean offer\?"):
        signal_faults.add("drop:ofer")
    with pytest.raises(BadFault, match="is not active"):
        signal_faults.remove("reorder")
