"""The `ticket` command, and emulators that require tickets."""

import json
import os
import signal
import stat
import time
from pathlib import Path

import click
import jwt
import pytest
from click.testing import CliRunner, Result
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from poker_signal.cli.main import main
from poker_signal.core.tickets import MAX_LIFETIME_S
from poker_signal.emulator.client.check.runner import RULES
from tests.support.process import emulate, play, start, until

SECRETS = {
    "2026-11": "a-secret-of-november-with-entropy",
    "old": "a-secret-of-october-with-entropy",
}
ENVIRONMENT = "POKER_SIGNAL_TICKET_SECRET_FILE"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """A secret file with two keys."""
    file = tmp_path / "tickets.json"
    file.write_text(json.dumps(SECRETS))
    return file


def ticket(*options: str, game: str = "G", player: str = "Zoë 🃏", **environment: str) -> Result:
    """Run the command."""
    runner = CliRunner(env=environment)
    return runner.invoke(main, ["ticket", "--game", game, "--player", player, *options])


def decoded(printed: str, kid: str) -> dict[str, object]:
    """Return the claims of a ticket as PyJWT reads them, which also checks the expiry."""
    assert jwt.get_unverified_header(printed)["kid"] == kid
    claims: dict[str, object] = jwt.decode(printed, SECRETS[kid], ["HS256"])
    return claims


def status(url: str) -> int:
    """Return the HTTP status that answers a WebSocket handshake."""
    try:
        with connect(url, compression=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_it_prints_one_ticket_that_lasts_five_minutes(secret_file: Path) -> None:
    """A ticket is signed with the first key of the file."""
    before = int(time.time())
    result = ticket("--ticket-secret-file", str(secret_file))
    assert (result.exit_code, result.stderr) == (0, "")
    (line,) = result.stdout.splitlines()
    claims = decoded(line, "2026-11")
    assert before + 300 <= int(str(claims.pop("exp"))) <= time.time() + 300
    assert claims == {"gameId": "G", "playerId": "Zoë 🃏"}


def test_no_ticket_lasts_longer_than_a_server_takes() -> None:
    """The option's maximum is the core's limit, although the option does not import the core."""
    (lifetime,) = [each for each in main.commands["ticket"].params if each.name == "lifetime"]
    assert isinstance(lifetime.type, click.IntRange)
    assert lifetime.type.max == MAX_LIFETIME_S


def test_a_key_and_a_lifetime_can_be_chosen(secret_file: Path) -> None:
    """The secret file may come from the same environment variable as for the emulator."""
    result = ticket("--kid", "old", "--lifetime", "3600", **{ENVIRONMENT: str(secret_file)})
    assert int(str(decoded(result.stdout.strip(), "old")["exp"])) > time.time() + 3500


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(secret_file: Path) -> None:
    """A secret file without read permission is reported as such."""
    secret_file.chmod(stat.S_IWUSR)
    result = ticket("--ticket-secret-file", str(secret_file))
    assert result.exit_code == 1
    assert "Permission denied" in result.stderr


@pytest.mark.process
@pytest.mark.parametrize("handler", ["core", pytest.param("lambda", marks=pytest.mark.aws)])
def test_an_emulator_with_a_secret_asks_for_tickets(handler: str, secret_file: Path) -> None:
    """No secret is on stderr; the Lambda handler reads the secrets from moto's SSM."""
    good = ticket("--ticket-secret-file", str(secret_file)).stdout.strip()
    other = ticket("--ticket-secret-file", str(secret_file), player="Bob").stdout.strip()
    options = ("--port", "0", "--handler", handler)
    with emulate(*options, **{ENVIRONMENT: str(secret_file)}) as (process, line):
        query = f"{line.strip()}?gameId=G&playerId=Zo%C3%AB%20%F0%9F%83%8F"
        tickets = ("", "&ticket=x", f"&ticket={other}", f"&ticket={good}")
        assert [status(query + each) for each in tickets] == [401, 403, 403, 101]
        process.terminate()
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (0, "")
    assert "401" in err if handler == "core" else "MISSING_TICKET" in err
    for secret in (good, good.rpartition(".")[2], other, *SECRETS.values()):
        assert secret not in err


@pytest.mark.process
def test_clients_with_the_secret_make_their_own_tickets(secret_file: Path) -> None:
    """`check` tests the tickets as well; each bot has a ticket for its own name."""
    with_secret = ("--ticket-secret-file", str(secret_file))
    with emulate("--port", "0", *with_secret) as (_, line):
        url = line.strip()
        checked = CliRunner().invoke(main, ["check", url, *with_secret])
        peer = ("peer", url, "--player", "Zoë 🃏", "--game", "G")
        played = play(*peer, *with_secret, says="/ping\n/expect pong\n/close\n")
        refused = play(*peer)
        party = ("bot", url, "--game", "G", "--count", "3")
        with start(*party, *with_secret) as bots:
            connected = [until(bots, "connected")["player"] for _ in range(3)]
            bots.send_signal(signal.SIGTERM)
            assert bots.wait(20) == 0
        assert play(*party)[:2] == (1, [])
    assert connected == ["Bot 1", "Bot 2", "Bot 3"]
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "  ok       no ticket: 401, another's: 403" in checked.stdout
    assert checked.stdout.splitlines()[-1].startswith(f"{len(RULES) + 1} held in ")
    assert (played[0], played[2]) == (0, "")
    assert refused[:2] == (1, [])
    assert "needed to join this game. Use --ticket-secret-file FILE to make one" in refused[2]


CORE = '[functions.a]\nhandler = "core"\n[functions.b]\nhandler = "fn.py:handler"\n[routes]\n'


@pytest.mark.process
def test_a_configured_core_asks_for_tickets_too(secret_file: Path, tmp_path: Path) -> None:
    """The core requires tickets also when other functions are configured beside it."""
    (tmp_path / "fn.py").write_text("def handler(event, context): return {'statusCode': 200}\n")
    config = tmp_path / "a.toml"
    config.write_text(CORE + '"$connect" = { function = "a" }\n"$default" = { function = "b" }\n')
    good = ticket("--ticket-secret-file", str(secret_file), player="Bob").stdout.strip()
    options = ("--config", str(config), "--ticket-secret-file", str(secret_file))
    with emulate("--port", "0", *options) as (_, line):
        assert status(f"{line.strip()}?gameId=G&playerId=Bob") == 401
        assert status(f"{line.strip()}?gameId=G&playerId=Bob&ticket={good}") == 101


@pytest.mark.process
def test_a_server_that_asks_for_no_tickets_is_told(secret_file: Path) -> None:
    """`check` with a secret file fails at a server that does not require tickets."""
    with emulate("--port", "0") as (_, line):
        environment = {ENVIRONMENT: str(secret_file)}
        result = CliRunner().invoke(main, ["check", line.strip()], env=environment)
    assert result.exit_code == 1
    _, _, told = result.stdout.partition("  FAILED   no ticket: 401, another's: 403\n")
    assert [line.strip() for line in told.splitlines()[:2]] == [
        "expected: the handshake refused with 401",
        "came:     101, connected",
    ]
