"""The message rate limit: one token bucket per connection that has sent a message."""

from poker_signal.core.configuration import Rules
from poker_signal.core.model import ConnectionId, GatewayEvent, Message, Vend
from poker_signal.core.token_bucket import FULL, Rate

WORTH_A_LOOK = 4096
"""Minimum number of buckets before full ones are removed; about half a mebibyte."""


class Meter:
    """Message counter of all connections that one host has seen.

    Only full buckets are removed: a new bucket is full too, so no decision changes.
    """

    def __init__(self, rules: Rules) -> None:
        is_limited = rules.message_rate > 0
        self._rate = Rate(rules.message_rate, rules.message_burst) if is_limited else None
        self._full_at_us: dict[ConnectionId, int] = {}
        self._look_at = WORTH_A_LOOK

    def __len__(self) -> int:
        return len(self._full_at_us)

    def checked(self, event: GatewayEvent) -> GatewayEvent:
        """Return the event; a message above the rate is marked ``is_over_limit``."""
        if self._rate is None or not isinstance(event, Message):
            return event
        connection_id = event.connection_id
        was = self._full_at_us.get(connection_id)
        full_at_us = self._rate.spend(was or FULL, event.at_ms)
        if full_at_us is None:
            return Message(connection_id, event.body, event.at, event.at_ms, is_over_limit=True)
        self._full_at_us[connection_id] = full_at_us
        if was is None and len(self._full_at_us) > self._look_at:
            self._forget_full_ones(event.at_ms * 1000)
        return event

    def charge(self, vend: Vend) -> None:
        """Take another token for ICE servers: with credentials, they cost more than a message."""
        sender = vend.signal.sender
        if self._rate is not None and sender in self._full_at_us:
            self._full_at_us[sender] = self._rate.owe(self._full_at_us[sender])

    def _forget_full_ones(self, now_us: int) -> None:
        # Copied to a list: the emulator runs a handler in several threads, which may add buckets.
        buckets = list(self._full_at_us.items())
        self._full_at_us = {key: full_at for key, full_at in buckets if full_at > now_us}
        self._look_at = max(WORTH_A_LOOK, 2 * len(self._full_at_us))
