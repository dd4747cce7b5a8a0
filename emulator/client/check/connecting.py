"""Rules about connecting: which clients are accepted, and how long it takes."""

from poker_signal.emulator.client.check.scene import Scene, new_game

REPEATS = 5


async def connects(scene: Scene) -> None:
    """A client can connect; on AWS this first handshake may include a cold start."""
    scene.samples_ms.append(await scene.connect() * 1000)
    scene.note = "the first, perhaps a cold start"


async def connects_again(scene: Scene) -> None:
    """More clients can connect, one after the other."""
    for _ in range(REPEATS):
        scene.samples_ms.append(await scene.connect() * 1000)


async def refuses_no_player(scene: Scene) -> None:
    """A handshake without playerId is refused with 400."""
    await scene.refuse(400, playerId=None)


async def refuses_no_game(scene: Scene) -> None:
    """A handshake without gameId is refused with 400."""
    await scene.refuse(400, playerId="Alice", gameId=None)


async def refuses_names(scene: Scene) -> None:
    """Names that are too long, blank or hold control characters are refused with 400."""
    for name in ("x" * 129, " ", "a\tb", ""):
        await scene.refuse(400, playerId=name)
        await scene.refuse(400, playerId="Alice", gameId=name)


async def refuses_sessions(scene: Scene) -> None:
    """Sessions that are too short, too long or not visible ASCII are refused with 400."""
    for session in ("1234567", "x" * 129, "eight or nine", "größer-als"):
        await scene.refuse(400, playerId="Alice", session=session)


async def refuses_without_ticket(scene: Scene) -> None:
    """A missing ticket is refused with 401, that of another player or game with 403."""
    await scene.refuse(401, playerId="Alice", ticket=None)
    await scene.refuse(403, playerId="Alice", ticket=scene.ticket(scene.game, "Bob"))
    await scene.refuse(403, playerId="Alice", ticket=scene.ticket(new_game(), "Alice"))
