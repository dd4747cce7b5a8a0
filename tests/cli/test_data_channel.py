"""The WebRTC peer inside a command."""

import io
import json

from poker_signal.cli.data_channel import playing_webrtc
from poker_signal.cli.transcript import Transcript
from poker_signal.core.model import HOST
from poker_signal.emulator.client.connection import signal_client
from poker_signal.emulator.testing import SignalEmulator


async def test_who_is_not_host_joins_at_once(signal_emulator: SignalEmulator) -> None:
    """A player sends `join` without a typed command; HOST waits for it."""
    async with (
        signal_client(signal_emulator.url, HOST, "G") as host,
        signal_client(signal_emulator.url, "Alice", "G") as alice,
    ):
        async with playing_webrtc(alice, Transcript(io.StringIO(), for_people=True)):
            join = await host.expect("join", sender="Alice")
    assert join.payload == {"playerName": "Alice"}


async def test_problems_are_printed(signal_emulator: SignalEmulator) -> None:
    """A join in a game without a host is printed as a problem of the data channel."""
    stream = io.StringIO()
    async with signal_client(signal_emulator.url, "A", "G") as a:
        async with playing_webrtc(a, Transcript(stream, for_people=False)):
            # The WebRTC peer consumes the error frame; the pong comes after it.
            await a.send("ping")
            await a.expect("pong")
    told = json.loads(stream.getvalue())
    assert told["event"] == "channel-problem"
    assert "HOST_NOT_FOUND" in told["text"]
