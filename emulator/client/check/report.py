"""Results of a check: as a table for people, as JSON for programs."""

from collections.abc import Sequence
from typing import Any

from poker_signal.emulator.client.check.runner import RULES, RuleResult
from poker_signal.emulator.terminal import escape

_OUTCOME_WIDTH = 9
_NAME_WIDTH = max(len(rule.name) for rule in RULES) + 2
_TIME_WIDTH = 18
_INDENT = " " * (2 + _OUTCOME_WIDTH)


def lines_of(row: RuleResult) -> list[str]:
    """Return a row of the table, and the indented lines below it."""
    line = (
        f"  {row.outcome:{_OUTCOME_WIDTH}}{row.rule.name:{_NAME_WIDTH}}{_time(row):>{_TIME_WIDTH}}"
    )
    below = []
    if row.outcome == "FAILED":
        below = [f"expected: {escape(row.expected)}", f"came:     {escape(row.came)}"]
        below += [f"hint:     {row.note}"] if row.note else []
    elif row.note:
        line = f"{line}  {row.note}"
    return [line.rstrip(), *(f"{_INDENT}{text}" for text in below)]


def summary(rows: Sequence[RuleResult], seconds: float) -> str:
    """Return the table's last line: counts, duration and topology."""
    counts = {
        "held": sum(row.outcome == "ok" for row in rows),
        "FAILED": failures(rows),
        "skipped": sum(row.outcome == "skipped" for row in rows),
    }
    counted = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"{counted} in {seconds:.1f} s; topology: {topology(rows) or 'unknown'}"


def failures(rows: Sequence[RuleResult]) -> int:
    """Return the number of rules that failed."""
    return sum(row.outcome == "FAILED" for row in rows)


def topology(rows: Sequence[RuleResult]) -> str | None:
    """Return ``mesh`` or ``star``; None if no rule found out."""
    found = [row.star for row in rows if row.star is not None]
    return ("star" if found[-1] else "mesh") if found else None


def document(url: str, rows: Sequence[RuleResult], seconds: float) -> dict[str, Any]:
    """Return all results, ready for JSON; ``seconds`` is the duration of the check."""
    return {
        "url": url,
        "ok": failures(rows) == 0,
        "topology": topology(rows),
        "seconds": round(seconds, 3),
        "rules": [_as_json(row) for row in rows],
    }


def _as_json(row: RuleResult) -> dict[str, Any]:
    milliseconds = None
    if row.samples_ms:
        milliseconds = {
            "median": round(row.median_ms, 3),
            "p95": round(row.p95_ms, 3),
            "count": len(row.samples_ms),
        }
    return {
        "group": row.rule.group,
        "name": row.rule.name,
        "outcome": row.outcome,
        "milliseconds": milliseconds,
        "note": row.note,
        "expected": row.expected,
        "came": row.came,
    }


def _time(row: RuleResult) -> str:
    if not row.samples_ms:
        return ""
    if len(row.samples_ms) == 1:
        return f"{row.median_ms:.1f} ms"
    return f"{row.median_ms:.1f} / {row.p95_ms:.1f} ms"
