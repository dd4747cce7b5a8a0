"""The probe: a page does not notice it, and the emulator learns what its WebRTC does."""

import asyncio
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import NamedTuple

import pytest
from playwright.async_api import Browser, Page

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.inspector.probing import both, opened, page_with, reports, served
from tests.support import tiers

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

_OFFER = """
async () => {
  const pc = new RTCPeerConnection();
  pc.createDataChannel("x");
  const { sdp } = await pc.createOffer();
  pc.close();
  return sdp;
}
"""


@pytest.mark.parametrize("script", ["looks()", "failures(sdp)", "callbacks(sdp)", "rejections()"])
async def test_a_page_sees_the_same(browser: Browser, emulator: Emulator, script: str) -> None:
    """Classes, errors, callbacks and unhandled rejections are the browser's own."""

    async def look(page: Page) -> object:
        sdp = await page.evaluate(_OFFER)
        return await page.evaluate(f"(sdp) => {script}", sdp)

    without, with_ = await both(browser, emulator, look)
    assert len(without) > 5
    assert with_ == without
    assert any(entry["event"] == "call" for entry in reports(emulator))


async def test_a_page_sees_the_same_in_its_handshakes(browser: Browser) -> None:
    """Two pages: the same order of calls and events in each handshake, and no leak."""
    seen = {}
    for probe in (False, True):
        async with Emulator(Settings(port=0, message_rate=0)) as emulator:
            seen[probe] = await handshakes(browser, emulator, tiers.PROBED_HANDSHAKES, probe)
    for side, role in enumerate(("HOST", "Alice")):
        without, with_ = seen[False][side], seen[True][side]
        print(f"{role}: {without.told} without the probe, {with_.told} with it")
        assert with_.orders == without.orders
        assert with_.events == without.events
        # The last connections may still be on the stack of a promise.
        assert with_.alive <= without.alive + 2


class Seen(NamedTuple):
    """Observations of one page in many handshakes."""

    orders: set[str]
    """Orders of calls and signaling states."""
    events: set[str]
    """Successive events of each type."""
    alive: int
    """Connections that exist after the garbage collection."""
    told: str


async def handshakes(browser: Browser, emulator: Emulator, count: int, probe: bool) -> list[Seen]:
    """Do handshakes in two pages; return the observations of both."""
    head = page_with(f"{emulator.inspector_url}probe.js" if probe else None)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(head))
        pages = [await stack.enter_async_context(opened(browser, url)) for _ in "12"]
        names = ("HOST", "Alice")
        for page, name in zip(pages, names, strict=True):
            await page.evaluate(
                "(seat) => { globalThis.seat = new Handshakes(...seat); return seat.isOpen; }",
                [emulator.url, "GAME01", name],
            )
        warm = min(count, 10)
        await asyncio.gather(*(page.evaluate("(count) => seat.run(count)", warm) for page in pages))
        before = [await heap(page) for page in pages]
        runs = await asyncio.gather(
            *(page.evaluate("(count) => seat.run(count)", count) for page in pages)
        )
        found = []
        for page, run, was in zip(pages, runs, before, strict=True):
            await page.evaluate("seat.logs = []")
            grown = (await heap(page) - was) / count
            alive = await page.evaluate("seat.alive")
            told = f"{run['ms']:.2f} ms and {grown:.0f} B of heap per handshake, {alive} alive"
            orders = {"\n".join(log["order"]) for log in run["logs"]}
            # Pairs, because a handshake may end before the last of these events.
            events = {
                f"{type_}: {first} → {second}"
                for log in run["logs"]
                for type_, each in log["events"].items()
                for first, second in pairwise(["", *each])
            }
            found.append(Seen(orders, events, alive, told))
        return found


async def heap(page: Page) -> int:
    """Return the bytes in use after two garbage collections."""
    session = await page.context.new_cdp_session(page)
    for _ in range(2):
        await session.send("HeapProfiler.collectGarbage")
        await page.evaluate("new Promise((resolve) => { setTimeout(resolve); })")
    used = await session.send("Runtime.getHeapUsage")
    await session.detach()
    return int(used["usedSize"])
