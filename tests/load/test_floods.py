"""Floods of one hostile guest: memory is bounded, and another player hardly notices."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.load.figures import Record, show
from tests.load.floods import FLOODS
from tests.load.observed import emulator
from tests.support.process import ROOT

# Times are compared, which only a quiet machine allows; and a flood takes a minute.
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(300)]

MAX_MIB = 200
SLOWER = 3
"""Most times that the median of a ping may take of what it takes without a flood."""


async def flooded(name: str, tmp_path: Path) -> dict[str, float]:
    """Flood an emulator; return the medians of a ping, and the peak of the memory."""
    flood = FLOODS[name]
    options = [str(tmp_path / "r.jsonl") if each == "FILE" else each for each in flood.options]
    with emulator(*options) as observed:
        program = (sys.executable, "-m", "tests.load.floods", observed.url, name, str(flood.times))
        process = await asyncio.create_subprocess_exec(*program, cwd=ROOT, stdout=-1)
        told, _ = await process.communicate()
        found: dict[str, float] = json.loads(told)
        return found | {"peak_mib": observed.peak_mib()}


@pytest.mark.parametrize("name", [name for name in FLOODS if name != "members"])
async def test_a_flood_fills_no_memory_and_delays_nobody(
    name: str, tmp_path: Path, record_property: Record
) -> None:
    """One guest sends as fast as it is answered."""
    found = await flooded(name, tmp_path)
    show(record_property, name, **found)
    assert found["peak_mib"] <= MAX_MIB
    if FLOODS[name].connections == 1:
        # Below half a millisecond, the machine is measured.
        assert found["during_ms"] <= SLOWER * max(found["before_ms"], 0.5)


async def test_a_message_of_many_members_costs_as_much_as_any(tmp_path: Path) -> None:
    """Six guests at once: others wait for their messages, whatever is in them."""
    plain, members = await flooded("plain", tmp_path), await flooded("members", tmp_path)
    assert members["during_ms"] <= SLOWER * plain["during_ms"]
