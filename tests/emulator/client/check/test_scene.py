"""What a rule is played with."""

from websockets.asyncio.server import ServerConnection, serve

from poker_signal.core.model import HOST
from poker_signal.emulator.client.check.runner import RULES
from poker_signal.emulator.client.check.scene import Scene, Server, message, new_game, relayed
from poker_signal.emulator.testing import SignalEmulator
from tests.emulator.client.check.broken import failures, url_of


def test_games_cannot_be_guessed() -> None:
    """Nobody's game is touched: 128 random bits, and a name that the protocol allows."""
    games = {new_game() for _ in range(100)}
    assert len(games) == 100
    assert all(len(game) == len("check-") + 32 for game in games)


def test_messages_are_those_of_the_wire_protocol() -> None:
    """Payloads are passed on as text."""
    assert message("ping") == '{"type":"ping"}'
    assert message("offer", "Zoë", '{"a" :1}', "7") == (
        '{"type":"offer","targetId":"Zoë","payload":{"a" :1},"id":"7"}'
    )
    assert relayed("offer", "Zoë", "1") == '{"type":"offer","senderId":"Zoë","payload":1}'


async def test_a_scene_takes_samples_and_leaves_nobody_behind(
    signal_emulator: SignalEmulator,
) -> None:
    """All its players are gone in the end."""
    async with Scene(Server(signal_emulator.url)) as scene:
        host, alice = await scene.seat(HOST, "Alice")
        await scene.relay(alice, host, "join")
        await scene.relay(host, alice, "offer")
    assert len(scene.samples_ms) == 2
    assert (host.close_code, alice.close_code) == (1000, 1000)


async def test_who_can_connect_is_closed_when_another_cannot() -> None:
    """One player of a scene is refused: the row says so, and nothing is left open."""
    opened: list[ServerConnection] = []

    async def admit_one(connection: ServerConnection) -> None:
        opened.append(connection)
        await connection.wait_closed()

    async with serve(
        admit_one,
        "127.0.0.1",
        0,
        process_request=lambda connection, request: (
            connection.respond(503, "") if "playerId=HOST" in request.path else None
        ),
    ) as server:
        (join,) = [rule for rule in RULES if rule.name == "a join reaches HOST"]
        rows = await failures(url_of(server), (join,))
        assert "503 Service Unavailable" in rows[join.name].came
        (connection,) = opened
        await connection.wait_closed()
