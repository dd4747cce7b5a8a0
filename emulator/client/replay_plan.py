"""A recording as a script: the steps of its clients, and the frames that they expect."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.protocols.websocket_connection import MAX_REASON_BYTES

TAKEN_OVER = (1000, "Connection Closed Normally")
"""Code and reason of ``@connections`` and of a takeover; the server closes by itself again."""

ABNORMAL = 1006
"""Code for an end without a close frame: the network was lost."""

AWAITED = frozenset({"opened", "refused", "hear", "closed"})
"""Steps that a client waits for; it takes the others at their time."""

MAX_WAIT_S = 24 * 60 * 60
"""Longest wait in seconds; a longer one means that the clock was changed during the recording."""

CLIENTS_OWN = frozenset({1000, 1001, 1005, ABNORMAL, *range(3000, 5000)})
"""Close codes of clients; a server sends others, for causes that a recording does not hold."""


class NothingToPlay(PokerSignalError):
    """The recording cannot be replayed; the text says why."""


class Part(NamedTuple):
    """One connection of the recording."""

    connection_id: str
    player: str
    game: str
    query: list[tuple[str, str]]

    @property
    def name(self) -> str:
        """Player, game and connection id, for output."""
        who = f"{self.player or '?'} in {self.game or '?'}"
        return f"{who} ({self.connection_id})"


class Step(NamedTuple):
    """An action of a client, or an event that must come before the next action of any client."""

    at_ms: float
    connection_id: str
    what: Literal["connect", "opened", "refused", "send", "hear", "close", "drop", "closed"]
    """The client does ``close`` and ``drop``, the server ``closed``."""
    text: str = ""
    """Frame of ``send`` and ``hear``; reason of ``close`` and ``closed``."""
    code: int = 0
    """Status of ``refused``; code of ``close`` and ``closed``."""


class Plan(NamedTuple):
    """A recording as a script."""

    parts: dict[str, Part]
    steps: list[Step]
    notes: list[str]
    """Sentences about parts that cannot be played as they were."""


def plan_of(entries: Iterable[dict[str, Any]], speed: float = 0) -> Plan:
    """Return the plan for a recording's entries; ``speed`` 0 does not wait between steps.

    Raises:
        NothingToPlay: no client connects in it, it has no message texts, or at this speed a wait
            would be longer than ``MAX_WAIT_S``.
    """
    plan = Plan({}, [], [])
    earlier: list[Step] = []
    waits = _Waits(speed)
    without_text = 0
    for entry in entries:
        connection_id = entry.get("connectionId")
        # Refused paths and @connections requests to unknown ids belong to no connection.
        if not isinstance(connection_id, str):
            continue
        step = _step(entry, connection_id)
        if step is None:
            without_text += entry["kind"] in {"message", "unrouted"}
        else:
            waits.check(entry["n"], step)
            _add(plan, entry, step, earlier)
    plan.steps[:0] = earlier
    if without_text:
        plan.notes.append(f"messages without a text, which are left out: {without_text}")
    if without_text and not any(step.what == "send" for step in plan.steps):
        raise NothingToPlay("it has no message texts; a recording from logs cannot be replayed")
    if not plan.parts:
        raise NothingToPlay("no client connects in it")
    return plan


class _Waits:
    """Checks that no wait before a step is too long; ``speed`` 0 never waits."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._latest_ms: float | None = None
        """Latest time of a step so far; a step with an earlier time is taken at once."""

    def check(self, number: float, step: Step) -> None:
        if not self._speed or step.what in AWAITED:
            return
        before_ms = step.at_ms if self._latest_ms is None else self._latest_ms
        wait_s = (step.at_ms - before_ms) / 1000 / self._speed
        if wait_s > MAX_WAIT_S:
            raise NothingToPlay(
                f"before entry number {number:.0f} there would be a wait of {wait_s / 86400:.1f} "
                "days; was a clock changed? --speed 0 does not wait"
            )
        self._latest_ms = max(before_ms, step.at_ms)


def _add(plan: Plan, entry: dict[str, Any], step: Step, earlier: list[Step]) -> None:
    if step.connection_id not in plan.parts:
        plan.parts[step.connection_id] = _part(entry, step.connection_id)
        if step.what != "connect":
            # It was connected before the recording began.
            at_ms = plan.steps[0].at_ms if plan.steps else step.at_ms
            earlier += [
                Step(at_ms, step.connection_id, "connect"),
                Step(at_ms, step.connection_id, "opened"),
            ]
    elif step.what == "connect":
        # Both the authorizer and $connect have an entry; the client connects once.
        return
    _note(plan, entry, step)
    plan.steps.append(step)


def _step(entry: dict[str, Any], connection_id: str) -> Step | None:
    at_ms = float(entry["at"])
    match entry:
        case {"kind": "connect" | "authorizer"}:
            return Step(at_ms, connection_id, "connect")
        case {"kind": "opened"}:
            return Step(at_ms, connection_id, "opened")
        case {"kind": "refused", "status": int(status)}:
            return Step(at_ms, connection_id, "refused", code=status)
        case {"kind": "message", "event": {"body": str(body)}}:
            return Step(at_ms, connection_id, "send", _sendable(body))
        case {"kind": "unrouted", "body": str(body)}:
            return Step(at_ms, connection_id, "send", _sendable(body))
        case {"kind": "post", "frame": str(frame), "delivered": True}:
            return Step(at_ms, connection_id, "hear", frame)
        case {"kind": "disconnect", "code": int(code)}:
            return _end(at_ms, connection_id, code, str(entry.get("reason", "")))
        case _:
            return None


def _end(at_ms: float, connection_id: str, code: int, reason: str) -> Step:
    if (code, reason) == TAKEN_OVER:
        return Step(at_ms, connection_id, "closed", reason, code)
    if code == ABNORMAL:
        return Step(at_ms, connection_id, "drop")
    if code in CLIENTS_OWN - {1005}:
        fits = len(reason.encode(errors="replace")) <= MAX_REASON_BYTES
        return Step(at_ms, connection_id, "close", reason if fits else "", code)
    return Step(at_ms, connection_id, "close", "", 1000)


def _sendable(text: str) -> str:
    # Half a surrogate pair cannot be encoded as UTF-8.
    return text.encode(errors="replace").decode()


def _part(entry: dict[str, Any], connection_id: str) -> Part:
    player, game = str(entry.get("playerId", "")), str(entry.get("gameId", ""))
    query = _query(entry.get("event"))
    if query is None:
        query = [(key, value) for key, value in (("playerId", player), ("gameId", game)) if value]
    return Part(connection_id, player, game, query)


def _query(event: Any) -> list[tuple[str, str]] | None:
    """Return the query parameters of a handshake's event; None for other events."""
    if not isinstance(event, dict) or event.get("requestContext", {}).get("eventType") != "CONNECT":
        return None
    parameters = event.get("multiValueQueryStringParameters")
    if not isinstance(parameters, dict):
        return []
    return [
        (str(key), str(value))
        for key, values in parameters.items()
        for value in (values if isinstance(values, list) else [values])
    ]


def _note(plan: Plan, entry: dict[str, Any], step: Step) -> None:
    """Add a note if the server ended a connection for a reason that does not recur by itself."""
    code, reason = entry.get("code"), entry.get("reason", "")
    is_servers = code not in CLIENTS_OWN | {1012} or (code, reason) == (1001, "Going away")
    if step.what == "close" and is_servers:
        name = plan.parts[step.connection_id].name
        how = f"{code} {reason}".rstrip()
        plan.notes.append(f"{name}: the server closed it with {how}; now its client closes it")
