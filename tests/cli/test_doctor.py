"""``poker-signal doctor``: broken environments, each named with what mends it."""

import json
import re
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from poker_signal.cli.turn import turn_server
from tests.clients.turn import demand_turn
from tests.support.process import COMMAND, EMULATE, serving

pytestmark = pytest.mark.process


def doctor(url: str, *options: str) -> tuple[int, str]:
    """Return exit code and stdout."""
    command = [*COMMAND, "doctor", url, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    return done.returncode, done.stdout


def lines(text: str) -> list[str]:
    """Return the mark and the name of each check."""
    return re.findall(r"^([✓✗] \S+)", text, re.M)


@pytest.fixture
def coturn_file(tmp_path: Path) -> Generator[tuple[Path, dict[str, object]], None, None]:
    """Start coturn; yield a file for --ice, and its content."""
    demand_turn()
    with turn_server() as (_, ice):
        content: dict[str, object] = {
            "provider": "coturn",
            "urls": ice.urls,
            "iceServers": ice.static,
            "secret": ice.secret.decode(),
            "open": True,
        }
        path = tmp_path / "ice.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        yield path, content


def test_all_is_well(coturn_file: tuple[Path, dict[str, object]]) -> None:
    """A binding and real allocations over UDP and TCP are made; the exit code is 0."""
    path, _ = coturn_file
    with serving(*EMULATE, "--port", "0", "--ice", str(path)) as served:
        code, said = doctor(served.url)
    assert code == 0, said
    assert said.count("gave a relay address") == 2
    assert said.count("answered a binding request") == 1
    assert "✓ relay: a join reached the host" in said


def test_another_secret_is_named(coturn_file: tuple[Path, dict[str, object]]) -> None:
    """A TURN server with another secret refuses the allocation with 401."""
    path, content = coturn_file
    path.write_text(json.dumps({**content, "secret": "not-the-secret-of-coturn"}))
    with serving(*EMULATE, "--port", "0", "--ice", str(path)) as served:
        code, said = doctor(served.url)
    assert code == 1
    assert "refused an allocation: 401" in said
    assert "→ compare secret, clock, port and firewall" in said


def test_a_server_that_is_not_there_is_named() -> None:
    """Nothing else is checked, and the command to start one is named."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        code, said = doctor(f"ws://127.0.0.1:{unused.getsockname()[1]}/prod")
    assert code == 1
    assert lines(said) == ["✓ versions:", "✗ server:"]
    assert "→ poker-signal emulate" in said


def test_a_wrong_stage_is_named() -> None:
    """The URL of another stage is refused."""
    with serving(*EMULATE, "--port", "0") as served:
        code, said = doctor(served.url.replace("/prod", "/dev"))
    assert code == 1
    assert lines(said)[-1] == "✗ server:"


def test_without_ice_servers_that_is_said() -> None:
    """A server without ICE servers is well, and the limit is named."""
    with serving(*EMULATE, "--port", "0") as served:
        code, said = doctor(served.url)
    assert code == 0, said
    assert "none: players connect within one network only" in said


def test_stun_and_turn_servers_that_are_not_there_are_named(tmp_path: Path) -> None:
    """Both are tried, each with its own line."""
    path = tmp_path / "ice.json"
    stun = {"urls": "stun:127.0.0.1:1"}
    turn = {"urls": "turn:127.0.0.1:1?transport=tcp", "username": "u", "credential": "c"}
    path.write_text(json.dumps({"iceServers": [stun, turn], "open": True}))
    with serving(*EMULATE, "--port", "0", "--ice", str(path)) as served:
        code, said = doctor(served.url)
    assert code == 1
    assert said.count("could not be reached") == 2, said
