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


COMPARED = {"members": "plain", "record": "record plain", "record addresses": "record plain"}
"""Floods of odd messages, each with one of usual messages of the same size."""


@pytest.mark.parametrize("name", [name for name in FLOODS if name not in COMPARED])
async def test_a_flood_fills_no_memory_and_delays_nobody(
    name: str, tmp_path: Path, record_property: Record
) -> None:
    """One guest sends as fast as it is answered; several wait for each other's messages."""
    found = await flooded(name, tmp_path)
    show(record_property, name, **found)
    assert found["peak_mib"] <= MAX_MIB
    if FLOODS[name].connections == 1 and name not in COMPARED.values():
        # Below half a millisecond, the machine is measured.
        assert found["during_ms"] <= SLOWER * max(found["before_ms"], 0.5)


@pytest.mark.parametrize(("name", "usual"), COMPARED.items())
async def test_an_odd_message_delays_others_no_more_than_a_usual_one(
    name: str, usual: str, tmp_path: Path, record_property: Record
) -> None:
    """The content makes no difference, only the length: neither read nor redacted."""
    usually, found = await flooded(usual, tmp_path), await flooded(name, tmp_path)
    show(record_property, name, **found, usually_ms=usually["during_ms"])
    assert found["peak_mib"] <= MAX_MIB
    assert found["during_ms"] <= SLOWER * usually["during_ms"]
