"""Who connects, who says what, and who must hear what: the same bytes on every host."""

import pytest

from poker_signal.core.configuration import Rules
from tests.signaling.conftest import MakeHost
from tests.signaling.transcripts import CASES, Step, hold


@pytest.mark.parametrize(
    ("rules", "steps"), [case[::2] for case in CASES], ids=[case[1] for case in CASES]
)
async def test_a_transcript_is_the_same_on_every_host(
    rules: Rules, steps: list[Step], make_host: MakeHost
) -> None:
    """Byte for byte; and nobody hears anything that is not in it."""
    async with make_host(rules) as host:
        await hold(steps, host)
