"""Rules of design: who may connect, and how long that takes."""

from poker_signal.emulator.client.check.scene import Scene, new_game

REPEATS = 5


async def connects(scene: Scene) -> None:
    """The very first handshake: on AWS the function may have to start for it."""
    scene.samples_ms.append(await scene.connect() * 1000)
    scene.note = "the first, perhaps a cold start"


async def connects_again(scene: Scene) -> None:
    """Those that come after it, one after the other."""
    for _ in range(REPEATS):
        scene.samples_ms.append(await scene.connect() * 1000)


async def refuses_no_player(scene: Scene) -> None:
    """Without playerId: 400."""
    await scene.refuse(400, playerId=None)


async def refuses_no_game(scene: Scene) -> None:
    """Without gameId: 400."""
    await scene.refuse(400, playerId="Alice", gameId=None)


async def refuses_names(scene: Scene) -> None:
    """Too long, white space alone, control characters: 400."""
    for name in ("x" * 129, " ", "a\tb", ""):
        await scene.refuse(400, playerId=name)
        await scene.refuse(400, playerId="Alice", gameId=name)


async def refuses_sessions(scene: Scene) -> None:
    """Too short, too long, not visible ASCII: 400."""
    for session in ("1234567", "x" * 129, "eight or nine", "größer-als"):
        await scene.refuse(400, playerId="Alice", session=session)


async def refuses_without_ticket(scene: Scene) -> None:
    """None: 401; the ticket of another player, or of another game: 403."""
    await scene.refuse(401, playerId="Alice", ticket=None)
    await scene.refuse(403, playerId="Alice", ticket=scene.ticket(scene.game, "Bob"))
    await scene.refuse(403, playerId="Alice", ticket=scene.ticket(new_game(), "Alice"))
