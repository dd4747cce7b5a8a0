"""Old spellings of 0.1.0: they work, and one line on stderr has the new one."""

from pathlib import Path

import pytest
from click.testing import CliRunner

import poker_signal.cli.bot as bot
from poker_signal.cli.main import main

EVENT = Path(__file__).parents[1] / "events" / "message.json"
END = "; the old spelling ends with 0.3.0\n"


def test_invoke_is_effects() -> None:
    """Both names print the same."""
    old, new = (CliRunner().invoke(main, [name, str(EVENT)]) for name in ("invoke", "effects"))
    assert old.stdout == new.stdout != ""
    assert (old.stderr, new.stderr) == (f"invoke is now effects{END}", "")


@pytest.mark.parametrize("form", [["--secret-file", "none.json"], ["--secret-file=none.json"]])
def test_secret_file_is_ticket_secret_file(form: list[str]) -> None:
    """The old option fails with the new one's name."""
    result = CliRunner().invoke(main, ["ticket", "--game", "G", "--player", "P", *form])
    told, error = result.stderr.splitlines(keepends=True)
    assert told == f"--secret-file is now --ticket-secret-file{END}"
    assert error.startswith("Error: --ticket-secret-file none.json: ")


@pytest.mark.parametrize(
    ("arguments", "player", "told"),
    [
        (["ws://x/prod"], "Bot", []),
        (["ws://x/prod", "--player", "HOST"], "HOST", []),
        (["host", "ws://x/prod"], "HOST", ["bot host URL is now bot URL --player HOST"]),
        (
            ["player", "ws://x/prod", "--name", "Zoë"],
            "Zoë",
            ["--name is now --player", "bot player URL is now bot URL --player NAME"],
        ),
    ],
    ids=["new", "new-host", "host", "player"],
)
def test_the_role_of_a_bot_is_its_player(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], player: str, told: list[str]
) -> None:
    """`bot host URL` and `bot player URL --name` mean `bot URL --player`."""
    seen: list[bot.BotOptions] = []
    monkeypatch.setattr(bot, "run", seen.append)
    result = CliRunner().invoke(main, ["bot", *arguments, "--game", "G"])
    assert result.exit_code == 0
    assert (seen[0].url, seen[0].player) == ("ws://x/prod", player)
    assert result.stderr == "".join(f"{line}{END}" for line in told)
