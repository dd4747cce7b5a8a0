"""Rules about the frames that the sender itself gets."""

from poker_signal.core.model import HOST
from poker_signal.emulator.client.check.scene import (
    Failed,
    Scene,
    Skipped,
    error,
    message,
    relayed,
    undelivered,
)

DIRECTED = ("offer", "answer", "ice-candidate", "player-connected")


async def ack(scene: Scene) -> None:
    """A message with an id is acknowledged, one without is not."""
    host, alice = await scene.seat(HOST, "Alice")
    expected = {"type": "ack", "id": "check-1", "payload": {"targetId": HOST}}
    await scene.ask(alice, message("join", None, "1", "check-1"), expected)
    await scene.hear_relayed(host, "join", "Alice", "1")
    await scene.relay(alice, host, "answer")
    await scene.ask(alice, message("ping"), {"type": "pong"})


async def ping(scene: Scene) -> None:
    """Every ping is answered, also when no other client is in the game."""
    (alice,) = await scene.seat("Alice")
    for _ in range(5):
        await scene.ask(alice, message("ping"), {"type": "pong"})


async def unknown_type(scene: Scene) -> None:
    """A message of an unknown type is answered with an error."""
    (alice,) = await scene.seat("Alice")
    await scene.ask(alice, message("fold", HOST), error("UNKNOWN_TYPE"))
    await scene.ask(alice, message("fold", HOST, "", "7"), error("UNKNOWN_TYPE", "7"))


async def invalid_message(scene: Scene) -> None:
    """A message that is not JSON, or lacks a type, a target or a valid id, is an error."""
    (alice,) = await scene.seat("Alice")
    for text in ("x", "[1]", "{}", '{"type":1}', '{"type":"offer"}', '{"type":"ping","id":""}'):
        await scene.ask(alice, text, error("INVALID_MESSAGE"))


async def missing_target(scene: Scene) -> None:
    """A missing target is reported as undelivered, not error: the app ends a game on any error."""
    (host,) = await scene.seat(HOST)
    for type_ in DIRECTED:
        await scene.ask(host, message(type_, "Absent", "1"), undelivered(type_, "Absent"))
    await scene.ask(host, message("offer", "Absent", "", "7"), undelivered("offer", "Absent", "7"))


async def who_left(scene: Scene) -> None:
    """A player that has left is a missing target."""
    host, alice = await scene.seat(HOST, "Alice")
    await scene.relay(host, alice, "offer")
    await alice.close()
    await scene.pause()
    scene.samples_ms.clear()
    await scene.ask(
        host, message("ice-candidate", "Alice", "1"), undelivered("ice-candidate", "Alice")
    )


async def no_host(scene: Scene) -> None:
    """A join without a HOST is answered with an error."""
    (alice,) = await scene.seat("Alice")
    await scene.ask(alice, message("join"), error("HOST_NOT_FOUND"))


async def host_joins(scene: Scene) -> None:
    """HOST cannot join its own game."""
    (host,) = await scene.seat(HOST)
    await scene.ask(host, message("join"), error("INVALID_JOIN"))


async def oneself(scene: Scene) -> None:
    """A client cannot send to itself."""
    (host,) = await scene.seat(HOST)
    await scene.ask(host, message("offer", HOST), error("NOT_ALLOWED"))


async def among_players(scene: Scene) -> None:
    """Players may send to each other in a mesh, and must not in a star; find out which it is."""
    alice, bob = await scene.seat("Alice", "Bob")
    expected = (
        f"Bob hears {relayed('answer', 'Alice', '1')} (mesh), or Alice hears an error with the "
        "code NOT_ALLOWED (star)"
    )
    await alice.send_text(message("answer", "Bob", "1"))
    who, frame = await scene.hear_either((alice, bob), expected)
    if who is alice and (frame.type, frame.code) == ("error", "NOT_ALLOWED"):
        scene.star = True
    elif who is bob and frame.body == {"type": "answer", "senderId": "Alice", "payload": 1}:
        scene.star = False
    else:
        raise Failed(expected, f"{who.player} hears {frame.text}")
    scene.note = "star" if scene.star else "mesh"


async def offers_of_players(scene: Scene) -> None:
    """Only HOST may offer in a star; every player may in a mesh."""
    if scene.star is None:
        raise Skipped("the topology is unknown: mesh or star")
    host, alice = await scene.seat(HOST, "Alice")
    if scene.star:
        await scene.ask(alice, message("offer", HOST, "1"), error("NOT_ALLOWED"))
    else:
        await scene.relay(alice, host, "offer")
