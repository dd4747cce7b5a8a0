"""The transcript that a failed test shows."""

import pytest
from websockets.asyncio.client import connect

from poker_signal.emulator.testing import ConnectPeer, SignalClock, SignalEmulator
from poker_signal.emulator.testing import failure_report as module


def below_header(transcript: str) -> list[str]:
    """Return the lines of the events."""
    return transcript.partition("outcome\n")[2].splitlines()


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
    assert events.startswith("Zoë\\u202e → HOST in GAME01: No host in game “GAME01”")
    lines = [line.split() for line in below_header(events)]
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
    assert [line.split()[:3] for line in below_header(events)] == [
        ["0.000", "+0", "●"],
        ["0.000", "+0", "●"],
        ["1.000", "+1000", "⚡"],
        ["1.000", "+0", "→"],
        ["1.000", "+0", "→"],
        ["2.000", "+1000", "→"],
    ]


@pytest.mark.signal_emulator(faults=["duplicate:answer", "drop:join#1"])
async def test_sockets_of_the_app_are_heard_and_strikes_are_counted(
    signal_emulator: SignalEmulator, signal_peer: ConnectPeer, signal_clock: SignalClock
) -> None:
    """Peers and sockets have the same name; every column has a name."""
    bob = await signal_peer("Bob")
    async with connect(f"{signal_emulator.url}?playerId=Bob&gameId=GAME01") as of_app:
        await of_app.send('{"type":"ping"}')
        assert await of_app.recv() == '{"type":"pong"}'
    async with connect(f"{signal_emulator.url}?playerId=HOST&gameId=G\u202e") as other:
        await bob.send("join", "HOST")
        for _ in range(2):
            await bob.send("answer", "HOST")
        await bob.send("ping")
        await bob.expect("pong")
        assert await other.ping()
        text = signal_emulator.transcript()
    verdicts, _, table = text.partition("\n\nBob in GAME01 heard")[0].partition(
        f"\n\n{signal_emulator.url}\n\n"
    )
    assert "Bob → HOST in GAME01: The join of “Bob” never reached HOST: drop:join#1" in verdicts
    header, *lines = table.splitlines()
    columns = {name: header.index(name) for name in ("game", "from", "type", "outcome")}
    (dropped,) = [line for line in lines if "dropped" in line]
    assert dropped[columns["game"] :].startswith("GAME01")
    assert dropped[columns["from"] :].startswith("Bob → HOST")
    assert dropped[columns["type"] :].startswith("join")
    assert dropped[columns["outcome"] :] == "dropped (drop:join#1)"
    (again,) = [line for line in lines if "duplicate" in line]
    # Terminals show the arrow of a fault in two columns.
    assert again[columns["outcome"] - 1 :] == "invoked once more (duplicate:answer) × 2"
    sockets = text.partition("Bob in GAME01 (a socket of the app) heard:\n")[2].splitlines()
    assert sockets[:4] == [
        '   0.000  {"type":"pong"}',
        "          end: 1000",
        "",
        "HOST in G\\u202e (a socket of the app) heard:",
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
