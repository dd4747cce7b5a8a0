"""The `check` command: its table, its JSON document and its exit codes."""

import json

import pytest
from click.testing import CliRunner, Result

from poker_signal.cli.main import main
from poker_signal.emulator.client.check.runner import RULES
from tests.support.process import emulate

pytestmark = pytest.mark.process


def check(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["check", *arguments])


def test_all_rules_hold_at_the_emulator(url: str) -> None:
    """The table has one line per rule, in groups, and a summary in the last line."""
    result = check(url)
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows, last = result.stdout.splitlines()
    assert head.startswith(url)
    assert [row for row in rows if row and not row.startswith("  ok ")] == [
        "Connecting",
        "Relaying",
        "Answering",
        "Names",
        "By itself",
    ]
    assert last.startswith(f"{len(RULES)} held in ")
    assert last.endswith("; topology: mesh")


def test_a_document_is_all_of_stdout(url: str) -> None:
    """`--json` prints one JSON document; a trailing slash of the URL is ignored."""
    result = check(f"{url}/", "--json", "--pause", "0.01")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["ok"], document["url"]) == (0, True, url)
    assert [rule["name"] for rule in document["rules"]] == [rule.name for rule in RULES]


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
def test_a_wrong_stage_is_explained(url: str, options: tuple[str, ...]) -> None:
    """One line on stderr says what to do; rules that cannot be played are not printed."""
    result = check(url.replace("/prod", "/dev"), *options)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the handshake was refused with 403 Forbidden: is the")
    assert result.stderr.count("\n") == 1
    # No line for each of the rules that could not be played.
    assert ("connects again" in result.stdout, len(RULES) > 30) == (False, True)


def test_a_rule_that_does_not_hold_is_exit_1() -> None:
    """A limit in front of the handler can break a rule; the exit code is then 1."""
    with emulate("--port", "0", "--max-url-chars", "180") as (_, line):
        result = check(line.strip())
    assert (result.exit_code, result.stderr) == (1, "")
    assert "  FAILED   impossible names are refused with 400\n" in result.stdout
    assert "           came:     414\n" in result.stdout


def test_only_this_machine_needs_no_pause() -> None:
    """Only loopback URLs need no pause: elsewhere DynamoDB's index may lag behind a new row."""
    from poker_signal.cli.check import _is_this_machine

    assert _is_this_machine("ws://localhost:3001/prod")
    assert _is_this_machine("ws://127.0.0.2:3001/prod")
    assert _is_this_machine("ws://[::1]:3001/prod")
    assert not _is_this_machine("wss://x.execute-api.us-west-2.amazonaws.com/prod")
    assert not _is_this_machine("ws://192.168.0.5:3001/prod")
