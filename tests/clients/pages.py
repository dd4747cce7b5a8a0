"""Pages of Chromium and Firefox that run harness.js, and the web server that they come from."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from playwright.async_api import Browser, Page

from tests.clients.aiortc_end import AiortcEnd
from tests.end_to_end.firefox import Session

HERE = Path(__file__).parent

_INDEX = '<!doctype html><meta charset="utf-8"><script type="module" src="/harness.js"></script>'


class AnyPage(Protocol):
    """A page of either browser."""

    async def goto(self, url: str) -> None:
        """Load a URL."""

    async def reload(self) -> None:
        """Reload the page."""

    async def evaluate(self, function: str, argument: Any = None) -> Any:
        """Call a JavaScript function with a JSON argument; return its result."""

    async def close(self) -> None:
        """Close the page."""


class ChromiumPage:
    """A page of Chromium."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def goto(self, url: str) -> None:
        """Load a URL."""
        await self._page.goto(url)

    async def reload(self) -> None:
        """Reload the page."""
        await self._page.reload()

    async def evaluate(self, function: str, argument: Any = None) -> Any:
        """Call a JavaScript function with a JSON argument; return its result."""
        return await self._page.evaluate(function, argument)

    async def close(self) -> None:
        """Close the page and its profile."""
        await self._page.context.close()


class End:
    """One end of some games: a page that hosts them or plays in them."""

    def __init__(self, page: AnyPage) -> None:
        self._page = page

    async def start(
        self,
        url: str,
        client: str,
        codes: Sequence[str],
        *,
        hosts: bool,
        cuts: Sequence[int] = (),
        rtc: dict[str, Any] | None = None,
        field: bool = False,
    ) -> None:
        """Start the games; ``cuts`` are the steps at which their first sockets die, 0 for none."""
        games = [
            {"code": code, "cut": cut}
            for code, cut in zip(codes, cuts or [0] * len(codes), strict=True)
        ]
        rtc = rtc or {}
        spec = {"url": url, "client": client, "games": games, "hosts": hosts, "rtc": rtc}
        await self.call("start", {**spec, "field": field})

    async def talk(self, round_: str) -> int:
        """Exchange a hundred messages each way in all games; return in how many that worked."""
        return int(await self.call("talk", round_))

    async def reload(self) -> None:
        """Reload the page, which starts its games again."""
        await self._page.reload()
        await self._page.evaluate("async () => { await globalThis.ready; }")

    async def call(self, name: str, argument: Any = None) -> Any:
        """Call a function of harness.js."""
        return await self._page.evaluate(f"async (given) => await {name}(given)", argument)


@asynccontextmanager
async def ends_of(
    *browsers: Browser | Session | AiortcEnd, site: str
) -> AsyncGenerator[list[Any], None]:
    """Open a page with a profile of its own in each browser; aiortc needs none."""
    async with AsyncExitStack() as stack:
        ends: list[End | AiortcEnd] = []
        for browser in browsers:
            if isinstance(browser, AiortcEnd):
                ends.append(browser)
                continue
            page: AnyPage
            if isinstance(browser, Session):
                page = await browser.page()
            else:
                page = ChromiumPage(await (await browser.new_context()).new_page())
            stack.push_async_callback(page.close)
            await page.goto(site)
            await page.evaluate("async () => { await globalThis.ready; }")
            ends.append(End(page))
        yield ends


@asynccontextmanager
async def serving_harness() -> AsyncGenerator[str, None]:
    """Serve the harness's page; yield its URL."""
    async with await asyncio.start_server(_serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}/"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Browsers also open connections that they never use.
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        request = await reader.readuntil(b"\r\n\r\n")
        name = request.split()[1].decode().strip("/").partition("?")[0]
        kind, body = "text/html", _INDEX
        if name.endswith(".js"):
            kind, body = "text/javascript", (HERE / name).read_text(encoding="utf-8")
        content = body.encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}; charset=utf-8\r\n"
        head += f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()
    writer.close()


def told(story: Any) -> str:
    """Return a page's story as text, for the message of a failed test."""
    return json.dumps(story, ensure_ascii=False, indent=1)
