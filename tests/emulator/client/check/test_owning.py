"""Names that are taken from their owners, and in which rows that is found."""

import pytest

from tests.emulator.client.check.broken import Fault, found
from tests.emulator.client.check.faults import FirstHost, Forgets, Keeps, OneSession


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            Forgets("session"),
            {
                "malformed sessions are refused with 400",
                "a session takes its seat over",
                "a protected HOST: others get 409",
                "a HOST restarts with its session",
            },
        ),
        (OneSession(), {"another session does not", "a protected HOST: others get 409"}),
        (FirstHost(), {"without sessions the newest HOST is it"}),
    ],
    ids=["sessions ignored", "sessions mixed", "hosts mixed"],
)
def test_a_wrong_owner_is_found(fault: Fault, expected: set[str]) -> None:
    """In the rows that are about it, and in no other."""
    assert found(fault).keys() == expected


def test_a_ghost_that_stays_is_shown() -> None:
    """With how long the player tried."""
    row = found(Keeps())["a ghost does not lock its player out"]
    assert "still" in row.came
    assert "DUPLICATE_NAME" in row.came
