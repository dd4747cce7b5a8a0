"""A token bucket as one number: when it will be full again, in epoch microseconds.

That is the generic cell rate algorithm of ITU-T I.371: an addition and a comparison per token,
and whole numbers, so that no rounding error piles up. A bucket that is full needs no number.
"""

FULL = 0
"""A bucket that was never used."""

_NEVER_US = 10**18
"""Between two tokens at a rate of 0."""


class Rate:
    """Tokens per second, and the burst that may be taken at once; 0 per second: only the burst."""

    __slots__ = ("_depth_us", "_interval_us")

    def __init__(self, per_s: float, burst: int) -> None:
        self._interval_us = max(round(1_000_000 / per_s), 1) if per_s else _NEVER_US
        self._depth_us = burst * self._interval_us

    def spend(self, full_at_us: int, at_ms: int) -> int | None:
        """Take a token; return when the bucket will be full then, None if there was no token."""
        now_us = at_ms * 1000
        full_at_us = (full_at_us if full_at_us > now_us else now_us) + self._interval_us
        return full_at_us if full_at_us - now_us <= self._depth_us else None
