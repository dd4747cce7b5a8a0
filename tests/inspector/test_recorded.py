"""Files of --record and import-logs, opened in the inspector."""

import pytest
from playwright.async_api import expect

from poker_signal.emulator.recording import format as recording
from poker_signal.emulator.recording.log_import import entries_of as entries_of_logs
from tests.emulator.recorded import entries_of, table
from tests.emulator.recording.test_log_import import ID, LINES
from tests.inspector.inspected import Inspected

PATIENCE_MS = 40_000

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_recording_is_opened_with_its_header_and_its_gaps(inspected: Inspected) -> None:
    """A redacted recording opens with its header and gaps, and a handshake has its card."""
    header = recording.header(1, "poker-signal", None, "addresses and secrets")
    entries = await entries_of(table)
    gap = recording.gap(len(entries), entries[-1]["at"], 3, "the disk did not keep up")
    lines = [recording.line(value).decode() for value in (header, *entries, gap)]
    await inspected.open_recording("".join(lines))
    await expect(inspected.card("Anna → HOST")).to_be_visible(timeout=PATIENCE_MS)
    joins = [label for label in await inspected.labels() if label.startswith("join ")]
    assert joins == ["join from Anna to HOST", "join from Zoë to HOST"]
    await expect(inspected.page.locator("#notice")).to_be_hidden()


async def test_the_functions_log_is_seen_as_arrows(inspected: Inspected) -> None:
    """An imported log of the function is shown as arrows, with connections as lanes."""
    header = recording.header(1, "poker-signal", None, "names, messages")
    lines = [recording.line(value).decode() for value in (header, *entries_of_logs(LINES))]
    await inspected.open_recording("".join(lines))
    await expect(inspected.page.locator("#lanes")).to_contain_text(ID, timeout=PATIENCE_MS)
    labels = await inspected.labels()
    assert [label.split(" ")[0] for label in labels] == [
        "connect", "join", "offer", "message", "handler", "closed",
    ]  # fmt: skip
