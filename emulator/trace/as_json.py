"""Trace entries as JSON: the form that the inspector shows and recordings contain.

Documented in docs/trace.md. Members that do not apply are left out, never ``null``.
"""

import json
import math
from typing import Any

from poker_signal.emulator.aws.events import Facts, message_event
from poker_signal.emulator.aws.results import (
    Dropped,
    Malformed,
    NotInvokable,
    Raised,
    Result,
    Returned,
    TimedOut,
)
from poker_signal.emulator.trace.entries import (
    Asked,
    CameDue,
    Closed,
    Entry,
    Fault,
    Finished,
    Managed,
    Opened,
    Planned,
    Posted,
    Probed,
    Received,
    RequestRefused,
    Unrouted,
)
from poker_signal.emulator.trace.summary import peek


def as_json(number: int, entry: Entry) -> dict[str, Any]:
    """Return an entry as a JSON object: ``n``, ``at`` (epoch ms), ``kind``, names, and details."""
    kind, what = _what(entry)
    return {"n": number, "at": entry.at_ms, "kind": kind, **_whose(entry), **what}


def encode(value: Any) -> bytes:
    """Return compact JSON in ASCII; lone surrogates, which UTF-8 cannot encode, are escaped.

    NaN and the infinities become ``null``: JSON does not have them, and browsers reject them.
    """
    try:
        return _dumps(value)
    except ValueError:
        return _dumps(_finite(value))


def _dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), default=str, allow_nan=False).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _whose(entry: Entry) -> dict[str, str]:
    if isinstance(entry, Posted | Managed | Planned | CameDue) and entry.facts is None:
        return {"connectionId": entry.connection_id} if entry.connection_id else {}
    if isinstance(entry, Probed):
        own = {} if entry.facts is None else {"connectionId": entry.facts.connection_id}
        player, game = entry.label
        return own | {k: v for k, v in (("playerId", player), ("gameId", game)) if v}
    return {} if entry.facts is None else names(entry.facts)


def names(facts: Facts) -> dict[str, str]:
    """Return a connection's id, player and game; empty ones are left out."""
    player, game = facts.label
    found = {"connectionId": facts.connection_id, "playerId": player, "gameId": game}
    return {key: value for key, value in found.items() if value}


def _what(entry: Entry) -> tuple[str, dict[str, Any]]:
    match entry:
        case Asked(of=of, event=event):
            request_id = event["requestContext"]["requestId"]
            return of, {"event": event, "requestId": request_id}
        case Opened():
            return "opened", {}
        case RequestRefused(_, _, method, path, status, reason, code):
            what = {"status": status, "reason": reason, "method": method, "path": path}
            return "refused", {**what, "code": code} if code else what
        case Received(at_ms, facts, route_key, body, request_id, message_id):
            event = message_event(facts, route_key, body, request_id, message_id, at_ms)
            what = {"event": event, "requestId": request_id, "route": route_key}
            return "message", {**what, **_of_message(body)}
        case Unrouted(body=body, why=why):
            return "unrouted", {"body": body, "why": why, **_of_message(body)}
        case Posted(facts=facts, frame=frame):
            return "post", {"frame": frame, "delivered": facts is not None, **_of_frame(frame)}
        case Closed(event=event):
            return "disconnect", _of_end(event)
        case Finished():
            return "return", _of_return(entry)
        case Managed(method=method, status=status, size=size):
            return "management", {"method": method, "status": status, "size": size}
        case Fault():
            return "fault", _of_fault(entry)
        case Planned(note=note, step=step, until_ms=until_ms):
            return "later", {"note": note, "step": step, "until": until_ms}
        case CameDue(note=note, step=step):
            return "due", {"note": note, "step": step}
        case Probed(members=members):
            return "probe", members


def _of_message(body: str) -> dict[str, Any]:
    type_, target_id = peek(body)
    found: dict[str, Any] = {"size": _size(body)}
    if type_:
        found["type"] = type_
    if target_id:
        found["targetId"] = target_id
    return found


def _of_frame(frame: str) -> dict[str, Any]:
    found: dict[str, Any] = {"size": _size(frame)}
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError):
        return found
    if isinstance(value, dict):
        for key in ("type", "senderId"):
            if isinstance(value.get(key), str):
                found[key] = value[key]
        payload = value.get("payload")
        if isinstance(payload, dict) and "senderId" not in found:
            code = payload.get("code")
            found |= {"code": code} if isinstance(code, str) else {}
    return found


def _of_end(event: Any) -> dict[str, Any]:
    context = event["requestContext"]
    return {
        "event": event,
        "requestId": context["requestId"],
        "code": context["disconnectStatusCode"],
        "reason": context["disconnectReason"],
    }


def _of_return(entry: Finished) -> dict[str, Any]:
    of, cause = _what(entry.cause)
    return {
        "requestId": cause["requestId"],
        "of": of,
        "ms": max(entry.at_ms - entry.cause.at_ms, 0),
        **_of_result(entry.result),
    }


def _of_result(result: Result) -> dict[str, Any]:
    match result:
        case Returned(value, None):
            return {"result": value}
        case Returned(value, report):
            assert report is not None
            code = {"code": report.code} if report.code is not None else {}
            return {"result": value, "outcome": report.outcome, **code}
        case Malformed(why, value):
            return {"failure": "malformed response", "error": why, "result": value}
        case Raised(message, "", _):
            return {"failure": "raised", "error": message}
        case Raised(message, type_, _):
            return {"failure": "raised", "error": message, "errorType": type_}
        case TimedOut():
            return {"failure": "timed out"}
        case NotInvokable(why):
            return {"failure": "not invokable", "error": why}
        case Dropped(fault):
            return {"outcome": "dropped", "fault": fault}


def _of_fault(entry: Fault) -> dict[str, Any]:
    found: dict[str, Any] = {"fault": entry.fault, "detail": entry.detail}
    if entry.effect:
        found["effect"] = entry.effect
    if entry.request_id:
        found["requestId"] = entry.request_id
    if entry.until_ms is not None:
        found["until"] = entry.until_ms
    return found


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))
