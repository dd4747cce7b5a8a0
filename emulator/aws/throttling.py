"""Token buckets as in the throttling of API Gateway: the refill rate, and the burst size."""

import math

from poker_signal.core.token_bucket import FULL, Rate
from poker_signal.emulator.clock import Clock

NEW_CONNECTIONS_PER_S = 500
"""Default quota of an account per region."""


class LimitExceeded(Exception):
    """``@connections`` is throttled; the call had no effect."""


class TokenBucket:
    """Token bucket: ``rate`` requests per second, and up to ``burst`` at once."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate = Rate(rate, burst)
        self._clock = clock
        self._full_at_us = FULL

    def take(self) -> bool:
        """Take a token; return False if there is none."""
        full_at_us = self._rate.spend(self._full_at_us, self._clock.now_ms())
        if full_at_us is None:
            return False
        self._full_at_us = full_at_us
        return True


def bucket(rate: float | None, burst: int | None, clock: Clock) -> TokenBucket | None:
    """Return a full bucket; None: no limit. The default burst is ``rate``, rounded up."""
    if rate is None:
        return None
    return TokenBucket(rate, math.ceil(rate) if burst is None else burst, clock)
