"""Checks with a host and a player: a whole handshake, and the ICE servers that players get."""

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import Any

from poker_signal.cli.doctor.checked import Checked, Examined, ok, warning, wrong
from poker_signal.core.model import HOST
from poker_signal.emulator import extras
from poker_signal.emulator.client.connection import Client, Ended, NotHeard, signal_client
from poker_signal.emulator.client.explain import UNREACHABLE, explain
from poker_signal.emulator.client.ice_probe import probe_stun, probe_turn

BUDGET_S = 5
"""Seconds after which the app in the field gives a handshake up."""

BAR = 20
"""Characters of the bar of the budget."""

MAX_PROBES = 20
"""URLs of ICE servers that are tried at most; each may take seconds."""


async def signaling(server: Examined) -> AsyncGenerator[Checked, None]:
    """Play a handshake of a host and a player, and try the ICE servers of the welcome."""
    game, player = f"DOCTOR-{secrets.token_hex(4)}", "doctor"

    def client(name: str) -> AbstractAsyncContextManager[Client]:
        ticket = server.tickets and server.tickets(game, name)
        return signal_client(server.url, name, game, timeout_s=server.timeout_s, ticket=ticket)

    check = f"poker-signal check {server.url}"
    name = "relay"
    try:
        async with client(HOST) as host:
            start_s = time.monotonic()
            async with client(player) as guest:
                await guest.send("join", payload={"playerName": player})
                await host.expect("join", within=server.timeout_s)
                yield ok("relay", "a join reached the host")
                name = "handshake"
                await _negotiate(host, guest, server.timeout_s)
                yield _within_budget(time.monotonic() - start_s, check)
                name = "welcome"
                await guest.send("hello", id_="hello")
                frame = await guest.expect(within=server.timeout_s)
                if frame.type != "welcome":
                    yield ok("welcome", "an older server: it does not know hello")
                    return
                payload = frame.payload if isinstance(frame.payload, dict) else {}
                features = payload.get("features")
                words = ", ".join(map(str, features)) if isinstance(features, list) else "none"
                yield ok("welcome", f"features: {words}")
        async for each in _ice(payload.get("iceServers")):
            yield each
    except (NotHeard, Ended) as error:
        yield wrong(name, str(error), check)
    except UNREACHABLE as error:
        yield wrong(name, explain(error, server.url, server.timeout_s), check)


async def _negotiate(host: Client, guest: Client, within_s: float) -> None:
    """Exchange offer, answer and a candidate of each side."""
    for sender, receiver, kind, payload in (
        (host, guest, "offer", {"type": "offer", "sdp": "v=0"}),
        (guest, host, "answer", {"type": "answer", "sdp": "v=0"}),
        (host, guest, "ice-candidate", {"candidate": "", "sdpMid": "0"}),
        (guest, host, "ice-candidate", {"candidate": "", "sdpMid": "0"}),
    ):
        await sender.send(kind, receiver.player, payload)
        await receiver.expect(kind, sender.player, within_s)


def _within_budget(took_s: float, check: str) -> Checked:
    """Compare the time of a handshake with the patience of the app in the field."""
    full = min(BAR, round(BAR * took_s / BUDGET_S))
    words = f"took {took_s:.2f} s of {BUDGET_S} s [{'#' * full}{'.' * (BAR - full)}]"
    if took_s > BUDGET_S:
        return warning("handshake", f"{words}: apps give up before it ends", check)
    return ok("handshake", words)


async def _ice(servers: Any) -> AsyncGenerator[Checked, None]:
    """Try each URL of the ICE servers that a client got."""
    tries = list(_urls(servers))
    if not tries:
        yield ok("ICE servers", "none: players connect within one network only", "docs/ice.md")
    for url, name, credential in tries[:MAX_PROBES]:
        yield await _probed(url, name, credential)
    if len(tries) > MAX_PROBES:
        words = f"{len(tries)} URLs, of which {MAX_PROBES} were tried"
        yield warning("ICE servers", words, "give clients two or three: browsers try them all")


def _urls(servers: Any) -> list[tuple[str, str, str]]:
    """Return URL, username and credential of each URL, of a value that came from a server."""
    found = []
    for server in servers if isinstance(servers, list) else []:
        if isinstance(server, dict):
            urls = server.get("urls")
            name, credential = str(server.get("username", "")), str(server.get("credential", ""))
            for url in urls if isinstance(urls, list) else [urls]:
                found.append((str(url), name, credential))
    return found


async def _probed(url: str, name: str, credential: str) -> Checked:
    """Bind at a STUN server, or make an allocation at a TURN server."""
    if url.startswith("turn"):
        try:
            found = await probe_turn(url, name, credential)
        except ImportError:
            missing = extras.missing("a TURN allocation", "rtc")
            return warning(url, "not tried: a package is missing", missing)
    else:
        found = await probe_stun(url)
    if found.ok:
        return ok(url, found.words)
    then = "compare secret, clock, port and firewall of the server: docs/ice.md"
    return wrong(url, found.words, then)
