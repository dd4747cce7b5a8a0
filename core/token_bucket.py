"""A token bucket stored as one number: the epoch microsecond at which it is full again.

This is the generic cell rate algorithm (ITU-T I.371): one addition and one comparison per token,
in integers, so that no rounding error accumulates. A full bucket needs no number.
"""

FULL = 0
"""State of a bucket that was never used."""

_NEVER_US = 10**18
"""Interval between two tokens at a rate of 0."""


class Rate:
    """Tokens per second, and the bucket's size. 0 per second: the bucket is never refilled."""

    __slots__ = ("_depth_us", "_interval_us")

    def __init__(self, per_s: float, burst: int) -> None:
        self._interval_us = max(round(1_000_000 / per_s), 1) if per_s else _NEVER_US
        self._depth_us = burst * self._interval_us

    def spend(self, full_at_us: int, at_ms: int) -> int | None:
        """Take a token; return the epoch µs at which the bucket is full again. None: no token."""
        now_us = at_ms * 1000
        full_at_us = (full_at_us if full_at_us > now_us else now_us) + self._interval_us
        return full_at_us if full_at_us - now_us <= self._depth_us else None

    def owe(self, full_at_us: int) -> int:
        """Take a token, even if there is none: the next ones come later."""
        return full_at_us + self._interval_us
