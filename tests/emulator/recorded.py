"""Recordings for tests: scenes of players at an emulator in this process."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from poker_signal.emulator.clock import Clock
from poker_signal.emulator.recording import format as recording
from poker_signal.emulator.recording.redaction import Redaction
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.as_json import as_json
from tests.support.client import hear, peer, settle, tell

Scene = Callable[[Emulator], Awaitable[None]]

CANDIDATE = {"candidate": "candidate:1 1 udp 1 192.168.7.7 50000 typ host"}


async def entries_of(scene: Scene, clock: Clock | None = None, **settings: Any) -> list[Any]:
    """Return the recorded entries of a scene, parsed from JSON as from a file."""
    async with Emulator(Settings(port=0, **settings), clock=clock) as emulator:
        await scene(emulator)
    redaction = Redaction()
    found = [redaction.entry(as_json(*each)) for each in emulator.trace.since(0)]
    return [json.loads(recording.line(entry)) for entry in found]


def write(path: Path, entries: list[Any]) -> Path:
    """Write a recording."""
    header = recording.header(1, "poker-signal 0", None, "addresses and secrets")
    path.write_bytes(b"".join(recording.line(value) for value in (header, *entries)))
    return path


async def table(emulator: Emulator) -> None:
    """Play a game: two players meet a host, one message is undelivered and one is invalid."""
    async with peer(emulator, "HOST") as host, peer(emulator, "Anna") as anna:
        async with peer(emulator, "Zoë") as zoe:
            for name, player in (("Anna", anna), ("Zoë", zoe)):
                await tell(player, type="join", payload={"playerName": name})
                await hear(host)
                await tell(host, type="offer", targetId=name, payload={"sdp": "v=0"})
                await tell(host, type="ice-candidate", targetId=name, payload=CANDIDATE)
                await hear(player)
                await hear(player)
                await tell(player, type="answer", targetId="HOST", payload={"sdp": "v=0"})
                await hear(host)
            await tell(anna, type="offer", targetId="Zoë", payload={"sdp": "v=0"})
            await hear(zoe)
        await settle(host)
        await tell(host, type="offer", targetId="Zoë", payload={})
        await hear(host)
        await anna.send("no JSON")
        await hear(anna)


async def take_over(emulator: Emulator) -> None:
    """Play a host's takeover, the refusal of another host, and a player that vanishes."""
    async with peer(emulator, "HOST", session="secret-of-the-host") as before:
        async with peer(emulator, "HOST", session="secret-of-the-host") as host:
            await before.wait_closed()
            with pytest.raises(InvalidStatus):
                await peer(emulator, "HOST", session="secret-of-a-stranger")
            async with peer(emulator, "Anna") as anna:
                await tell(anna, type="join")
                await hear(host)
                anna.transport.abort()
            await settle(host)
