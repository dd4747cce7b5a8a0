"""``python -m tests.load.pair URL``: a host and a player who talk until stdin ends.

Prints how many messages were heard. A process of its own: what is measured is the emulator's load.
"""

import select
import sys
from collections.abc import Generator
from contextlib import contextmanager

from websockets.sync.client import ClientConnection, connect

from tests.support.client import PATIENCE_S
from tests.support.process import ROOT, running

EVERY_S = 0.02
"""Half as often as a connection may send for ever."""


def say(speaker: ClientConnection, listener: ClientConnection, target: str, number: int) -> None:
    """Send a message, and hear it on the other side."""
    speaker.send(f'{{"type":"offer","targetId":"{target}","payload":{number}}}')
    heard = str(listener.recv(timeout=PATIENCE_S))
    assert heard.endswith(f'"payload":{number}}}'), heard


def main(url: str) -> None:
    """Talk."""
    said = 0
    query = f"{url}?gameId=HEALTHY&playerId="
    with (
        connect(f"{query}HOST", ping_interval=None, open_timeout=PATIENCE_S) as host,
        connect(f"{query}Alice", ping_interval=None, open_timeout=PATIENCE_S) as alice,
    ):
        # At least once, however soon the others are done.
        while not said or not select.select([sys.stdin], [], [], EVERY_S)[0]:
            say(host, alice, "Alice", said)
            say(alice, host, "HOST", said + 1)
            said += 2
    print(said)


class Pair:
    """The process, seen from the test."""

    messages = 0
    """That were heard, once it has ended."""


@contextmanager
def healthy_pair(url: str) -> Generator[Pair, None, None]:
    """Let two talk as long as the block lasts."""
    pair = Pair()
    module = (sys.executable, "-m", "tests.load.pair", url)
    with running(*module, stderr=None, cwd=ROOT) as process:
        yield pair
        out, _ = process.communicate("\n", timeout=PATIENCE_S + 10)
    assert process.returncode == 0, "the pair did not come through: see stderr"
    pair.messages = int(out)


if __name__ == "__main__":
    main(sys.argv[1])
