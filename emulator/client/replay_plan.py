"""What to do, and what to hear, to play a recording again."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.protocols.websocket_connection import MAX_REASON_BYTES

TAKEN_OVER = (1000, "Connection Closed Normally")
"""How ``@connections`` and a take-over end a connection: the server does it again by itself."""

ABNORMAL = 1006
"""No close frame came: the network was lost."""

AWAITED = frozenset({"opened", "refused", "hear", "closed"})
"""What a client hears; the other steps are taken when their time has come."""

MAX_WAIT_S = 24 * 60 * 60
"""Longer waits are taken for a clock that was changed while it was recorded."""

CLIENTS_OWN = frozenset({1000, 1001, 1005, ABNORMAL, *range(3000, 5000)})
"""What clients close with; the rest is a server's answer to what recordings do not hold."""


class NothingToPlay(PokerSignalError):
    """No client can be played by what there is; the text says why."""


class Part(NamedTuple):
    """One connection of the recording."""

    connection_id: str
    player: str
    game: str
    query: list[tuple[str, str]]

    @property
    def name(self) -> str:
        """Who it is, for a person."""
        who = f"{self.player or '?'} in {self.game or '?'}"
        return f"{who} ({self.connection_id})"


class Step(NamedTuple):
    """Something that a client does, or that it hears before others do something."""

    at_ms: float
    connection_id: str
    what: Literal["connect", "opened", "refused", "send", "hear", "close", "drop", "closed"]
    """``close`` and ``drop`` are the client's, ``closed`` the server's."""
    text: str = ""
    """Of ``send`` and ``hear``; the reason of ``close``."""
    code: int = 0
    """Status of ``refused``, code of ``close``."""


class Plan(NamedTuple):
    """A recording as a script."""

    parts: dict[str, Part]
    steps: list[Step]
    notes: list[str]
    """What cannot be played as it was, in words."""


def plan_of(entries: Iterable[dict[str, Any]], speed: float = 0) -> Plan:
    """Return what to do, in the order of the recording.

    Raises:
        NothingToPlay: nobody connects in it, what was said is not in it, or at this speed nobody
            would live to see it.
    """
    plan = Plan({}, [], [])
    earlier: list[Step] = []
    waits = _Waits(speed)
    without_text = 0
    for entry in entries:
        connection_id = entry.get("connectionId")
        # A path that was refused, or a stranger's @connections, is nobody's.
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
        plan.notes.append(f"messages whose text is not in it: {without_text}")
    if without_text and not any(step.what == "send" for step in plan.steps):
        raise NothingToPlay("what was said is not in it; a recording from logs cannot be replayed")
    if not plan.parts:
        raise NothingToPlay("nobody connects in it")
    return plan


class _Waits:
    """How long is waited before each step; 0 as ``speed`` does not wait."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._latest_ms: float | None = None
        """A step whose time is over already is taken at once."""

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
            # It was there when the recording began.
            at_ms = plan.steps[0].at_ms if plan.steps else step.at_ms
            earlier += [
                Step(at_ms, step.connection_id, "connect"),
                Step(at_ms, step.connection_id, "opened"),
            ]
    elif step.what == "connect":
        # The authorizer was asked before $connect.
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
    # Half a surrogate pair is no UTF-8.
    return text.encode(errors="replace").decode()


def _part(entry: dict[str, Any], connection_id: str) -> Part:
    player, game = str(entry.get("playerId", "")), str(entry.get("gameId", ""))
    query = _query(entry.get("event"))
    if query is None:
        query = [(key, value) for key, value in (("playerId", player), ("gameId", game)) if value]
    return Part(connection_id, player, game, query)


def _query(event: Any) -> list[tuple[str, str]] | None:
    """Return the query string of a handshake; None where the entry is of none."""
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
    """Tell of an end that the client did not want, and that will not come by itself."""
    code, reason = entry.get("code"), entry.get("reason", "")
    is_servers = code not in CLIENTS_OWN | {1012} or (code, reason) == (1001, "Going away")
    if step.what == "close" and is_servers:
        name = plan.parts[step.connection_id].name
        how = f"{code} {reason}".rstrip()
        plan.notes.append(f"{name}: the server ended it with {how}; now the client does, then")
