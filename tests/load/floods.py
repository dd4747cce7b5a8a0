"""``python -m tests.load.floods URL FLOOD TIMES``: one hostile guest floods an emulator.

Prints JSON: the median of another player's ping before and during the flood, in milliseconds. The
guest is a process of its own (``python -m tests.load.floods URL FLOOD TIMES guest``). Both use the
wire only, so that any version can be attacked.
"""

import itertools
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from string import ascii_lowercase
from typing import NamedTuple
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

PING = '{"type":"ping"}'
NAMES = ["".join(each) for each in itertools.product(ascii_lowercase, repeat=3)]


class Flood(NamedTuple):
    """An attack: each number gives what is sent, as HTTP or as a message."""

    text: Callable[[int], str]
    is_http: bool = False
    connections: int = 1
    options: tuple[str, ...] = ()
    """Options of ``emulate`` that it needs; a file is made for ``FILE``."""
    times: int = 1000


def _refused(number: int, more: str, query: str = "") -> str:
    return f"GET /prod{query} HTTP/1.1\r\nHost: localhost\r\n{_UPGRADE}X: {number}\r\n{more}\r\n"


_UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_HEADERS = "".join(f"{name}: 1\r\n" for name in NAMES[:1000])
_REPEATED = "aa:bb\r\n" * 1100
_LONG_ID = "A" * 4000


def _ping(payload: str) -> str:
    return f'{{"type":"ping","payload":"{payload}"}}'


FLOODS = {
    "headers": Flood(lambda n: _refused(n, _HEADERS), is_http=True, times=6000),
    "query": Flood(
        lambda n: _refused(n, "", "?" + "&".join(f"{name}={n}" for name in NAMES[:400])),
        is_http=True,
        times=6000,
    ),
    "repeated": Flood(lambda n: _refused(n, _REPEATED), is_http=True, times=6000),
    "managed": Flood(
        lambda n: f"GET /prod/@connections/{n}{_LONG_ID} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        is_http=True,
        times=20_000,
    ),
    "emoji": Flood(lambda n: _ping(f"😀{n}" + "x" * 30_000), times=2500),
    # For comparison with the next.
    "plain": Flood(lambda n: _ping(f"{n}" + "x" * 30_000), connections=6, times=300),
    "members": Flood(lambda n: "{" + '"":0,' * 6000 + '"":0}', connections=6, times=300),
    # For comparison with the next two.
    "record plain": Flood(
        lambda n: _ping("x" * 120_000 + f"{n}"), options=("--record", "FILE"), times=2000
    ),
    "record": Flood(
        lambda n: _ping("o=" * 60_000 + f" 1 1 IN {n}"), options=("--record", "FILE"), times=2000
    ),
    "record addresses": Flood(
        lambda n: _ping("::1 " * 30_000 + str(n)), options=("--record", "FILE"), times=2000
    ),
    "record handshakes": Flood(
        lambda n: _refused(n, _HEADERS), is_http=True, options=("--record", "FILE"), times=3000
    ),
}


def player(url: str, name: str) -> ClientConnection:
    """Connect a player."""
    return connect(f"{url}?gameId=G&playerId={name}", ping_interval=None, compression=None)


def send_http(url: str, flood: Flood, times: int) -> None:
    """Send requests, each after the answer to the one before."""
    address = urlsplit(url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80)) as client:
        received = client.makefile("rb")
        for number in range(times):
            client.sendall(flood.text(number).encode())
            length = 0
            while (line := received.readline()) not in {b"\r\n", b""}:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            received.read(length)


def send_messages(url: str, flood: Flood, times: int) -> None:
    """Send messages, each after the answer to the one before."""
    with player(url, f"Mallory{threading.get_ident()}") as guest:
        for number in range(times):
            text = flood.text(number)
            # A frame may have 32 KiB.
            parts = [text[i : i + 8000] for i in range(0, len(text), 8000)]
            guest.send(parts if len(parts) > 1 else text)
            guest.recv()


def pings(url: str, goes_on: Callable[[int], bool]) -> float:
    """Ping while ``goes_on``; return the median in milliseconds."""
    took: list[float] = []
    with player(url, "Bob") as bystander:
        while goes_on(len(took)):
            start = time.perf_counter()
            bystander.send(PING)
            bystander.recv()
            took.append((time.perf_counter() - start) * 1000)
            time.sleep(0.01)
    return statistics.median(took)


def attack(url: str, name: str, times: int) -> None:
    """Flood, from one or several connections at once."""
    flood = FLOODS[name]
    send = send_http if flood.is_http else send_messages
    guests = [
        threading.Thread(target=send, args=(url, flood, times)) for _ in range(flood.connections)
    ]
    for guest in guests:
        guest.start()
    for guest in guests:
        guest.join()


def main(url: str, name: str, times: int) -> None:
    """Ping before and during a flood."""
    before = pings(url, lambda count: count < 200)
    command = (sys.executable, "-m", "tests.load.floods", url, name, str(times), "guest")
    start = time.monotonic()
    with subprocess.Popen(command) as guest:
        during = pings(url, lambda count: count == 0 or guest.poll() is None)
    assert guest.returncode == 0
    found = {"before_ms": before, "during_ms": during, "s": time.monotonic() - start}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    (attack if sys.argv[4:] == ["guest"] else main)(sys.argv[1], sys.argv[2], int(sys.argv[3]))
