"""The whole check, at correct servers and at servers that cannot be reached."""

import socket
import ssl

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve

from poker_signal.core.model import HOST
from poker_signal.emulator.client.check import runner as run
from poker_signal.emulator.client.check.runner import FIRST, RULES, Rule, RuleResult, check
from poker_signal.emulator.client.check.scene import Scene, Server, new_game
from poker_signal.emulator.testing import SignalEmulator
from tests.emulator.client.check.broken import failures, found, refusing, url_of
from tests.emulator.client.check.faults import FAILING_FUNCTION
from tests.support.process import emulate

LATER = frozenset(
    {
        "arrivals are told",
        "an unanswered join is delivered again",
        "a departure is told after 5 s",
        "a HOST that leaves is told after 5 s",
    }
)
"""Rules that need a server with a queue or a clock."""


async def holds(url: str, *, star: bool, needless: frozenset[str] = frozenset()) -> bool:
    """Return whether every rule holds, and all but ``needless`` are played.

    tests/cli/test_check.py has the mesh.
    """
    rows = [row async for row in check(Server(url, 20))]
    assert [row for row in rows if row.outcome not in {"ok", "skipped"}] == []
    assert {row.rule.name for row in rows if row.outcome == "skipped"} == needless
    assert [row.rule for row in rows] == list(RULES)
    return {row.star for row in rows} == {None, star}


@pytest.mark.aws
async def test_every_rule_holds_at_the_lambda_function() -> None:
    """All rules hold with moto's DynamoDB."""
    with emulate("--port", "0", "--handler", "lambda", "--dynamodb", "moto") as served:
        assert await holds(served.url, star=False, needless=LATER)


@pytest.mark.signal_emulator(topology="star")
async def test_every_rule_holds_in_a_star(signal_emulator: SignalEmulator) -> None:
    """All rules hold in a star, which the check recognises."""
    assert await holds(signal_emulator.url, star=True)


def test_a_failing_function_is_found_with_what_to_do() -> None:
    """API Gateway's own message does not help a beginner, so the note names the log group."""
    rows = found(FAILING_FUNCTION)
    assert "Internal server error" in rows["ping is answered"].came
    assert "log group (/aws/lambda/poker-signaling" in rows["ping is answered"].note


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (403, "403 Forbidden: is the stage missing"),
        (429, "429 Too Many Requests: throttled"),
        (502, "502 Bad Gateway: the function fails"),
    ],
)
async def test_a_server_that_refuses_everybody_is_explained_at_once(status: int, says: str) -> None:
    """The first rule fails and ends the check: nothing else can be found out."""
    async with refusing(status) as url:
        rows = [row async for row in check(Server(url))]
    assert [(row.rule, row.outcome) for row in rows] == [(FIRST, "FAILED")]
    assert says in rows[0].came


async def test_a_server_that_never_answers_ends_the_check() -> None:
    """The check ends after one time-out, not after thirty."""
    # It listens, but no connection is ever accepted.
    with socket.create_server(("127.0.0.1", 0)) as server:
        rows = await failures(f"ws://127.0.0.1:{server.getsockname()[1]}/prod", timeout_s=0.2)
    assert rows.keys() == {FIRST.name}
    assert "did not answer within 0.2 s" in rows[FIRST.name].came


async def test_a_certificate_that_nobody_trusts_is_explained() -> None:
    """The certificate is reported, not TLS, which would have worked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with serve(ServerConnection.wait_closed, "127.0.0.1", 0, ssl=context) as server:
        rows = await failures(url_of(server).replace("ws://", "wss://"))
    assert "is not trusted" in rows[FIRST.name].came


async def test_a_server_that_connects_but_says_nothing_is_given_up() -> None:
    """After some time-outs the check gives up; rules that were not played count as failed."""
    silent = [rule for rule in RULES if rule.name == "ping is answered"] * (run.MAX_TIMEOUTS + 3)
    async with serve(ServerConnection.wait_closed, "127.0.0.1", 0) as server:
        rows = [row async for row in check(Server(url_of(server), 0.05), silent)]
    assert {row.outcome for row in rows} == {"FAILED"}
    assert "a larger --timeout" in rows[-1].came


async def test_a_slow_deployment_does_not_fail_by_itself(
    signal_emulator: SignalEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules hold, with a note that the app would give up."""
    monkeypatch.setattr(run, "APP_GIVES_UP_MS", 0)
    rows = [row async for row in check(Server(signal_emulator.url), RULES[:2])]
    assert [row.outcome for row in rows] == ["ok", "ok"]
    assert all("when the app in the field gives up" in row.note for row in rows)


async def test_a_bug_of_the_check_is_not_the_servers(signal_emulator: SignalEmulator) -> None:
    """An exception of the check itself is raised."""

    async def broken(scene: Scene) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failures(signal_emulator.url, (Rule("", "broken", broken),))


def test_games_cannot_be_guessed() -> None:
    """A game has 128 random bits in its name, so the check enters no game of other users."""
    games = {new_game() for _ in range(100)}
    assert len(games) == 100
    assert all(len(game) == len("check-") + 32 for game in games)


async def test_a_scene_takes_samples_and_leaves_no_player_behind(
    signal_emulator: SignalEmulator,
) -> None:
    """A scene measures each relayed message and closes all its players at the end."""
    async with Scene(Server(signal_emulator.url)) as scene:
        host, alice = await scene.seat(HOST, "Alice")
        await scene.relay(alice, host, "join")
        await scene.relay(host, alice, "offer")
    assert len(scene.samples_ms) == 2
    assert (host.close_code, alice.close_code) == (1000, 1000)


async def test_a_player_that_connected_is_closed_when_another_cannot() -> None:
    """The row has the reason, and no connection is left open."""
    opened: list[ServerConnection] = []

    async def admit_one(connection: ServerConnection) -> None:
        opened.append(connection)
        await connection.wait_closed()

    (join,) = [rule for rule in RULES if rule.name == "a join reaches HOST"]
    async with refusing(503, "", lambda it: "playerId=HOST" not in it.path, admit_one) as url:
        rows = await failures(url, (join,))
        assert "503 Service Unavailable" in rows[join.name].came
        (connection,) = opened
        await connection.wait_closed()


def test_medians_and_percentiles_are_of_the_samples() -> None:
    """One slow sample in twenty does not change the 95th percentile."""
    row = RuleResult(FIRST, "ok", [*range(1, 20), 1000])
    assert (row.median_ms, row.p95_ms) == (10.5, 19)
