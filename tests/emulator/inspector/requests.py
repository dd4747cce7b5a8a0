"""Asks the inspector of an emulator, as its page does."""

import asyncio
import json
from typing import Any, NamedTuple

from poker_signal.emulator.server import Emulator
from tests.emulator.peers import raw_connection, read_answer

OWN = "X-Poker-Signal-Inspector: 1\r\n"


class Told(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


def request(
    method: str, path: str, body: Any = None, *, headers: str = OWN, host: str = "127.0.0.1:1"
) -> bytes:
    """Return a request below ``/_inspect``."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"{method} /_inspect{path} HTTP/1.1\r\nHost: {host}\r\n{headers}"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


async def ask(emulator: Emulator, method: str, path: str, body: Any = None, **more: Any) -> Told:
    """Ask, and return the answer."""
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(50):
        writer.write(request(method, path, body, **more))
        return Told(*await read_answer(reader))
