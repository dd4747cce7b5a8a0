"""The properties hold in every schedule: 200 by default, more with ``SCHEDULES=10000``.

``SCHEDULE=1234`` plays only that one and prints its story.
"""

import os

import pytest

from tests.adversity.hosts import HOSTS
from tests.adversity.scheduler import first_failure, play
from tests.support import tiers

SCHEDULES = tiers.SCHEDULES
ONE = os.environ.get("SCHEDULE")


@pytest.mark.skipif(ONE is not None, reason="one schedule was asked for")
@pytest.mark.timeout(60 + SCHEDULES // 2)
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("later", [False, True], ids=["bare", "later"])
def test_every_schedule_keeps_the_rules(host: str, later: bool) -> None:
    """The properties hold for any interleaving, delay, loss and failure."""
    failure = first_failure(range(SCHEDULES), host, later)
    assert failure is None, failure[1]


@pytest.mark.skipif(ONE is None, reason="SCHEDULE=1234 prints the story of a schedule")
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("later", [False, True], ids=["bare", "later"])
def test_a_schedule_tells_its_story(
    host: str, later: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same number produces the same story."""
    story = play(int(ONE or 0), host, later)
    assert story == play(int(ONE or 0), host, later)
    with capsys.disabled():
        print(f"\nschedule {ONE} on {host}, later {later}", *story, sep="\n")
