"""The ring as a recording."""

import asyncio
import json

from poker_signal.emulator.inspector.download import download
from poker_signal.emulator.inspector.redaction import Redaction
from poker_signal.emulator.trace import Refused, Trace


async def test_all_entries_come_in_their_order() -> None:
    """In as many turns as it takes, and what happens meanwhile is not waited for."""
    trace = Trace()
    for number in range(500):
        trace.add(Refused(number, None, "GET", "/", 403, "10.11.12.13"))
    done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    turns: list[int] = []

    def count() -> None:
        if not done.done():
            turns.append(1)
            trace.add(Refused(0, None, "GET", "/later", 403, ""))
            asyncio.get_running_loop().call_soon(count)

    asyncio.get_running_loop().call_soon(count)
    download(trace, Redaction(), done.set_result)
    lines = (await asyncio.wait_for(done, 10)).decode().splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(500))
    assert json.loads(lines[0])["reason"] == "10.0.0.1"


async def test_a_trace_without_entries_is_an_empty_recording() -> None:
    """And not one that never comes."""
    told: list[bytes] = []
    download(Trace(), None, told.append)
    assert told == [b""]
