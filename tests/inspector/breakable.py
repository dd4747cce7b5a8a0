"""Games of a breakage: pages of a real Chromium, an emulator, and the logs of the pages.

Every peer is a page of its own, in a frame (breakable-hall.html). Its log says what happened in
it, and is independent of the inspector and of the probe.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple, cast
from urllib.parse import quote, unquote, urlsplit

from playwright.async_api import Browser, Page

from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.as_json import as_json
from poker_signal.emulator.trace.entries import Probed
from tests.inspector.breakages import Breakage

PATIENCE_S: Final = 50
"""Seconds for one game on a busy machine. The slowest wait for the end of ICE, 15 s."""

AT_ONCE: Final = 12
"""Games that are played at the same time."""

FILES: Final = {
    f"/{path.name}": path.read_bytes() for path in Path(__file__).parent.glob("breakable-*")
}


class Played(NamedTuple):
    """A game that has ended."""

    breakage: Breakage
    game: str
    """Code of the game that the judged player connected to."""
    logs: Mapping[str, list[str]]
    """Lines of each page, by the name of its peer."""
    entries: list[dict[str, Any]]
    """Trace of the emulator about games with this code."""
    waited_for: str
    """Line that the game waited for in vain; empty: it ended."""

    @property
    def is_connected(self) -> bool:
        """True if both peers of the judged attempt have a connection at the end."""
        pair = [self.logs.get(name, []) for name in self.breakage.judged]
        return all(_is_connected(log, self.breakage.has_channel) for log in pair)

    @property
    def was_connected(self) -> bool:
        """True if the player of the judged attempt had a connection at any time."""
        line = "channel open" if self.breakage.has_channel else "peer connected"
        return any(text.startswith(line) for text in self.logs[self.breakage.judged[1]])


def _is_closing(entry: dict[str, Any]) -> bool:
    return (entry["kind"], entry.get("event"), entry.get("state")) == ("probe", "socket", "closed")


def _is_connected(log: list[str], has_channel: bool) -> bool:
    if not has_channel:
        states = [line for line in log if line.startswith("peer ")]
        return bool(states) and states[-1] == "peer connected"
    opened = sum(line.startswith("channel open") for line in log)
    return opened > sum(line.startswith("channel closed") for line in log)


class _RefusingTurn(asyncio.DatagramProtocol):
    """TURN server that refuses every password: it answers each Allocate with 401 (RFC 8656)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer with ERROR-CODE, REALM and NONCE."""
        attributes = b"".join(
            struct.pack("!HH", kind, len(value)) + value
            for kind, value in ((0x09, b"\0\0\x04\x01"), (0x14, b"test"), (0x15, b"once"))
        )
        head = struct.pack("!HH", 0x0113, len(attributes))
        self._transport.sendto(head + data[4:20] + attributes, addr)


def _own_address() -> str:
    """Return the address of this machine that its default route uses; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):
            probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


class Hall:
    """A page of Chromium in which games are played."""

    def __init__(self, page: Page, origin: str, turn: str, emulator: Emulator) -> None:
        self._page = page
        self._origin = origin
        self._turn = turn
        self._emulator = emulator
        """Emulator of all games without faults."""
        self._codes = count(1)
        self._places = asyncio.Semaphore(AT_ONCE)

    async def play(self, breakage: Breakage, *, probe: bool) -> Played:
        """Play a game to its end; return what happened."""
        async with self._places, AsyncExitStack() as stack:
            emulator = self._emulator
            if breakage.faults or breakage.is_alone:
                faults = Faults(breakage.faults)
                emulator = await stack.enter_async_context(
                    Emulator(Settings(port=0, later=False), faults=faults)
                )
            code = f"GAME{next(self._codes):03}"
            first = emulator.trace.next_number
            waited_for = ""
            try:
                async with asyncio.timeout(PATIENCE_S):
                    waited_for = "the pages to enter"
                    await self._enter(breakage, code, emulator, probe)
                    for line in breakage.ends:
                        waited_for = line
                        await self._until(code, line)
                    # A channel that would open has had the time for it.
                    await self._page.evaluate("handshake()")
                waited_for = ""
            except TimeoutError:
                pass
            logs = {
                each.key: await self._page.evaluate(
                    "id => logs.get(id) ?? []", f"{code}/{each.key}"
                )
                for each in breakage.cast
            }
            last = emulator.trace.next_number
            if probe and not waited_for:
                await self._hang_up(breakage, code, emulator, last)
            entries = [as_json(number, entry) for number, entry in emulator.trace.since(first)]
            for each in breakage.cast:
                await self._page.evaluate("id => end(id)", f"{code}/{each.key}")
            is_own = emulator is not self._emulator
            kept = [
                entry
                for entry in entries
                if (is_own or entry.get("gameId", "").startswith(code))
                and (entry["n"] < last or (entry["kind"] == "probe" and not _is_closing(entry)))
            ]
            return Played(breakage, code + breakage.game_end, logs, kept, waited_for)

    async def _hang_up(self, breakage: Breakage, code: str, emulator: Emulator, next_: int) -> None:
        """Close the sockets that are open, and wait for the reports of it: the probe's last."""
        ids = [f"{code}/{each.key}" for each in breakage.cast]
        missing = await self._page.evaluate("ids => ids.filter(hangUp).length", ids)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                changed = asyncio.Event()
                emulator.trace.when_something_happens(changed.set)
                for number, entry in emulator.trace.since(next_):
                    next_ = number + 1
                    told = as_json(number, entry) if isinstance(entry, Probed) else None
                    if told and _is_closing(told) and told["gameId"].startswith(code):
                        missing -= 1
                if missing <= 0:
                    return
                await changed.wait()

    async def _enter(self, breakage: Breakage, code: str, emulator: Emulator, probe: bool) -> None:
        """Open the pages one after the other, each when the socket before it is open or refused."""
        script = f"{emulator.inspector_url}probe.js" if probe else ""
        for each in breakage.cast:
            seat = {
                "id": f"{code}/{each.key}",
                "name": each.name,
                "game": code + each.game_end,
                "hosts": each.hosts,
                "url": emulator.url,
                "turn": self._turn,
                "patch": each.patch,
            }
            source = f"{self._origin}breakable-page.html?{quote(script)}#{quote(json.dumps(seat))}"
            await self._page.evaluate("seat => enter(...seat)", [seat["id"], source])
            await self._until(code, f"{each.key}: {each.ready}")

    async def _until(self, code: str, lines: str) -> None:
        """Wait for a line ``page: beginning``; ``a|b`` are two, the first counts."""
        waits = [f"{code}/{line}".split(": ", 1) for line in lines.split("|")]
        await self._page.evaluate("waits => Promise.race(waits.map((w) => until(...w)))", waits)


@asynccontextmanager
async def hall(browser: Browser) -> AsyncGenerator[Hall, None]:
    """Open a hall, its web server, and an emulator."""
    async with AsyncExitStack() as stack:
        server = await asyncio.start_server(_serve, "127.0.0.1", 0)
        await stack.enter_async_context(server)
        emulator = await stack.enter_async_context(Emulator(Settings(port=0, later=False)))
        context = await stack.enter_async_context(await browser.new_context())
        page = await context.new_page()
        host, port = server.sockets[0].getsockname()
        origin = f"http://{host}:{port}/"
        await page.goto(f"{origin}breakable-hall.html")
        await page.evaluate("handshake()")
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(_RefusingTurn, (_own_address(), 0))
        stack.callback(transport.close)
        turn = "turn:{}:{}".format(*transport.get_extra_info("sockname"))
        yield Hall(page, origin, turn, emulator)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve the files; the query of a page is the URL of its probe."""
    try:
        request = await reader.readuntil(b"\r\n\r\n")
        url = urlsplit(request.split()[1].decode())
        body = FILES.get(url.path, b"")
        if url.query:
            body = f'<script src="{unquote(url.query)}"></script>\n'.encode() + body
        kind = "text/javascript" if url.path.endswith(".js") else "text/html"
        status = "200 OK" if body else "404 Not Found"
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # Browsers also open connections that they never use.
    finally:
        writer.close()
