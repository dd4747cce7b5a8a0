"""Pages under development: served from another port, with the probe or without it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.trace.as_json import as_json
from tests.end_to_end.browser import CLIENT

SCRIPT = Path(__file__).with_name("probed.js")

_SIT = """
([url, game, name]) => {
  globalThis.problems = [];
  const opened = new Promise((resolve) => {
    const onProblem = (problem) => problems.push(problem?.message ?? problem?.type);
    globalThis.table = connectTable(url, { game, name, onChannel: resolve, onProblem });
  });
  globalThis.isConnected = opened.then(() => true);
  return new Promise((resolve) => { table.socket.addEventListener("open", () => resolve(true)); });
}
"""


def page_with(url: str | None, head: str = "") -> str:
    """Return a page; ``url`` is that of its probe, None: it has none."""
    probe = "" if url is None else f'<script src="{url}"></script>'
    return f"<!doctype html><meta charset=utf-8>{head}{probe}<title>app</title>"


@asynccontextmanager
async def served(
    text: str, host: str = "127.0.0.1", headers: str = ""
) -> AsyncGenerator[str, None]:
    """Serve one page at a port of its own; yield its URL."""
    body = text.encode()
    answer = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
        f"{headers}Connection: close\r\n\r\n"
    ).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer + body)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, host, 0) as server:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}/"


@asynccontextmanager
async def opened(browser: Browser, url: str) -> AsyncGenerator[Page, None]:
    """Open a URL in a profile of its own."""
    async with await browser.new_context() as context:
        yield await page_in(context, url)


async def page_in(context: BrowserContext, url: str) -> Page:
    """Open a URL, with the client of examples/ and the scripts of probed.js."""
    page = await context.new_page()
    await page.goto(url)
    for file in (CLIENT, SCRIPT):
        # Not a script element, which a page's policy may forbid.
        await page.evaluate("(text) => { (0, eval)(text); }", file.read_text(encoding="utf-8"))
    return page


async def sit(page: Page, url: str, name: str, game: str = "GAME01") -> None:
    """Connect a page as a player; return when its socket is open."""
    assert await page.evaluate(_SIT, [url, game, name])


def reports(emulator: Emulator) -> list[dict[str, Any]]:
    """Return the entries of the probe."""
    entries = (as_json(*each) for each in emulator.trace.since(0))
    return [entry for entry in entries if entry["kind"] == "probe"]


async def reported(
    emulator: Emulator, wanted: Callable[[dict[str, Any]], bool], count: int = 1
) -> list[dict[str, Any]]:
    """Wait for entries of the probe; return them."""
    while len(found := [entry for entry in reports(emulator) if wanted(entry)]) < count:
        added = asyncio.Event()
        emulator.trace.when_something_happens(added.set)
        await added.wait()
    return found


async def both(
    browser: Browser, emulator: Emulator, look: Callable[[Page], Awaitable[Any]]
) -> tuple[Any, Any]:
    """Return observations of a page without the probe, and of one with it that reports."""
    found = []
    for probe in (None, f"{emulator.inspector_url}probe.js"):
        async with served(page_with(probe)) as url, opened(browser, url) as page:
            await sit(page, emulator.url, "Alice")
            found.append(await look(page))
    return found[0], found[1]
