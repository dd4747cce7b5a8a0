"""The transcript that a failed test shows."""

import pytest

from poker_signal.emulator.testing import ConnectPeer, SignalClock, SignalEmulator
from poker_signal.emulator.testing import failure_report as module


async def test_who_said_what_when_and_what_became_of_it(
    signal_emulator: SignalEmulator, signal_peer: ConnectPeer, signal_clock: SignalClock
) -> None:
    """Times are those of the emulator's clock; payloads are only in the peers' sections."""
    assert signal_emulator.transcript().endswith("\n\nno peer connected")
    alice = await signal_peer("Zoë\u202e")
    signal_clock.advance(0.25)
    await alice.send("join", payload={"a": "x" * 200})
    await alice.expect("error")
    signal_clock.advance(5)
    await alice.send("ping")
    await alice.close(1001)
    await alice.expect_close()
    events, _, heard = signal_emulator.transcript().partition("\n\nZoë\\u202e in GAME01 heard:\n")
    lines = [line.split() for line in events.splitlines()[2:]]
    assert [line[:3] for line in lines] == [
        ["0.000", "+0", "●"],
        ["0.250", "+250", "→"],
        ["5.250", "+5000", "→"],
        ["5.250", "+0", "○"],
    ]
    assert [line[-1] for line in lines] == ["connected", "HOST_NOT_FOUND", "pong", "away"]
    first, second, end = heard.splitlines()
    assert first.startswith('   0.250  {"type":"error","payload":{"code":"HOST_NOT_FOUND"')
    assert second == '   5.250  {"type":"pong"}  (not expected so far)'
    assert end.split() == ["end:", "1001"]


@pytest.mark.signal_emulator(faults=["delay:join=2s"])
async def test_lines_are_in_the_order_of_their_time(
    signal_emulator: SignalEmulator, signal_peer: ConnectPeer, signal_clock: SignalClock
) -> None:
    """The trace is in the order of completion, so a message with a slow handler is late there."""
    host, alice = await signal_peer("HOST"), await signal_peer("Alice")
    signal_clock.advance(1)
    await alice.send("join")
    await alice.expect_nothing()
    signal_clock.advance(1)
    await alice.send("ping")
    await alice.expect("pong")
    signal_clock.advance(1)
    await host.expect("join")
    events, _, _ = signal_emulator.transcript().partition("\n\nHOST")
    assert [line.split()[:3] for line in events.splitlines()[2:]] == [
        ["0.000", "+0", "●"],
        ["0.000", "+0", "●"],
        ["1.000", "+1000", "⚡"],
        ["1.000", "+0", "→"],
        ["1.000", "+0", "→"],
        ["2.000", "+1000", "→"],
    ]


async def test_only_the_last_lines_are_shown(
    signal_emulator: SignalEmulator, signal_peer: ConnectPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of lines and the length of a frame are limited."""
    monkeypatch.setattr(module, "MAX_LINES", 3)
    host, alice = await signal_peer("HOST"), await signal_peer("Alice")
    for number in range(5):
        await alice.send("join", payload=f"{number} {'x' * 300}")
        await host.expect("join")
    lines = signal_emulator.transcript().splitlines()
    assert [line for line in lines if "lines before" in line] == [
        "          … 4 lines before",
        "          … 2 lines before",
    ]
    assert max(len(line) for line in lines if "xxx" in line) == 10 + module.MAX_TEXT
    assert ["2 xxx" in line for line in lines].count(True) == 1
    assert "1 xxx" not in "\n".join(lines)
