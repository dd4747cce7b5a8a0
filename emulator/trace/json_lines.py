"""Lines of ``emulate --log-format json``: one object per event, for programs."""

import json
from collections.abc import Iterator
from typing import Any

from poker_signal.core.aws_event import iso_time
from poker_signal.emulator.clock import now_ms
from poker_signal.emulator.trace.entries import Kept
from poker_signal.emulator.trace.summary import connection_of, details_of, record_of


class JsonLines:
    """Formats entries and texts; names and outcomes are those of the text lines.

    Keys: ``time`` (ISO 8601, UTC), ``kind``, ``game``, ``from``, ``to``, ``type``, ``bytes``,
    ``outcome``, ``fault``, ``connectionId`` and, if verbose, ``details``. Empty ones are left out.
    Never a payload.
    """

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose

    def of_entry(self, entry: Kept) -> str:
        """Return the line of an entry; empty: another entry reports it."""
        record = record_of(entry)
        if record is None:
            return ""
        facts = {
            "game": record.game,
            "from": record.who,
            "to": record.whom,
            "type": record.type,
            "bytes": record.size,
            "outcome": record.outcome,
            "fault": record.fault,
            "connectionId": connection_of(entry),
            "details": details_of(entry) if self._verbose else "",
        }
        return _line(record.at_ms, record.kind, facts)

    def of_all(self, taken: Iterator[Kept | str], now_s: float) -> list[str]:
        """Return the lines of a batch: one per entry, also for strikes of one fault."""
        return [each if isinstance(each, str) else self.of_entry(each) for each in taken]

    def rest_s(self, now_s: float) -> float | None:
        """Return None: no strike is counted."""
        return None

    def of_text(self, text: str) -> str:
        """Return a line per line of output: of a handler, a logger or the reloader."""
        return "".join(self.of_note("output", {"text": line}) for line in text.splitlines())

    def of_note(self, kind: str, facts: dict[str, Any]) -> str:
        """Return the line of a fact that is no entry: ``listening``, ``output`` or ``warning``."""
        return _line(now_ms(), kind, facts)

    def of_counted(self, messages: int) -> str:
        """Return the line for delivered messages without lines of their own."""
        return self.of_note("counted", {"messages": messages})

    def of_dropped(self, lines: int) -> str:
        """Return the line for lines that the reader of stderr was too slow for."""
        return self.of_note("dropped", {"lines": lines})


def _line(at_ms: int, kind: str, facts: dict[str, Any]) -> str:
    members = {"time": iso_time(at_ms), "kind": kind, **facts}
    # ASCII: no peer's text can move a cursor or break a line.
    return json.dumps({key: each for key, each in members.items() if each not in ("", None)}) + "\n"
