"""Token buckets."""

from poker_signal.emulator.aws.throttling import TokenBucket
from poker_signal.emulator.clock import VirtualClock


def test_a_burst_passes_and_then_the_rate() -> None:
    """The bucket refills up to its size, as in API Gateway."""
    clock = VirtualClock()
    bucket = TokenBucket(rate=2, burst=3, clock=clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.advance(0.5)
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.advance(3600)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_a_rate_of_zero_lets_nothing_through() -> None:
    """A stage with a throttle of 0 refuses every client."""
    clock = VirtualClock()
    bucket = TokenBucket(rate=0, burst=0, clock=clock)
    clock.advance(3600)
    assert not bucket.take()
