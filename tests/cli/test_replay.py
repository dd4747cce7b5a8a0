"""The `replay` command: its output and its exit codes."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from poker_signal.cli.main import main
from tests.emulator.recorded import entries_of, table, write
from tests.support.process import emulate

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of one game."""
    path = tmp_path_factory.mktemp("recording") / "r.jsonl"
    return write(path, asyncio.run(entries_of(table)))


def replay(path: Path, url: str, *options: str) -> Result:
    """Run the command."""
    arguments = ["replay", str(path), "--url", url, "--speed", "0", *options]
    return CliRunner().invoke(main, arguments)


def test_the_same_is_exit_code_0(recording: Path, url: str) -> None:
    """A replay without differences prints one line that counts what was compared."""
    result = replay(recording, url)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "3 connections, 12 messages sent: 12 of 12 deliveries as in the recording, 0 that are not "
        "in it\n"
    )


def test_a_server_that_asks_for_tickets_gets_them(recording: Path, tmp_path: Path) -> None:
    """With the secret file, each recorded player gets a ticket; without it, each is refused."""
    secrets = tmp_path / "tickets.json"
    secrets.write_text('{"2026-11": "a-secret-of-november-with-entropy"}')
    options = ("--ticket-secret-file", str(secrets))
    with emulate("--port", "0", *options) as (_, line):
        with_tickets = replay(recording, line.strip(), *options)
        without = replay(recording, line.strip())
    assert (with_tickets.exit_code, with_tickets.stderr) == (0, "")
    assert without.exit_code == 1
    assert "refused 401" in without.stdout


def test_a_difference_is_exit_code_1(recording: Path) -> None:
    """Each frame that only one of the two has is printed on its own line."""
    with emulate("--port", "0", "--topology", "star") as (_, line):
        result = replay(recording, line.strip(), "--timeout", "1")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line[:17].strip() for line in lines if line.startswith("  ")] == [
        "+ now, not then", "- then, not now",
    ]  # fmt: skip
    assert lines[-1].endswith("11 of 12 deliveries as in the recording, 1 that are not in it")


def test_what_is_of_no_use_is_exit_code_2(recording: Path, url: str, tmp_path: Path) -> None:
    """A bad URL, a server that does not answer or a bad file is reported in one line."""
    junk = tmp_path / "junk"
    junk.write_text("not a recording\n")
    for path, where, words in (
        (recording, "http://127.0.0.1/prod", "a WebSocket URL starts with ws://"),
        (recording, "ws://127.0.0.1:9/prod", "no server listens at 127.0.0.1:9"),
        (tmp_path / "none", url, "No such file or directory"),
        (junk, url, "not a recording"),
    ):
        result = replay(path, where)
        assert (result.exit_code, result.stdout) == (2, "")
        assert words in result.stderr


def test_a_recording_that_is_cut_off_is_played_as_far_as_it_goes(
    recording: Path, url: str, tmp_path: Path
) -> None:
    """Whole lines are played, and a note on stderr says that the last line is incomplete."""
    data = recording.read_bytes()
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(data[: data.index(b'"targetId":"Anna"') + 10])
    result = replay(cut, url)
    assert result.exit_code == 0
    assert result.stderr == (
        "note: it is cut off in the middle of its last line, which is left out\n"
    )
    assert "1 messages sent: 1 of 1 deliveries" in result.stdout
