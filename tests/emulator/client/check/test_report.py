"""Reports of the check: tables and JSON documents."""

import json

from poker_signal.emulator.client.check import report
from poker_signal.emulator.client.check.runner import FIRST, RULES, RuleResult

OK = RuleResult(FIRST, "ok", (1.23, 2.0, 3.0), "warm", star=False)
FAILED = RuleResult(
    RULES[2], "FAILED", (), "do this", "the handshake refused", "101, \x1b[2J", True
)
SKIPPED = RuleResult(RULES[3], "skipped", note="a mesh")


def test_columns_are_aligned_and_a_failure_says_what_was_expected_and_what_came() -> None:
    """Text from a server is escaped, so that it cannot move the cursor."""
    (ok,), (skipped,) = report.lines_of(OK), report.lines_of(SKIPPED)
    assert ok.startswith("  ok       connects  ")
    assert ok.endswith("2.0 / 3.0 ms  warm")
    assert ok.index("warm") == skipped.index("a mesh")
    first, *below = report.lines_of(FAILED)
    assert first == "  FAILED   no playerId is refused with 400"
    assert [line.strip() for line in below] == [
        "expected: the handshake refused",
        "came:     101, \\x1b[2J",
        "hint:     do this",
    ]


def test_the_last_line_counts_and_the_document_holds_everything() -> None:
    """The JSON document is for programs."""
    assert report.summary([OK, FAILED, SKIPPED], 1.26) == (
        "1 held, 1 FAILED, 1 skipped in 1.3 s; topology: star"
    )
    assert report.summary([SKIPPED], 0) == "1 skipped in 0.0 s; topology: unknown"
    document = json.loads(json.dumps(report.document("ws://x/prod", [OK, FAILED], 1.5)))
    assert document["ok"] is False
    told = document["url"], document["topology"], document["seconds"]
    assert told == ("ws://x/prod", "star", 1.5)
    assert document["rules"][0] == {
        "group": "Connecting",
        "name": "connects",
        "outcome": "ok",
        "milliseconds": {"median": 2.0, "p95": 3.0, "count": 3},
        **{"note": "warm", "expected": "", "came": ""},
    }
    assert document["rules"][1]["milliseconds"] is None
