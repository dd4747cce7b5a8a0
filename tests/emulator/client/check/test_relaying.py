"""Messages that are lost, changed or late, and in which rows that is found."""

import pytest

from tests.emulator.client.check.broken import Fault, found
from tests.emulator.client.check.faults import (
    BelievesSender,
    Drops,
    MoreKeys,
    OneGame,
    Overtaking,
    Rewrites,
    SwapsSender,
)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            Drops("ice-candidate"),
            {
                "candidates are relayed",
                "no candidate overtakes its offer",
                "a whole handshake, from join to candidates",
            },
        ),
        (Drops("player-connected"), {"player-connected is relayed"}),
        (BelievesSender(), {"senderId is the connection's"}),
        (Overtaking(), {"no candidate overtakes its offer"}),
        (Rewrites(), {"a payload arrives as it was written"}),
        (OneGame(), {"no message reaches another game"}),
    ],
    ids=[
        "no candidates",
        "no player-connected",
        "senders believed",
        "overtaking",
        "payloads rewritten",
        "games mixed",
    ],
)
def test_what_is_wrong_with_a_message_is_found(fault: Fault, expected: set[str]) -> None:
    """In the rows that are about it, and in no other."""
    assert found(fault).keys() == expected


def test_a_swapped_sender_is_found() -> None:
    """With what was expected, and what came instead."""
    row = found(SwapsSender())["a join reaches HOST"]
    assert '"senderId":"Alice"' in row.expected
    assert '"senderId": "Mallory"' in row.came


def test_a_key_more_is_found() -> None:
    """A relayed message has exactly three."""
    rows = found(MoreKeys())
    assert {"a join reaches HOST", "offer and answer are relayed"} <= rows.keys()


def test_an_overtaking_candidate_is_shown() -> None:
    """It is what came where the offer was expected."""
    (row,) = found(Overtaking()).values()
    assert '"type":"offer"' in row.expected
    assert '"type":"ice-candidate"' in row.came
