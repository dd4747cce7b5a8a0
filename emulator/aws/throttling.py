"""Token buckets, as API Gateway throttles: a rate that refills, a burst that it refills to."""

from poker_signal.emulator.clock import Clock

NEW_CONNECTIONS_PER_S = 500
"""The account's default quota in a region."""


class LimitExceeded(Exception):
    """``@connections`` takes no more calls for now; nothing was done."""


class TokenBucket:
    """Lets through ``rate`` requests a second, and ``burst`` at once."""

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._refilled_ms = clock.now_ms()

    def take(self) -> bool:
        """Tell whether one more may pass, and count it if so."""
        now_ms = self._clock.now_ms()
        self._tokens += (now_ms - self._refilled_ms) / 1000 * self._rate
        self._tokens = min(self._tokens, self._burst)
        self._refilled_ms = now_ms
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def bucket(rate: float | None, burst: float | None, clock: Clock) -> TokenBucket | None:
    """Return a full bucket, of one second where no burst is given; None: any rate is allowed."""
    return None if rate is None else TokenBucket(rate, rate if burst is None else burst, clock)
