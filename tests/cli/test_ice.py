"""``emulate --ice`` and ``--turn``: the ICE servers that clients get, and clear errors."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner
from websockets.sync.client import connect

from poker_signal.cli.main import main
from poker_signal.cli.turn import PROGRAM
from poker_signal.emulator.client.ice_probe import probe_turn
from tests.clients.turn import demand_turn
from tests.support.process import EMULATE, serving

COTURN = {"provider": "coturn", "urls": "turn:turn.example.com", "secret": "0123456789abcdef"}


def refused(*arguments: str) -> tuple[int, str]:
    """Return exit code and stderr of an emulate that does not start."""
    result = CliRunner().invoke(main, ["emulate", "--port", "0", *arguments])
    return result.exit_code, result.stderr


def ice_file(folder: Path, value: object) -> str:
    """Return the path of a file with a configuration."""
    path = folder / "ice.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("{", "the ICE configuration is not JSON"),
        ({"provider": "coturn"}, "the provider coturn needs “urls”"),
        (COTURN, 'allow it with "open": true in the file'),
        (
            {"provider": "twilio", "accountSid": "AC1", "authToken": "t"},
            "only --handler lambda calls twilio",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, value: object, why: str) -> None:
    """The line names the file and the reason, and holds no secret."""
    path = ice_file(tmp_path, value)
    code, error = refused("--ice", path)
    assert code == 1
    assert error.startswith(f"Error: --ice {path}: ")
    assert why in error
    assert error.count("\n") == 1
    assert str(COTURN["secret"]) not in error


def test_a_file_that_is_not_there_is_one_line() -> None:
    """The line names the file."""
    code, error = refused("--ice", "none.json")
    assert code == 1
    assert error.startswith("Error: --ice none.json: ")


@pytest.mark.parametrize(
    "options",
    [
        ["--turn", "--ice", "a.json"],
        ["--turn", "--handler", "app.py:handler"],
        ["--ice", "a", "--template", "b"],
        ["--ice", "a", "--config", "b"],
    ],
)
def test_options_that_exclude_each_other_are_wrong_usage(options: list[str]) -> None:
    """Wrong usage has exit code 2."""
    assert refused(*options)[0] == 2


def test_the_lambda_host_needs_an_ssm(tmp_path: Path) -> None:
    """An endpoint of DynamoDB alone has no parameters, from which the function reads them."""
    path = ice_file(tmp_path, {"iceServers": []})
    code, error = refused("--handler", "lambda", "--dynamodb", "http://127.0.0.1:9", "--ice", path)
    assert code == 2
    assert "--ice puts a parameter into moto's SSM" in error


def test_without_coturn_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the package."""
    monkeypatch.setenv("PATH", "/nowhere")
    code, error = refused("--turn")
    assert code == 1
    assert "apt-get install coturn" in error


def welcome(url: str) -> dict[str, Any]:
    """Return the payload of the welcome of a player."""
    with connect(f"{url}?playerId=Alice&gameId=G", open_timeout=10) as client:
        client.send('{"type":"hello"}')
        payload = json.loads(client.recv(timeout=10))["payload"]
        assert isinstance(payload, dict)
        return payload


@pytest.mark.process
@pytest.mark.parametrize("handler", ["core", pytest.param("lambda", marks=pytest.mark.aws)])
def test_the_file_is_what_clients_get(tmp_path: Path, handler: str) -> None:
    """Static servers come as they are, coturn's with credentials, on either host.

    Each time they cost two messages of the limit.
    """
    stun = {"urls": ["stun:stun.example.com"]}
    path = ice_file(tmp_path, {**COTURN, "iceServers": [stun], "open": True})
    limit = ("--message-rate", "0.001", "--message-burst", "4")
    with serving(*EMULATE, "--port", "0", "--handler", handler, "--ice", path, *limit) as served:
        payload = welcome(served.url)
        with connect(f"{served.url}?playerId=Bob&gameId=G", open_timeout=10) as bob:
            for answered in ("ice-servers", "ice-servers", "error"):
                bob.send('{"type":"ice-servers"}')
                assert json.loads(bob.recv(timeout=10))["type"] == answered
    assert "ice-servers" in payload["features"]
    first, turn = payload["iceServers"]
    assert first == stun
    assert turn["urls"] == ["turn:turn.example.com"]
    assert turn["username"].startswith(f"{payload['iceExpiresAt']}:")


@pytest.mark.process
@pytest.mark.aws
def test_the_lambda_host_tells_of_the_turn_server() -> None:
    """The credentials are those that coturn takes: a relay address is allocated."""
    demand_turn()
    with serving(*EMULATE, "--port", "0", "--handler", "lambda", "--turn") as served:
        payload = welcome(served.url)
        _, turn = payload["iceServers"]
        found = asyncio.run(probe_turn(turn["urls"][0], turn["username"], turn["credential"]))
    assert found == (True, "gave a relay address")


@pytest.mark.process
def test_turn_lives_as_long_as_the_emulator() -> None:
    """Coturn runs while the emulator does, with a secret that no command line shows."""
    demand_turn()
    with serving(*EMULATE, "--port", "0", "--turn") as served:
        process = psutil.Process(served.process.pid)
        payload = welcome(served.url)
        _, turn = payload["iceServers"]
        assert turn["urls"][0].startswith("turn:127.0.0.1:")
        (coturn,) = [each for each in process.children() if each.name() == PROGRAM]
        assert not any("secret" in each for each in coturn.cmdline())
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(20) == 0
        assert not coturn.is_running()
