"""@connections for a function in this process: each call takes a token."""

import pytest

from poker_signal.emulator.aws.throttling import LimitExceeded, TokenBucket
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.gateway.connections_api import ThrottledConnections
from tests.emulator.functions.test_signaling import FakeConnections


def test_each_call_takes_a_token_and_without_one_nothing_is_done() -> None:
    """As on AWS, where callbacks and messages share the account's throttle."""
    clock, connections = VirtualClock(), FakeConnections()
    connections.gone.add("b")
    throttled = ThrottledConnections(connections, TokenBucket(1, 4, clock))
    assert throttled.get("a")
    assert throttled.post("a", "x")
    assert not throttled.post("b", "x")
    assert throttled.delete("a")
    with pytest.raises(LimitExceeded):
        throttled.get("a")
    with pytest.raises(LimitExceeded):
        throttled.post("a", "y")
    with pytest.raises(LimitExceeded):
        throttled.delete("a")
    assert (connections.posted, connections.closed) == ([("a", "x")], ["a"])
    clock.advance(1)
    assert throttled.post("a", "z")
