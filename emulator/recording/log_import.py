"""Import of the Lambda function's log lines as trace entries.

They contain connection ids, types of messages and outcomes, but no names and no messages.
"""

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from poker_signal.core.model import HOST
from poker_signal.emulator.recording.format import is_number

_KINDS = {"$connect": ("connect", "CONNECT"), "$disconnect": ("disconnect", "DISCONNECT")}
_decoder = json.JSONDecoder()


def log_lines(text: str) -> Iterator[dict[str, Any]]:
    """Yield the function's own log lines, and skip all text around and between them.

    ``text`` is the output of ``aws logs tail`` or ``aws logs filter-log-events``, or the lines
    alone.
    """
    for message in _messages(text):
        start = message.find("{")
        if start < 0:
            continue
        try:
            value, _ = _decoder.raw_decode(message, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and "outcome" in value and _at_ms(value) is not None:
            yield value


def entries_of(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the trace entries of invocations, in order of time.

    Connections that share a ``handshake`` are one game, named after the stage and a number; others
    have the stage as their game. The connection that joins were delivered to is the player
    ``HOST``, others have their id as a name. Each message has the name of the other side.
    """
    lines = list(lines)
    tables = _Tables(lines)
    found: list[dict[str, Any]] = []
    for line in lines:
        found += _of_line(line, tables)
    found.sort(key=lambda entry: entry["at"])
    return [{"n": number, **entry} for number, entry in enumerate(found)]


class _Tables:
    """Games of the log: connections that have exchanged messages, directly or by others."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self._pairs: dict[str, set[str]] = {}
        for line in lines:
            if isinstance(line.get("connectionId"), str) and isinstance(line.get("handshake"), str):
                self._pairs.setdefault(line["handshake"], set()).add(line["connectionId"])
        self._hosts = {
            other
            for line in lines
            if line.get("type") == "join" and (other := self.other_side(line)) is not None
        }
        self._numbers: dict[str, int] = {}
        numbers = itertools.count(1)
        for pair in self._pairs.values():
            known = {self._numbers[each] for each in pair if each in self._numbers}
            number = min(known, default=0) or next(numbers)
            members = {each for each, its in self._numbers.items() if its in known} | pair
            self._numbers |= dict.fromkeys(members, number)

    def other_side(self, line: dict[str, Any]) -> str | None:
        """Return the connection at the other end of a line's handshake; None: no line is its."""
        others = self._pairs.get(line.get("handshake", ""), set()) - {line.get("connectionId")}
        return min(others, default=None)

    def game_of(self, connection_id: str, stage: str) -> str:
        """Return the name of a connection's game."""
        number = self._numbers.get(connection_id)
        return stage if number is None else f"{stage} {number}"

    def name_of(self, connection_id: str) -> str:
        """Return the name of a connection's player."""
        return HOST if connection_id in self._hosts else connection_id


def _messages(text: str) -> Iterable[str]:
    """Return the logged messages: those in a JSON document of events, or else the text's lines."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text.splitlines()
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        return text.splitlines()
    return [str(event.get("message", "")) for event in events if isinstance(event, dict)]


def _at_ms(line: dict[str, Any]) -> float | None:
    """Return the epoch ms at which a line was written, which is the invocation's end."""
    aws = line.get("_aws")
    at_ms = aws.get("Timestamp") if isinstance(aws, dict) else None
    return at_ms if is_number(at_ms) else None


def _of_line(line: dict[str, Any], tables: _Tables) -> list[dict[str, Any]]:
    end_ms = _at_ms(line) or 0
    took_ms = line.get("Milliseconds")
    took_ms = took_ms if is_number(took_ms) else 0
    route, connection_id = str(line.get("routeKey", "")), line.get("connectionId")
    stage, request_id = str(line.get("stage", "")), line.get("requestId")
    kind, event_type = _KINDS.get(route, ("message", "MESSAGE"))
    whose = {"gameId": stage}
    if isinstance(connection_id, str):
        whose = {
            "gameId": tables.game_of(connection_id, stage),
            "connectionId": connection_id,
            "playerId": tables.name_of(connection_id),
        }
    if isinstance(line.get("due"), str):
        return [{"at": end_ms, "kind": "due", **whose, "note": line["due"].lower(), "step": 0}]
    context = {
        "routeKey": route, "eventType": event_type, "connectionId": connection_id,
        "requestId": request_id, "stage": stage,
    }  # fmt: skip
    begun: dict[str, Any] = {
        "at": round(end_ms - took_ms),
        "kind": kind,
        **whose,
        "event": {"requestContext": context},
        "requestId": request_id,
    }
    if kind == "message":
        begun |= {"route": route, "type": str(line.get("type", "message"))}
        if (other := tables.other_side(line)) is not None:
            begun["targetId"] = tables.name_of(other)
    if kind == "disconnect":
        begun |= {"code": line.get("disconnectStatusCode", 0), "reason": ""}
    end = {"at": end_ms, "kind": "return", **whose, "requestId": request_id, "of": kind}
    end |= {"ms": took_ms, **_became(line)}
    if isinstance(line.get("handshake"), str):
        begun["handshake"] = end["handshake"] = line["handshake"]
    entries = [begun, end]
    if line["outcome"] == "connected":
        entries.append({"at": end_ms, "kind": "opened", **whose})
    return entries


def _became(line: dict[str, Any]) -> dict[str, Any]:
    if line["outcome"] == "failed":
        error = f"{line.get('error', '')}\n{line.get('traceback', '')}".strip()
        return {"failure": "raised", "error": error}
    code = {"code": line["code"]} if isinstance(line.get("code"), str) else {}
    return {"outcome": line["outcome"], **code}
