"""The far end, as part of a command."""

import io
import json

from poker_signal.cli.data_channel import taking_the_far_end
from poker_signal.cli.transcript import Transcript
from poker_signal.core.model import HOST
from poker_signal.emulator.client.connection import signal_client
from poker_signal.emulator.testing import SignalEmulator


async def test_who_is_not_host_joins_at_once(signal_emulator: SignalEmulator) -> None:
    """HOST waits; nothing of that needs to be typed."""
    async with (
        signal_client(signal_emulator.url, HOST, "G") as host,
        signal_client(signal_emulator.url, "Alice", "G") as alice,
    ):
        async with taking_the_far_end(alice, Transcript(io.StringIO(), for_people=True)):
            join = await host.expect("join", sender="Alice")
    assert join.payload == {"playerName": "Alice"}


async def test_problems_are_printed(signal_emulator: SignalEmulator) -> None:
    """Nobody hosts this game."""
    stream = io.StringIO()
    async with signal_client(signal_emulator.url, "A", "G") as a:
        async with taking_the_far_end(a, Transcript(stream, for_people=False)):
            # The far end takes the error; the pong comes after it.
            await a.send("ping")
            await a.expect("pong")
    told = json.loads(stream.getvalue())
    assert told["event"] == "channel-problem"
    assert "HOST_NOT_FOUND" in told["text"]
