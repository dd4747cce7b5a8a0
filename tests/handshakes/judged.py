"""Verdicts on hand-written traces."""

from typing import Any

from poker_signal.emulator.handshakes.as_json import attempt_as_json
from poker_signal.emulator.handshakes.findings import CLIENTS
from poker_signal.emulator.handshakes.handshakes import Handshakes
from tests.handshakes.scenes import Scene

PROBE = '<script src="http://127.0.0.1:3001/_inspect/probe.js"></script>'


def verdicts(
    scene: Scene, *, now: int | None = None, ended: bool | None = None, client: str | None = None
) -> list[dict[str, Any]]:
    """Return the attempts of a scene as JSON, oldest first.

    ``now``: epoch milliseconds. None: the scene is a recording, which ends with its last entry.
    """
    is_recording = now is None if ended is None else ended
    handshakes = Handshakes(ended=is_recording, probe=PROBE).add_all(scene.entries)
    limits = CLIENTS[client] if client is not None else None
    return [attempt_as_json(each) for each in handshakes.judged(None, now, limits)]
