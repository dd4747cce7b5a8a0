"""Pages of a real browser, which run the plain client beside this file."""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, WebSocketRoute, async_playwright

Route = Callable[[WebSocketRoute], None]
"""A handler of the WebSocket between a page and the gateway."""

CLIENT = Path(__file__).parent / "plain-client.js"

PATIENCE_S = 30
"""Seconds for a whole handshake on a busy machine; it usually takes a fraction of a second."""

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    # A test connects only to the emulator.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Names like ….local need mDNS, which a busy machine does not always answer in time.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]

_EMPTY_PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\nConnection: close\r\n"
    b"\r\n<!doctype html>"
)

# The shell is the same browser without windows, and takes half of the CPU time.
_NAMES = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
]

# Script of a page: it reports the client's events to the test, and lets the test act.
_HARNESS = """
const channels = new Map();
const sent = [];
let table;

function sit(url, game, name, ticket) {
  const onChannel = (channel, other) => {
    channels.set(other, channel);
    channel.onmessage = ({ data }) => tellHeard(other, data);
    tellChannel(other);
  };
  const onProblem = ({ type, name, payload, code, message }) =>
    tellProblem({ type: type ?? name, payload, code, message });
  table = connectTable(url, { game, name, ticket, onChannel, onProblem, iceServers: [] });
  const send = table.socket.send.bind(table.socket);
  table.socket.send = (text) => { sent.push(text); send(text); };
  return new Promise((resolve) => {
    table.socket.addEventListener("open", () => resolve(true));
    table.socket.addEventListener("close", () => resolve(false));
  });
}

function gathered(other) {
  const peer = table.peers.get(other);
  return new Promise((resolve) => {
    peer.addEventListener("icecandidate", ({ candidate }) => { if (!candidate) resolve(); });
    if (peer.iceGatheringState === "complete") resolve();
  });
}
"""


def installed_browser() -> str:
    """Return the path of a Chromium; without one, skip, or fail where ``CI`` is set."""
    chosen = os.environ.get("CHROMIUM_PATH")
    if chosen:
        return chosen
    for name in _NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    missing = f"no browser: none of {', '.join(_NAMES)} on PATH, and CHROMIUM_PATH is not set"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


class Seat:
    """A page with a seat in a game; its queues get the events of its client at once."""

    def __init__(self, page: Page) -> None:
        self.channels: asyncio.Queue[str] = asyncio.Queue()
        """Name of the other peer, for each data channel that has opened."""
        self.heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        """Sender and text of each message that arrived on a data channel."""
        self.problems: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._page = page

    async def sit(self, url: str, game: str, name: str, ticket: str | None = None) -> bool:
        """Connect as a player; return whether the gateway accepts the connection."""
        page = self._page
        await page.expose_function("tellChannel", self.channels.put_nowait)
        await page.expose_function(
            "tellHeard", lambda who, what: self.heard.put_nowait((who, what))
        )
        await page.expose_function("tellProblem", self.problems.put_nowait)
        await page.add_script_tag(path=CLIENT)
        await page.add_script_tag(content=_HARNESS)
        return bool(await page.evaluate("seat => sit(...seat)", [url, game, name, ticket]))

    async def say(self, other: str, text: str) -> None:
        """Send a message over the data channel to another player."""
        await self._page.evaluate("say => channels.get(say[0]).send(say[1])", [other, text])

    async def leave(self) -> None:
        """Close the socket, and wait until its close event."""
        await self._page.evaluate("table.socket.close()")
        while (await self.problems.get())["type"] != "close":
            pass

    async def signal(self, text: str) -> None:
        """Send the gateway a text that the client itself would not send."""
        await self._page.evaluate("text => table.socket.send(text)", text)

    async def sent(self, other: str) -> list[dict[str, Any]]:
        """Return all messages sent to the gateway, once all candidates are gathered."""
        await self._page.evaluate("other => gathered(other)", other)
        return [json.loads(text) for text in await self._page.evaluate("sent")]


class Laptop:
    """A browser, and a web server for its pages.

    Without a server, from ``about:blank``, Chromium allows no connection to this machine:
    https://developer.chrome.com/docs/modern-web-guidance/guides/security/local-network-access
    """

    def __init__(self, browser: Browser, origin: str) -> None:
        self._browser = browser
        self._origin = origin

    @asynccontextmanager
    async def page(self, route: Route | None = None) -> AsyncGenerator[Seat, None]:
        """Open a page with its own profile; ``route`` handles its WebSocket to the gateway.

        Raises:
            TimeoutError: the block takes longer than PATIENCE_S.
        """
        async with await self._browser.new_context() as context:
            page = await context.new_page()
            uncaught: list[str] = []
            page.on("pageerror", lambda error: uncaught.append(str(error)))
            if route is not None:
                await page.route_web_socket("**", route)
            await page.goto(self._origin)
            async with asyncio.timeout(PATIENCE_S):
                yield Seat(page)
            assert uncaught == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncGenerator[Browser, None]:
    """Yield one browser for all tests of a process, because its start takes a second."""
    path = installed_browser()
    async with async_playwright() as playwright:
        chromium = playwright.chromium
        async with await chromium.launch(executable_path=path, args=ARGUMENTS) as launched:
            yield launched


@asynccontextmanager
async def serving_pages(browser: Browser) -> AsyncGenerator[Laptop, None]:
    """Start the web server; yield it with the browser."""
    async with await asyncio.start_server(_serve_empty_page, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield Laptop(browser, f"http://{host}:{port}/")


async def _serve_empty_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Browsers also open connections that they never use.
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_EMPTY_PAGE)
        await writer.drain()
    writer.close()
