"""Types of the pytest plugin's fixtures, with which tests drive the emulator.

Documented in docs/testing.md. ::

    async def test_the_host_hears_who_joins(signal_peer: ConnectPeer) -> None:
        host = await signal_peer("HOST")
        alice = await signal_peer("Alice")
        await alice.send("join")
        assert (await host.expect("join")).sender == "Alice"
"""

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.client.connection import ABSENT, Ended, Frame, NotHeard
from poker_signal.emulator.faults.spec import BadFault
from poker_signal.emulator.testing.marker_options import BadOption
from poker_signal.emulator.testing.signal_clock import SignalClock
from poker_signal.emulator.testing.signal_emulator import (
    ConnectPeer,
    NeverConnected,
    Refused,
    SignalEmulator,
)
from poker_signal.emulator.testing.signal_faults import SignalFaults
from poker_signal.emulator.testing.signal_peer import SignalPeer

__all__ = [
    "ABSENT",
    "BadFault",
    "BadOption",
    "ConnectPeer",
    "Ended",
    "Frame",
    "NeverConnected",
    "NotHeard",
    "PokerSignalError",
    "Refused",
    "SignalClock",
    "SignalEmulator",
    "SignalFaults",
    "SignalPeer",
]

# Tracebacks then print the module from which tests import these names.
for _name in __all__:
    if _name != "ABSENT":
        globals()[_name].__module__ = __name__
