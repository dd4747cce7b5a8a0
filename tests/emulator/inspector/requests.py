"""Requests to the inspector of an emulator, as its page sends them."""

import json
from typing import Any

from poker_signal.emulator.server import Emulator
from tests.support.frames import Answer, answer

OWN = "X-Poker-Signal-Inspector: 1\r\n"


def request(
    method: str, path: str, body: Any = None, *, headers: str = OWN, host: str = "127.0.0.1:1"
) -> bytes:
    """Return a request below ``/_inspect``."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"{method} /_inspect{path} HTTP/1.1\r\nHost: {host}\r\n{headers}"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


async def ask(emulator: Emulator, method: str, path: str, body: Any = None, **more: Any) -> Answer:
    """Send a request; return the answer."""
    return await answer(emulator, request(method, path, body, **more))
