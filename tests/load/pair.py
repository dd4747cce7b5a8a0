"""``python -m tests.load.pair URL``: a host and a player that exchange messages until stdin ends.

Prints the number of messages received. It is a separate process, because the emulator is measured.
"""

import select
import sys
from collections.abc import Generator
from contextlib import contextmanager

from websockets.sync.client import ClientConnection, connect

from tests.support.client import PATIENCE_S
from tests.support.process import ROOT, running

EVERY_S = 0.02
"""Half the rate at which a connection may send without limit."""


def say(speaker: ClientConnection, listener: ClientConnection, target: str, number: int) -> None:
    """Send a message, and check that the other side receives it."""
    speaker.send(f'{{"type":"offer","targetId":"{target}","payload":{number}}}')
    heard = str(listener.recv(timeout=PATIENCE_S))
    assert heard.endswith(f'"payload":{number}}}'), heard


def main(url: str) -> None:
    """Exchange messages until stdin has a line or ends; print their number."""
    said = 0
    query = f"{url}?gameId=HEALTHY&playerId="
    with (
        connect(f"{query}HOST", ping_interval=None, open_timeout=PATIENCE_S) as host,
        connect(f"{query}Alice", ping_interval=None, open_timeout=PATIENCE_S) as alice,
    ):
        # At least once, even if the test is already over.
        while not said or not select.select([sys.stdin], [], [], EVERY_S)[0]:
            say(host, alice, "Alice", said)
            say(alice, host, "HOST", said + 1)
            said += 2
    print(said)


class Pair:
    """The pair's process, as the test uses it."""

    messages = 0
    """Number of messages received; 0 until the process has ended."""


@contextmanager
def healthy_pair(url: str) -> Generator[Pair, None, None]:
    """Run a pair during the block."""
    pair = Pair()
    module = (sys.executable, "-m", "tests.load.pair", url)
    with running(*module, stderr=None, cwd=ROOT) as process:
        yield pair
        out, _ = process.communicate("\n", timeout=PATIENCE_S + 10)
    assert process.returncode == 0, "a message of the pair was lost: see stderr"
    pair.messages = int(out)


if __name__ == "__main__":
    main(sys.argv[1])
