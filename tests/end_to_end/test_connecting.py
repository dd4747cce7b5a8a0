"""Code blocks of docs/connecting.md and README.md, run."""

import asyncio
import functools
import re
import shutil
import threading
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from poker_signal.emulator.testing import ConnectPeer, SignalEmulator
from tests.end_to_end.browser import PATIENCE_S

ROOT = Path(__file__).parents[2]
URL = "ws://127.0.0.1:3001/prod"
INSPECTOR = "http://127.0.0.1:3001/_inspect/"
GAME = "AAAAAA"


def block(language: str, page: str = "docs/connecting.md") -> str:
    """Return the last code block of a page in a language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return str(re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[-1])


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Write no access log."""


@contextmanager
def http_server(folder: Path) -> Generator[str, None, None]:
    """Serve a folder, as ``python -m http.server`` does; yield the URL."""
    handler = functools.partial(_Silent, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@asynccontextmanager
async def two_pages(
    browser: Browser, html: str, folder: Path, url: str
) -> AsyncGenerator[tuple[str, Page, Page], None]:
    """Serve a page for a server with this URL; yield its URL and two pages of a browser."""
    assert html.count(URL) == html.count(INSPECTOR) == 1
    authority = url.split("/")[2]
    html = html.replace(URL, url).replace(INSPECTOR, f"http://{authority}/_inspect/")
    (folder / "index.html").write_text(html, encoding="utf-8")
    with http_server(folder) as site:
        async with await browser.new_context() as context:
            yield site, await context.new_page(), await context.new_page()


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_two_pages_say_hello(
    browser: Browser, signal_emulator: SignalEmulator, tmp_path: Path
) -> None:
    """Host and player of docs/connecting.md greet each other over a data channel."""
    async with two_pages(browser, block("html"), tmp_path, signal_emulator.url) as served:
        site, host, player = served
        for seat, name, query in ((host, "HOST", ""), (player, "Zoë", "?name=Zoë")):
            await seat.goto(site + query)
            await expect(seat.locator("li").first).to_have_text(
                f"{name} is at the table", timeout=PATIENCE_S * 1000
            )
        for seat, words in ((host, "Zoë says hello, HOST"), (player, "HOST says hello, Zoë")):
            await expect(seat.locator("ul")).to_contain_text(words, timeout=PATIENCE_S * 1000)


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_the_page_of_the_readme_connects(
    browser: Browser, signal_emulator: SignalEmulator, tmp_path: Path
) -> None:
    """The player of README.md logs the host's greeting."""
    html = block("html", "README.md")
    async with two_pages(browser, html, tmp_path, signal_emulator.url) as served:
        site, host, player = served
        await host.goto(site)
        async with player.expect_console_message(
            lambda message: message.text == "HOST says hello, Alice", timeout=PATIENCE_S * 1000
        ):
            await player.goto(f"{site}?name=Alice")


@pytest.mark.process
async def test_a_node_program_plays_a_player(
    signal_emulator: SignalEmulator, signal_peer: ConnectPeer, tmp_path: Path
) -> None:
    """The Node program of the document answers the offer of a scripted host."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on PATH")
    (tmp_path / "player.mjs").write_text(block("js"), encoding="utf-8")
    host = await signal_peer("HOST", GAME)
    # Before Node 22, WebSocket needs this option; later versions ignore it.
    program = await asyncio.create_subprocess_exec(
        *(node, "--no-warnings", "--experimental-websocket", "player.mjs", signal_emulator.url),
        cwd=tmp_path,
        stdout=PIPE,
    )
    assert (await host.expect("join", within=PATIENCE_S)).payload == {"playerName": "Zoë"}
    await host.send("offer", "Zoë 🂡", {"type": "offer", "sdp": "v=0"})
    answer = await host.expect("answer", sender="Zoë 🂡")
    assert answer.payload == {"type": "answer", "sdp": "v=0"}
    said, _ = await program.communicate()
    assert said.decode() == "offer { type: 'offer', sdp: 'v=0' }\nclosed 1000\n"
