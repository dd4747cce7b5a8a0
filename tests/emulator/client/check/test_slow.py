"""Slow rules of the check and its idle experiment, in virtual time."""

import json

import pytest
from click.testing import CliRunner

from poker_signal.cli import check as command
from poker_signal.cli.main import main
from poker_signal.emulator.client.check.idle import CONTROL, PUSHED, SILENT, SPEAKING, Life, lives
from poker_signal.emulator.client.check.runner import SLOW, RuleResult, check
from poker_signal.emulator.client.check.scene import Server
from tests.field.hosts import OURS
from tests.field.virtual import serving
from tests.support.virtual_time import run


@pytest.mark.games
@pytest.mark.parametrize("handler", OURS)
def test_the_slow_rules_hold_on_both_hosts(handler: str) -> None:
    """A join ends with NO_ANSWER, the lobby is kept open; without ``later`` both are skipped."""

    async def play(later: bool) -> list[RuleResult]:
        async with serving(handler, later=later) as stage:
            return [row async for row in check(Server(stage.url), SLOW)]

    assert [row.outcome for row in run(play(True))] == ["ok", "ok"]
    assert [row.outcome for row in run(play(False))] == ["skipped", "skipped"]


@pytest.mark.games
@pytest.mark.parametrize("control_pings", [False, True])
def test_the_experiment_tells_which_traffic_counts(control_pings: bool) -> None:
    """The emulator's option decides about control pings; what the server sends counts."""
    ended: list[str] = []

    async def play() -> list[Life]:
        async with serving("core", pings_reset_idle=control_pings) as stage:
            return await lives(Server(stage.url), ended.append)

    found = {life.player: life for life in run(play())}
    assert (found[SPEAKING].ended_s, found[PUSHED].ended_s) == (None, None)
    assert found[SILENT].close_code == 1001
    assert found[SILENT].ended_s == pytest.approx(600, abs=2)
    assert (found[CONTROL].ended_s is None) == control_pings
    assert ended[0] == "Silent was closed after 10.0 minutes: 1001 Going away"


def test_the_result_is_a_table_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection has its traffic and its end; the experiment itself is the test above."""

    async def played(server: Server, tell: object) -> list[Life]:
        return [Life(SILENT, 600.0, 1001, "Going away"), Life(SPEAKING, None)]

    monkeypatch.setattr(command, "lives", played)
    table = CliRunner().invoke(main, ["check", "--idle", "ws://127.0.0.1:1/prod"])
    assert table.exit_code == 0
    assert [line.split() for line in table.stdout.splitlines()] == [
        ["Silent", "none", "closed", "after", "10.0", "minutes,", "1001"],
        ["Speaking", "messages", "of", "the", "client", "open"],
    ]
    document = CliRunner().invoke(main, ["check", "--idle", "--json", "ws://127.0.0.1:1/prod"])
    assert json.loads(document.stdout)[0] == {
        "player": "Silent",
        "ended_s": 600.0,
        "close_code": 1001,
        "close_reason": "Going away",
    }


def test_a_server_that_is_not_there_is_one_clear_line() -> None:
    """The experiment cannot begin."""
    result = CliRunner().invoke(main, ["check", "--idle", "ws://127.0.0.1:1/prod"])
    assert result.exit_code == 1
    assert "Error: " in result.stderr.splitlines()[-1]
