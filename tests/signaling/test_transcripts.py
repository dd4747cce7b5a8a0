"""Transcripts of connects, messages and frames: the same bytes on every host."""

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
    """Every host sends the frames of a transcript, byte for byte, and no others."""
    async with make_host(rules) as host:
        await hold(steps, host)
