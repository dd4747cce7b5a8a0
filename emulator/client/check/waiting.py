"""Rules about what the server does by itself, after some time: watched joins, presence, lobby."""

import secrets

from poker_signal.core.later import LAST_STEP, LOBBY_S, STEP_S
from poker_signal.core.messages import KEEPALIVE
from poker_signal.core.model import HOST, PRESENCE
from poker_signal.core.presence import PATIENCE_S
from poker_signal.emulator.client.check.scene import Failed, Scene, error, message
from poker_signal.emulator.client.connection import Client

NO_ANSWER = "no-answer"


async def hello(scene: Scene) -> None:
    """A hello is answered with the client's own names and the others that are connected."""
    await scene.needs("report")
    host, alice = await scene.seat(HOST, "Alice")
    for client, others in ((host, ["Alice"]), (alice, [HOST])):
        await client.send_text(message("hello", None, '{"client":"check/1"}', "check-1"))
        expected = f"{client.player} hears “welcome” with the players {others}"
        frame = await scene.hear(client, expected)
        payload = frame.payload if isinstance(frame.payload, dict) else {}
        own = payload.get("playerId"), payload.get("gameId"), payload.get("players")
        if frame.type != "welcome" or own != (client.player, scene.game, others):
            raise Failed(expected, frame.text)


async def joins_again(scene: Scene) -> None:
    """A join that the host does not answer is delivered again after 3 s."""
    await scene.needs(NO_ANSWER)
    host, alice = await scene.seat(HOST, "Alice")
    await scene.relay(alice, host, "join", '"join"')
    await scene.hear_relayed(host, "join", "Alice", '"join"', STEP_S)


async def no_answer(scene: Scene) -> None:
    """A player whose join the host never answers is told so after 18 s."""
    await scene.needs(NO_ANSWER)
    host, alice = await scene.seat(HOST, "Alice")
    await alice.send_text(message("join", None, '"join"', "check-1"))
    await scene.hear_answer(alice, {"type": "ack", "id": "check-1", "payload": {"targetId": HOST}})
    await scene.hear_answer(alice, error("NO_ANSWER", "check-1"), STEP_S * LAST_STEP)
    for _ in range(LAST_STEP):
        await scene.hear_relayed(host, "join", "Alice", '"join"')


async def arrivals(scene: Scene) -> None:
    """A client that wants presence hears of a player who comes, and of a takeover once."""
    await scene.needs(PRESENCE)
    (host,) = await scene.seat(HOST, wants=PRESENCE)
    session = secrets.token_hex(16)
    for reason in ("joined", "replaced"):
        await scene.seat("Alice", session=session)
        await _hear_of(scene, host, ("player-joined", "Alice", reason))
    await scene.ask(host, message("ping"), {"type": "pong"})


async def departure(scene: Scene) -> None:
    """A client that wants presence hears of a player who is not back within 5 s."""
    await scene.needs(PRESENCE)
    (host,) = await scene.seat(HOST, wants=PRESENCE)
    (alice,) = await scene.seat("Alice")
    await _hear_of(scene, host, ("player-joined", "Alice", "joined"))
    await alice.close()
    await _hear_of(scene, host, ("player-left", "Alice", "left"), PATIENCE_S)


async def host_away(scene: Scene) -> None:
    """A player that wants presence hears of a HOST that is not back within 5 s."""
    await scene.needs(PRESENCE)
    (host,) = await scene.seat(HOST)
    (alice,) = await scene.seat("Alice", wants=PRESENCE)
    await host.close()
    await _hear_of(scene, alice, ("host-away", HOST, "left"), PATIENCE_S)


async def lobby(scene: Scene) -> None:
    """The connection of a HOST that waits gets a keep-alive after nine minutes."""
    await scene.needs(NO_ANSWER)
    (host,) = await scene.seat(HOST)
    frame = await scene.hear(host, f"HOST hears {KEEPALIVE} after {LOBBY_S} s", LOBBY_S)
    if frame.type != "keepalive" or frame.sender != HOST:
        raise Failed(f"HOST hears {KEEPALIVE}", frame.text)


async def _hear_of(
    scene: Scene, client: Client, expected: tuple[str, str, str], due_s: float = 0
) -> None:
    type_, player, reason = expected
    words = f"{client.player} hears “{type_}” of {player}, reason “{reason}”"
    frame = await scene.hear(client, words, due_s)
    payload = frame.payload if isinstance(frame.payload, dict) else {}
    if (frame.type, payload.get("playerId"), payload.get("reason")) != expected:
        raise Failed(words, frame.text)
