"""Rules about messages that are relayed to another player."""

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
"""Offers that are each followed at once by a candidate; API Gateway handles both in parallel."""

AS_WRITTEN = '{"b" :1.0, "a":1e400,"sdp":"v=0\\r\\n","\\u00e9":"é 🂡", "n":[null,{}]}'
"""JSON that changes when it is parsed and written again."""


async def join(scene: Scene) -> None:
    """HOST gets a player's join."""
    host, alice = await scene.seat(HOST, "Alice")
    await scene.relay(alice, host, "join")


async def descriptions(scene: Scene) -> None:
    """Offer and answer are relayed."""
    host, alice = await scene.seat(HOST, "Alice")
    await scene.relay(host, alice, "offer")
    await scene.relay(alice, host, "answer")


async def candidates(scene: Scene) -> None:
    """Candidates are relayed both ways, after offer and answer."""
    host, alice = await scene.seat(HOST, "Alice")
    await scene.relay(host, alice, "offer")
    await scene.relay(alice, host, "answer")
    scene.samples_ms.clear()
    for _ in range(3):
        await scene.relay(host, alice, "ice-candidate")
        await scene.relay(alice, host, "ice-candidate")


async def player_connected(scene: Scene) -> None:
    """The player-connected message, which ends the app's handshake, is relayed."""
    host, alice = await scene.seat(HOST, "Alice")
    await scene.relay(alice, host, "player-connected")


async def payload_as_written(scene: Scene) -> None:
    """A payload arrives byte for byte, or as ``null`` if absent, also from a Unicode name."""
    host, zoe = await scene.seat(HOST, "Zoë 🂡 +1%20")
    await scene.relay(zoe, host, "join", AS_WRITTEN)
    await scene.relay(host, zoe, "offer", AS_WRITTEN)
    await zoe.send_text(message("answer", HOST))
    await scene.hear_relayed(host, "answer", zoe.player, "null")


async def sender_is_the_connection(scene: Scene) -> None:
    """The senderId is the name of the sending connection, whatever the message itself says."""
    host, mallory = await scene.seat(HOST, "Mallory")
    await mallory.send_text('{"type":"join","senderId":"Alice","playerId":"Alice","payload":1}')
    await scene.hear_relayed(host, "join", "Mallory", "1")


async def offer_before_candidate(scene: Scene) -> None:
    """No candidate that is sent right after an offer arrives before it.

    Players take turns: all of them at once could keep a small server busy for longer than the one
    second that a candidate waits for its offer.
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
    """A whole handshake works, from the join to the last candidate; the app gives up after 5 s."""
    for number in range(REPEATS):
        host, alice = await scene.seat(HOST, f"Player {number}", game=new_game())
        start = time.perf_counter()
        await scene.relay(alice, host, "join")
        await scene.relay(host, alice, "offer")
        await scene.relay(host, alice, "ice-candidate")
        await scene.relay(alice, host, "answer")
        await scene.relay(alice, host, "ice-candidate")
        # One sample per handshake, in place of those that `relay` took per message.
        scene.samples_ms[number:] = [(time.perf_counter() - start) * 1000]


async def games_are_apart(scene: Scene) -> None:
    """No message reaches another game, not even the same name in it."""
    host, _ = await scene.seat(HOST, "Alice")
    other_host, bob = await scene.seat(HOST, "Bob", game=new_game())
    await scene.ask(host, message("offer", "Bob", "1"), undelivered("offer", "Bob"))
    # `relay` fails if another frame comes first: none of the first game's messages arrived.
    await scene.relay(bob, other_host, "join")
    await scene.relay(other_host, bob, "offer")
