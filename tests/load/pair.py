"""``python -m tests.load.pair URL``: a host and a player who talk until stdin ends.

Prints the seconds that each message took, as JSON. A process of its own: what the load costs
those who make it is no delay of the emulator's.
"""

import json
import select
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

from websockets.sync.client import ClientConnection, connect

from tests.load.figures import p99
from tests.support.client import PATIENCE_S
from tests.support.process import ROOT, running

EVERY_S = 0.02
"""Half as often as a connection may send for ever."""

P99_MS = 500
"""A handshake has four such ways, one after the other, and the host gives up after 5 s."""

GOES = 3
"""What the emulator does to a pair, it does every time; a machine that does ten other things takes
half a second now and then, and a pair says so little meanwhile that one such message counts."""


def took_s(speaker: ClientConnection, listener: ClientConnection, target: str, said: int) -> float:
    """Return how long a message is on its way."""
    start = time.perf_counter()
    speaker.send(f'{{"type":"offer","targetId":"{target}","payload":{said}}}')
    heard = str(listener.recv(timeout=PATIENCE_S))
    assert heard.endswith(f'"payload":{said}}}'), heard
    return time.perf_counter() - start


def main(url: str) -> None:
    """Talk."""
    took: list[float] = []
    query = f"{url}?gameId=HEALTHY&playerId="
    with (
        connect(f"{query}HOST", ping_interval=None, open_timeout=PATIENCE_S) as host,
        connect(f"{query}Alice", ping_interval=None, open_timeout=PATIENCE_S) as alice,
    ):
        # At least once, however soon the others are done.
        while not took or not select.select([sys.stdin], [], [], EVERY_S)[0]:
            took.append(took_s(host, alice, "Alice", len(took)))
            took.append(took_s(alice, host, "HOST", len(took)))
    print(json.dumps(took))


class Pair:
    """The process, seen from the test."""

    def __init__(self) -> None:
        self.took_ms: list[float] = []
        """Once it has ended."""


@contextmanager
def healthy_pair(url: str) -> Generator[Pair, None, None]:
    """Let two talk as long as the block lasts."""
    pair = Pair()
    module = (sys.executable, "-m", "tests.load.pair", url)
    with running(*module, stderr=None, cwd=ROOT) as process:
        yield pair
        out, _ = process.communicate("\n", timeout=PATIENCE_S + 10)
    assert process.returncode == 0, "the pair did not come through: see stderr"
    pair.took_ms = [seconds * 1000 for seconds in json.loads(out)]


async def hold_up_nobody(go: Callable[[], Awaitable[Pair]]) -> None:
    """Fail if each of a few pairs had to wait while something went on."""
    late_ms: list[float] = []
    while len(late_ms) < GOES:
        pair = await go()
        if p99(pair.took_ms) < P99_MS:
            return
        late_ms.append(p99(pair.took_ms))
    raise AssertionError(f"99 of 100 messages of the pair took up to {late_ms} ms")


if __name__ == "__main__":
    main(sys.argv[1])
