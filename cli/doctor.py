"""poker-signal doctor."""

import asyncio
import email.utils
import importlib.metadata
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple
from urllib.parse import urlsplit

import click

from poker_signal.cli.address import server_url
from poker_signal.cli.running import run_until_interrupted
from poker_signal.cli.ticket import tickets_of
from poker_signal.core.model import HOST
from poker_signal.emulator import extras
from poker_signal.emulator.client.connection import Client, Ended, NotHeard, Tickets, signal_client
from poker_signal.emulator.client.explain import UNREACHABLE, explain
from poker_signal.emulator.client.ice_probe import probe_stun, probe_turn
from poker_signal.emulator.terminal import escape_lines

WEBSOCKETS = (17,)
MAX_SKEW_S = 10
"""Seconds by which clocks may differ before tickets and TURN credentials fail."""


class Checked(NamedTuple):
    """The outcome of one check; ``then``: the command or change that mends it."""

    name: str
    ok: bool
    words: str
    then: str = ""


class _Server(NamedTuple):
    url: str
    tickets: Tickets | None
    timeout_s: float


def run(url: str, ticket_secret_file: str | None, timeout: float) -> None:
    """Check one thing after the other; exit with 1 if one is wrong."""
    server = _Server(server_url(url), tickets_of(ticket_secret_file), timeout)
    raise SystemExit(run_until_interrupted(_all(server)))


async def _all(server: _Server) -> int:
    failed = 0
    async for each in checks(server):
        mark = "✓" if each.ok else "✗"
        then = f"\n    → {each.then}" if each.then and not each.ok else ""
        # The words may quote the server.
        click.echo(escape_lines(f"{mark} {each.name}: {each.words}{then}"))
        failed += not each.ok
    return 1 if failed else 0


async def checks(server: _Server) -> AsyncGenerator[Checked, None]:
    """Yield the outcome of each check, in order; it ends at one that later ones need."""
    yield _versions()
    reached = await _reached(server)
    yield reached
    if not reached.ok:
        return
    yield await asyncio.to_thread(_clock, server)
    async for each in _signaling(server):
        yield each


def _versions() -> Checked:
    found = importlib.metadata.version("websockets")
    python = ".".join(map(str, sys.version_info[:3]))
    is_new = tuple(map(int, found.split(".")[:1])) >= WEBSOCKETS and sys.version_info >= (3, 11)
    then = f"{sys.executable} -m pip install 'websockets>={WEBSOCKETS[0]}'"
    return Checked("versions", is_new, f"Python {python}, websockets {found}", then)


async def _reached(server: _Server) -> Checked:
    """Connect a host, and say why it fails."""
    game = f"DOCTOR-{secrets.token_hex(4)}"
    ticket = server.tickets and server.tickets(HOST, game)
    try:
        async with signal_client(server.url, HOST, game, timeout_s=server.timeout_s, ticket=ticket):
            return Checked("server", True, f"{server.url} accepts connections")
    except UNREACHABLE as error:
        is_here = urlsplit(server.url).hostname in {"127.0.0.1", "localhost"}
        then = "poker-signal emulate" if is_here and isinstance(error, OSError) else ""
        return Checked("server", False, explain(error, server.url, server.timeout_s), then)


def _clock(server: _Server) -> Checked:
    """Compare the clocks by the header Date of an HTTP answer."""
    parts = urlsplit(server.url)
    url = f"http{'s' if parts.scheme == 'wss' else ''}://{parts.netloc}/"
    try:
        with urllib.request.urlopen(url, timeout=server.timeout_s) as answer:
            date = answer.headers["Date"]
    except urllib.error.HTTPError as error:
        date = error.headers["Date"]
    except OSError:
        date = None
    if date is None:
        return Checked("clock", True, "the server tells no time: not compared")
    skew_s = time.time() - email.utils.parsedate_to_datetime(date).timestamp()
    then = "set this machine's clock: timedatectl set-ntp true"
    words = f"differs from the server's by {abs(skew_s):.0f} s"
    return Checked("clock", abs(skew_s) <= MAX_SKEW_S, words, then)


async def _signaling(server: _Server) -> AsyncGenerator[Checked, None]:
    """Let a host and a player meet, and try the ICE servers of the welcome."""
    game, player = f"DOCTOR-{secrets.token_hex(4)}", "doctor"

    def client(name: str) -> AbstractAsyncContextManager[Client]:
        ticket = server.tickets and server.tickets(name, game)
        return signal_client(server.url, name, game, timeout_s=server.timeout_s, ticket=ticket)

    try:
        async with client(HOST) as host, client(player) as guest:
            await guest.send("join", payload={"playerName": player})
            await host.expect("join", within=server.timeout_s)
            yield Checked("relay", True, "a join reached the host")
            await guest.send("hello", id_="hello")
            frame = await guest.expect(within=server.timeout_s)
            payload = frame.payload if isinstance(frame.payload, dict) else {}
            if frame.type != "welcome":
                yield Checked("welcome", True, "an older server: it does not know hello")
                return
            yield Checked("welcome", True, f"features: {', '.join(payload['features'])}")
            async for each in _ice(payload.get("iceServers") or []):
                yield each
    except (NotHeard, Ended) as error:
        yield Checked("relay", False, str(error), f"poker-signal check {server.url}")


async def _ice(servers: list[dict[str, object]]) -> AsyncGenerator[Checked, None]:
    if not servers:
        yield Checked("ICE servers", True, "none: players connect within one network only")
    for server in servers:
        urls = server["urls"]
        for url in urls if isinstance(urls, list) else [urls]:
            yield await _probed(str(url), server)


async def _probed(url: str, server: dict[str, object]) -> Checked:
    if url.startswith("turn"):
        name, word = str(server.get("username", "")), str(server.get("credential", ""))
        try:
            found = await probe_turn(url, name, word)
        except ImportError:
            return Checked(url, True, f"not tried: {extras.missing('A TURN allocation', 'rtc')}")
    else:
        found = await probe_stun(url)
    then = "compare secret, clock, port and firewall of the server: docs/ice.md"
    return Checked(url, found.ok, found.words, then)
