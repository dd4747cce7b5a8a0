"""Token buckets: a rate in messages per second, and a burst."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from poker_signal.core.configuration import Rules
from poker_signal.core.model import ConnectionId, Disconnect, Message, Signal, Vend
from poker_signal.core.rate_limit import WORTH_A_LOOK, Meter
from poker_signal.core.token_bucket import FULL, Rate

AT_MS = 1_707_503_040_000


def passed(meter: Meter, at_ms: int, connection_id: str = "c1") -> bool:
    """Return whether a message is within the limit."""
    event = Message(ConnectionId(connection_id), "{}", at_ms // 1000, at_ms)
    checked = meter.checked(event)
    assert isinstance(checked, Message)
    assert checked._replace(is_over_limit=False) == event
    return not checked.is_over_limit


def test_a_burst_passes_and_then_the_rate() -> None:
    """Each connection has its own bucket, for messages only, which refills up to the burst."""
    meter = Meter(Rules(message_rate=2, message_burst=3))
    assert [passed(meter, AT_MS) for _ in range(4)] == [True, True, True, False]
    assert passed(meter, AT_MS, "c2")
    gone = Disconnect(ConnectionId("c1"))
    assert meter.checked(gone) is gone
    assert [passed(meter, AT_MS + 500) for _ in range(2)] == [True, False]
    assert [passed(meter, AT_MS + 3_600_000) for _ in range(4)] == [True, True, True, False]


def test_without_a_rate_nothing_is_counted() -> None:
    """A rate of 0 means no limit, and the event is returned as it is."""
    meter = Meter(Rules(message_rate=0))
    event = Message(ConnectionId("c1"), "{}", AT_MS // 1000, AT_MS)
    assert all(meter.checked(event) is event for _ in range(10_000))
    assert len(meter) == 0


def test_buckets_that_are_full_again_are_forgotten_and_no_others() -> None:
    """Memory stays small on a host that runs for weeks, and no client gains a token by it."""
    meter = Meter(Rules(message_rate=1, message_burst=1))
    for number in range(WORTH_A_LOOK - 1):
        assert passed(meter, AT_MS, f"old-{number}")
    assert passed(meter, AT_MS + 900, "recent")
    assert len(meter) == WORTH_A_LOOK
    assert passed(meter, AT_MS + 1000, "new")
    assert len(meter) == 2
    assert not passed(meter, AT_MS + 1000, "recent")


def vend(connection_id: str) -> Vend:
    """Return the effect of a client that asks for ICE servers."""
    sender = ConnectionId(connection_id)
    return Vend(Signal(sender, AT_MS // 1000, "ice-servers", None, "null", None))


def test_ice_servers_cost_two_messages() -> None:
    """The second token is owed, so that half the rate remains; others pay nothing."""
    meter = Meter(Rules(message_rate=1, message_burst=3))

    def vended(at_ms: int) -> bool:
        has_passed = passed(meter, at_ms)
        if has_passed:
            meter.charge(vend("c1"))
        return has_passed

    assert [vended(AT_MS) for _ in range(3)] == [True, True, False]
    assert [vended(AT_MS + 1000 * second) for second in range(1, 9)] == [False, True] * 4
    assert [passed(meter, AT_MS, "c2") for _ in range(3)] == [True] * 3
    meter.charge(vend("c3"))
    unlimited = Meter(Rules(message_rate=0))
    unlimited.charge(vend("c1"))
    assert len(unlimited) == 0


class PlainBucket:
    """A textbook token bucket with exact fractions."""

    def __init__(self, interval_us: int, burst: int, at_ms: int) -> None:
        self.interval_us, self.burst, self.at_ms = interval_us, burst, at_ms
        self.tokens = Fraction(burst)

    def take(self, at_ms: int) -> bool:
        """Take a token; return whether there was one."""
        refilled = Fraction((at_ms - self.at_ms) * 1000, self.interval_us)
        self.tokens, self.at_ms = min(self.tokens + refilled, Fraction(self.burst)), at_ms
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@given(
    st.integers(1, 10_000_000),
    st.integers(1, 50),
    st.lists(st.integers(0, 3) | st.integers(0, 20_000), max_size=100),
)
def test_one_number_decides_as_a_token_bucket_does(
    interval_us: int, burst: int, pauses_ms: list[int]
) -> None:
    """One timestamp replaces the bucket, for any rate and any times of messages."""
    rate, plain = Rate(1_000_000 / interval_us, burst), PlainBucket(interval_us, burst, AT_MS)
    at_ms, full_at_us = AT_MS, FULL
    for pause_ms in pauses_ms:
        at_ms += pause_ms
        spent = rate.spend(full_at_us, at_ms)
        assert (spent is not None) is plain.take(at_ms)
        full_at_us = full_at_us if spent is None else spent


@given(
    st.floats(0.001, 1e9),
    st.integers(1, 10_000),
    st.lists(st.integers(-5000, 5000), min_size=1, max_size=100),
)
def test_a_clock_that_jumps_lets_nobody_send_more_than_a_burst_at_once(
    per_s: float, burst: int, jumps_ms: list[int]
) -> None:
    """Events of one connection may be handled in another order than they arrived."""
    rate, full_at_us = Rate(per_s, burst), FULL
    for jump_ms in jumps_ms:
        spent = rate.spend(full_at_us, AT_MS + jump_ms)
        if spent is not None:
            assert spent > full_at_us
            full_at_us = spent
    last_us = (AT_MS + max(jumps_ms)) * 1000
    assert full_at_us - last_us <= burst * max(round(1_000_000 / per_s), 1)
