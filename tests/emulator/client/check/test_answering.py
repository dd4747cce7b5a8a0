"""Answers that are missing or wrong, and in which rows that is found."""

import pytest

from tests.emulator.client.check.broken import Fault, found
from tests.emulator.client.check.faults import (
    AcksAll,
    Answers,
    Drops,
    ErrsAtUndelivered,
    HalfAStar,
    Keeps,
    NoSentence,
)

UNDELIVERED = {
    "no message reaches another game",
    "for a missing target: undelivered",
    "for who left: undelivered",
}
ERRORS = {
    "an unknown type is an error",
    "an invalid message is an error",
    "a join without HOST is an error",
    "HOST cannot join itself",
    "nobody addresses themselves",
    "a name is refused while its player lives",
}
FREED = {
    "for who left: undelivered",
    "a name is free once its player left",
    "a ghost does not lock its player out",
}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Drops("ack"), {"an id is acknowledged"}),
        (AcksAll(), {"an id is acknowledged"}),
        (Drops("pong"), {"an id is acknowledged", "ping is answered"}),
        (Drops("error"), ERRORS),
        (Drops("undelivered"), UNDELIVERED),
        (ErrsAtUndelivered(), UNDELIVERED),
        (NoSentence(), UNDELIVERED | ERRORS),
        (Answers("UNKNOWN_TYPE"), {"an unknown type is an error"}),
        (Answers("INVALID_MESSAGE"), {"an invalid message is an error"}),
        (Answers("HOST_NOT_FOUND"), {"a join without HOST is an error"}),
        (Answers("INVALID_JOIN"), {"HOST cannot join itself"}),
        (Answers("NOT_ALLOWED"), {"nobody addresses themselves"}),
        (Answers("DUPLICATE_NAME"), {"a name is refused while its player lives"}),
        (HalfAStar(), {"a player's offer: mesh or star"}),
        (Keeps(), FREED),
    ],
    ids=[
        "no acks",
        "acks for nothing",
        "no pongs",
        "no errors",
        "no undelivereds",
        "errors for undelivereds",
        "no sentences",
        "unknown type",
        "invalid message",
        "no host",
        "host joins",
        "oneself",
        "duplicate",
        "half a star",
        "nobody leaves",
    ],
)
def test_what_is_wrong_with_an_answer_is_found(fault: Fault, expected: set[str]) -> None:
    """In the rows that are about it, and in no other."""
    assert found(fault).keys() == expected


def test_players_that_hear_each_other_badly_are_neither_mesh_nor_star() -> None:
    """And the rule that depends on it is skipped."""
    row = found(Drops("answer"))["player to player: mesh or star"]
    assert "(mesh)" in row.expected
    assert "(star)" in row.expected
    assert row.came == "nothing within 1 s"
    assert row.star is None
