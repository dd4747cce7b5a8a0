"""Values of the model: the lifetime and the rank of a row."""

import pytest

from poker_signal.core.configuration import Topology
from poker_signal.core.model import (
    HOST,
    ROW_LIFETIME_S,
    Close,
    ConnectionId,
    Forget,
    PlayerId,
)
from tests.core.build import AT, reserved, row, young

ALICE = row("Alice")
BOB = PlayerId("Bob")
C1 = ConnectionId("c1")


@pytest.mark.parametrize(
    ("ttl", "live"),
    [(AT + 1, True), (AT, True), (AT - 1, False), (0, False)],
    ids=["a second left", "its last second", "a second ago", "long ago"],
)
def test_row_is_live_until_its_ttl_has_passed(ttl: int, live: bool) -> None:
    """DynamoDB deletes an expired row only days later, so readers must check the ttl."""
    assert row("Alice", ttl=ttl).is_live(AT) is live


def test_words_are_the_protocols() -> None:
    """Deployed clients compare these words exactly; two hours are API Gateway's limit."""
    assert (HOST, Topology("mesh"), Topology("star")) == ("HOST", Topology.MESH, Topology.STAR)
    assert ROW_LIFETIME_S == 2 * 60 * 60


@pytest.mark.parametrize(
    "other",
    [Forget(ConnectionId("c2")), Close(C1), (C1,), "c1", None],
    ids=["another value", "another kind", "tuple", "text", "nothing"],
)
def test_a_value_equals_only_its_like(other: object) -> None:
    """A value equals only values of its own type, or tests could confuse two effects."""
    assert Forget(C1) != other
    assert not Forget(C1) == other  # noqa: SIM201
    assert Forget(C1) == Forget(ConnectionId("c1"))
    assert not Forget(C1) != Forget(ConnectionId("c1"))  # noqa: SIM202
    assert len({Forget(C1), Forget(ConnectionId("c1")), Close(C1)}) == 2


@pytest.mark.parametrize(
    ("second", "may_be"),
    [(-31, False), (-30, True), (0, True), (30, True), (31, False)],
)
def test_a_connection_is_young_for_half_a_minute(second: int, may_be: bool) -> None:
    """API Gateway gives a handshake 29 s; until then a ghost and a newcomer look alike.

    The row may be newer than the event, because it was stored while the event waited.
    """
    newcomer = young(ALICE)
    assert newcomer.is_young(AT + second) is may_be
    assert not reserved(newcomer).is_young(AT + second)
    assert not newcomer._replace(left_at=AT).is_young(AT + second)


def test_a_row_ranks_by_when_its_seat_was_taken() -> None:
    """The rank sorts as text in the order of time, then by connection id."""
    first, second = row("Alice", 1), row("Alice", 2)
    assert first.rank < second.rank
    assert first.rank == "2024-02-09T18:23:01.000Z Alice-1"
    assert second._replace(seat=first.rank).rank == first.rank
    assert first.age < second.age
