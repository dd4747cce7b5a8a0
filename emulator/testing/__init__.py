"""What tests drive the emulator with: the types of the pytest plugin's fixtures.

Documented in docs/testing.md. ::

    async def test_the_host_hears_who_joins(signal_peer: ConnectPeer) -> None:
        host = await signal_peer("HOST")
        alice = await signal_peer("Alice")
        await alice.send("join")
        assert (await host.expect("join")).sender == "Alice"
"""

from poker_signal.emulator.client.connection import ABSENT, Ended, Frame, NotHeard
from poker_signal.emulator.faults.spec import BadFault
from poker_signal.emulator.testing.clock import SignalClock
from poker_signal.emulator.testing.faults import SignalFaults
from poker_signal.emulator.testing.options import BadOption
from poker_signal.emulator.testing.peer import SignalPeer
from poker_signal.emulator.testing.run import ConnectPeer, Refused, SignalEmulator

__all__ = [
    "ABSENT",
    "BadFault",
    "BadOption",
    "ConnectPeer",
    "Ended",
    "Frame",
    "NotHeard",
    "Refused",
    "SignalClock",
    "SignalEmulator",
    "SignalFaults",
    "SignalPeer",
]
