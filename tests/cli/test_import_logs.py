"""The `import-logs` command: log lines become a recording."""

import json
from pathlib import Path

from click.testing import CliRunner

from poker_signal.cli.main import main
from poker_signal.emulator.recording.format import read
from tests.emulator.recording.test_log_import import LINES


def test_logs_become_a_recording(tmp_path: Path) -> None:
    """Log lines from a pipe become a recording with a header and entries."""
    text = "\n".join(json.dumps(line) for line in LINES)
    result = CliRunner().invoke(main, ["import-logs", "-"], input=text)
    assert result.exit_code == 0
    path = tmp_path / "r.jsonl"
    path.write_bytes(result.stdout_bytes)
    found = read(path)
    assert found.header["redacted"] == "names, messages"
    assert (len(found.entries), found.problems) == (11, [])
    # Logs do not contain the messages.
    result = CliRunner().invoke(main, ["replay", str(path), "--url", "ws://127.0.0.1:9/prod"])
    assert result.exit_code == 2
    assert "it has no message texts" in result.stderr


def test_a_file_without_such_lines_is_called_so() -> None:
    """A file without log lines of the Lambda function is an error that says so."""
    result = CliRunner().invoke(main, ["import-logs", "-"], input="START RequestId: x\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "the file has no log line of poker-signal's function" in result.stderr
