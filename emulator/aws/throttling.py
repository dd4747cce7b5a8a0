"""Token buckets, as API Gateway throttles: a rate that refills, a burst that it refills to."""

import math

from poker_signal.core.token_bucket import FULL, Rate
from poker_signal.emulator.clock import Clock

NEW_CONNECTIONS_PER_S = 500
"""The account's default quota in a region."""


class LimitExceeded(Exception):
    """``@connections`` takes no more calls for now; nothing was done."""


class TokenBucket:
    """Lets through ``rate`` requests a second, and ``burst`` at once."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate = Rate(rate, burst)
        self._clock = clock
        self._full_at_us = FULL

    def take(self) -> bool:
        """Tell whether one more may pass, and count it if so."""
        full_at_us = self._rate.spend(self._full_at_us, self._clock.now_ms())
        if full_at_us is None:
            return False
        self._full_at_us = full_at_us
        return True


def bucket(rate: float | None, burst: int | None, clock: Clock) -> TokenBucket | None:
    """Return a full bucket, of one second where no burst is given; None: any rate is allowed."""
    if rate is None:
        return None
    return TokenBucket(rate, math.ceil(rate) if burst is None else burst, clock)
