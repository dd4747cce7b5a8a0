"""Rules about messages that reach another player."""

import time

from poker_signal.core.model import HOST
from poker_signal.emulator.client.check.scene import (
    Scene,
    message,
    new_game,
    undelivered,
)

REPEATS = 5
PAIRS = 8
"""Of offer and candidate, both at once: API Gateway runs them side by side."""

AS_WRITTEN = '{"b" :1.0, "a":1e400,"sdp":"v=0\\r\\n","\\u00e9":"é 🂡", "n":[null,{}]}'
"""JSON that does not survive being read and written again."""


async def join(scene: Scene) -> None:
    """HOST hears who joins."""
    host, alice = await scene.seat(HOST, "Alice")
    await scene.relay(alice, host, "join")


async def descriptions(scene: Scene) -> None:
    """Offer there, answer back."""
    host, alice = await scene.seat(HOST, "Alice")
    await scene.relay(host, alice, "offer")
    await scene.relay(alice, host, "answer")


async def candidates(scene: Scene) -> None:
    """Candidates both ways, after what they belong to."""
    host, alice = await scene.seat(HOST, "Alice")
    await scene.relay(host, alice, "offer")
    await scene.relay(alice, host, "answer")
    scene.samples_ms.clear()
    for _ in range(3):
        await scene.relay(host, alice, "ice-candidate")
        await scene.relay(alice, host, "ice-candidate")


async def player_connected(scene: Scene) -> None:
    """The app's last word of a handshake."""
    host, alice = await scene.seat(HOST, "Alice")
    await scene.relay(alice, host, "player-connected")


async def payload_as_written(scene: Scene) -> None:
    """Byte for byte, and ``null`` where there was none; from whatever a human typed as a name."""
    host, zoe = await scene.seat(HOST, "Zoë 🂡 +1%20")
    await scene.relay(zoe, host, "join", AS_WRITTEN)
    await scene.relay(host, zoe, "offer", AS_WRITTEN)
    await zoe.send_text(message("answer", HOST))
    await scene.hear_relayed(host, "answer", zoe.player, "null")


async def sender_is_the_connection(scene: Scene) -> None:
    """What a message says of its sender does not count."""
    host, mallory = await scene.seat(HOST, "Mallory")
    await mallory.send_text('{"type":"join","senderId":"Alice","playerId":"Alice","payload":1}')
    await scene.hear_relayed(host, "join", "Mallory", "1")


async def offer_before_candidate(scene: Scene) -> None:
    """Sent back to back, to players that were never offered anything; one after the other.

    All at once would keep a small server busy for longer than the second that a candidate waits.
    """
    host, *players = await scene.seat(HOST, *(f"Player {number}" for number in range(PAIRS)))
    for player in players:
        start = time.perf_counter()
        await host.send_text(message("offer", player.player, '"offer"'))
        await host.send_text(message("ice-candidate", player.player, '"candidate"'))
        await scene.hear_relayed(player, "offer", HOST, '"offer"')
        await scene.hear_relayed(player, "ice-candidate", HOST, '"candidate"')
        scene.samples_ms.append((time.perf_counter() - start) * 1000)


async def whole_handshake(scene: Scene) -> None:
    """From the join to the last candidate, as the app does it; the time that the app has is 5 s."""
    for number in range(REPEATS):
        host, alice = await scene.seat(HOST, f"Player {number}", game=new_game())
        start = time.perf_counter()
        await scene.relay(alice, host, "join")
        await scene.relay(host, alice, "offer")
        await scene.relay(host, alice, "ice-candidate")
        await scene.relay(alice, host, "answer")
        await scene.relay(alice, host, "ice-candidate")
        # The handshake as a whole counts, not its messages.
        scene.samples_ms[number:] = [(time.perf_counter() - start) * 1000]


async def games_are_apart(scene: Scene) -> None:
    """The same names in another game hear nothing, and cannot be addressed."""
    host, _ = await scene.seat(HOST, "Alice")
    other_host, bob = await scene.seat(HOST, "Bob", game=new_game())
    await scene.ask(host, message("offer", "Bob", "1"), undelivered("offer", "Bob"))
    # The next that is heard there is that game's own: nothing came before it.
    await scene.relay(bob, other_host, "join")
    await scene.relay(other_host, bob, "offer")
