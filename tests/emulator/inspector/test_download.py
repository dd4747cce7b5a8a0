"""Download of the trace as a recording."""

import asyncio
import json
import threading

from poker_signal.emulator.inspector.download import Download
from poker_signal.emulator.inspector.turns import Turns
from poker_signal.emulator.recording.format import header
from poker_signal.emulator.recording.redaction import Redaction
from poker_signal.emulator.trace.entries import RequestRefused
from poker_signal.emulator.trace.trace import Trace

HEADER = header(1, "poker-signal 0", None, "addresses and secrets")


async def test_all_entries_come_in_their_order() -> None:
    """The header comes first; entries that are added during the download are left out."""
    trace = Trace()
    for number in range(500):
        trace.add(RequestRefused(number, None, "GET", "/", 403, "10.11.12.13"))
    done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def go_on() -> None:
        if not done.done():
            trace.add(RequestRefused(0, None, "GET", "/later", 403, ""))
            asyncio.get_running_loop().call_later(0.001, go_on)

    empty: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    Download(Trace(), Turns(), HEADER, Redaction(), threading.Lock(), empty.set_result)
    assert json.loads(await asyncio.wait_for(empty, 10)) == HEADER
    Download(trace, Turns(), HEADER, Redaction(), threading.Lock(), done.set_result)
    go_on()
    first, *lines = (await asyncio.wait_for(done, 10)).decode().splitlines()
    assert json.loads(first) == HEADER
    assert [json.loads(line)["n"] for line in lines] == list(range(500))
    assert json.loads(lines[0])["reason"] == "10.0.0.1"
