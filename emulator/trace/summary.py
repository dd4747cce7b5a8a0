"""One-line summaries of trace entries: sender, target, type, size and outcome.

Never a payload.
"""

from typing import Literal, NamedTuple

from websockets.frames import CLOSE_CODE_EXPLANATIONS

from poker_signal.core.errors import SignalError
from poker_signal.core.messages import read
from poker_signal.core.model import ConnectionId, Message
from poker_signal.emulator.aws.events import Facts
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
    DROPPED,
    NOT_INVOKED,
    Asked,
    CameDue,
    Closed,
    Fault,
    Finished,
    Forwarded,
    Kept,
    Managed,
    Opened,
    Probed,
    Received,
    RequestRefused,
    Unrouted,
)

RecordKind = Literal[
    "connect",
    "message",
    "disconnect",
    "refused",
    "management",
    "fault",
    "error",
    "probe",
    "due",
]

_DUE = {
    "watch": "look {} at the join",
    "lobby": "keep-alive {} in the lobby",
    "farewell": "look at the two hours of the connection",
    "presence": "the others hear of it",
}

MAX_REASON = 200
"""Most characters of a failure's reason in a line."""

LAMBDAS_OWN = ("Runtime.", "Function.", "Sandbox.")
"""First words of the error types that Lambda itself reports, not the handler."""

UNAUTHORIZED = "Unauthorized"
"""Exception of an authorizer that refuses a client."""

SLOW_MS = 100
"""Milliseconds from a message to its outcome from which on a line has them."""


class Record(NamedTuple):
    """The contents of one line. Names come from peers: escape them before they are shown."""

    at_ms: int
    kind: RecordKind
    outcome: str
    game: str = ""
    who: str = ""
    whom: str = ""
    type: str = ""
    size: int | None = None
    """Bytes of the message."""
    fault: str = ""
    """The fault that struck, as its ``--fault`` specification."""
    after_ms: int = 0
    """Milliseconds from the message to the outcome; 0: fewer than SLOW_MS."""


def record_of(entry: Kept) -> Record | None:
    """Return an entry's summary; None if another entry reports the event."""
    match entry:
        case Forwarded(received=received, result=result):
            return _message(received, received.route_key, describe(result))
        case Finished(at_ms, Received() as received, result):
            record = _message(received, received.route_key, describe(result))
            fault = result.fault if isinstance(result, Dropped) else ""
            after_ms = at_ms - received.at_ms
            return record._replace(fault=fault, after_ms=after_ms if after_ms >= SLOW_MS else 0)
        case Unrouted():
            return _message(entry, "?", f"error {entry.why}")
        case Opened(at_ms, facts):
            return Record(at_ms, "connect", "connected", *_names(facts))
        case Closed(at_ms, facts, event):
            context = event["requestContext"]
            code, reason = context["disconnectStatusCode"], context["disconnectReason"]
            meaning = reason or CLOSE_CODE_EXPLANATIONS.get(code, "")
            return Record(at_ms, "disconnect", f"{code} {meaning}".strip(), *_names(facts))
        case RequestRefused(at_ms, facts, method, path, status, reason):
            where = "" if facts else f" {method} {path}"
            game, who = (facts.label.group, facts.label.name) if facts else ("", "")
            return Record(at_ms, "refused", f"refused {status} {reason}{where}", game, who)
        case Managed(at_ms, facts, connection_id, method, status, reason, size):
            outcome = f"{status} {reason}"
            game = facts.label.group if facts else ""
            whom = (facts.label.name if facts else "") or connection_id
            return Record(at_ms, "management", outcome, game, "", whom, f"@{method}", size)
        case Fault():
            return _struck(entry)
        case CameDue(at_ms, facts, _, note, step):
            game, who = _names(facts) if facts else ("", "")
            return Record(at_ms, "due", _DUE[note].format(step), game, who, type=note)
        case Probed():
            return _probe(entry)
        case Finished(at_ms, Asked() | Closed() as cause, result):
            outcome = describe(result)
            if not outcome.startswith("error"):
                return None
            is_authorizer = isinstance(cause, Asked) and cause.of == "authorizer"
            function = "authorizer" if is_authorizer else cause.event["requestContext"]["routeKey"]
            if is_authorizer and isinstance(result, Raised) and result.message == UNAUTHORIZED:
                # No failure: the line of the refusal, 401, tells it.
                return None
            if is_authorizer:
                # The client gets 500 after each failure of an authorizer.
                outcome = outcome.replace("error 502", "error 500", 1)
            return Record(at_ms, "error", outcome, *_names(cause.facts), type=function)
        case _:
            return None


def details_of(entry: Kept) -> str:
    """Return the details for ``--verbose``: connection id, route and duration; empty if none."""
    match entry:
        case Finished(at_ms, Received(facts=facts, route_key=route_key) as cause):
            return f"{facts.connection_id} {route_key} {max(at_ms - cause.at_ms, 0)} ms"
        case Forwarded(received=received):
            return f"{received.facts.connection_id} {received.route_key} 0 ms"
        case Finished(at_ms, cause):
            return f"{cause.facts.connection_id} {max(at_ms - cause.at_ms, 0)} ms"
        case Opened(at_ms, facts):
            return f"{facts.connection_id} after {max(at_ms - facts.connected_at_ms, 0)} ms"
        case Closed(at_ms, facts):
            return f"{facts.connection_id} after {(at_ms - facts.connected_at_ms) / 1000:.1f} s"
        case Managed(connection_id=connection_id):
            return connection_id
        case _:
            return "" if entry.facts is None else entry.facts.connection_id


def connection_of(entry: Kept) -> str:
    """Return the id of an entry's connection; empty: it has none."""
    match entry:
        case Managed(connection_id=connection_id):
            return connection_id
        case Finished(cause=cause):
            return cause.facts.connection_id
        case Forwarded(received=received):
            return received.facts.connection_id
        case _:
            return "" if entry.facts is None else entry.facts.connection_id


def describe(result: Result) -> str:
    """Return an invocation's outcome in a few words."""
    match result:
        case Returned(report=report) if report is not None:
            return f"{report.outcome} {report.code}" if report.code else report.outcome
        case Returned({"statusCode": status}):
            return f"{status}"
        case Returned({"policyDocument": _}):
            return "200 policy"
        case Returned():
            return "200"
        case Malformed(why):
            return f"error 502 malformed response: {why[:MAX_REASON]}"
        case NotInvokable(why):
            return f"error 500 {why}"
        case TimedOut():
            return "error 504 timed out"
        case Raised(message, type_, _) if type_.startswith(LAMBDAS_OWN):
            # Lambda's words hold no payload; they are all that there is to know.
            return f"error 502 {type_}: {message[:MAX_REASON]}"
        case Raised(type=type_):
            return f"error 502 raised{type_ and ' '}{type_[:MAX_REASON]}, see the traceback"
        case Dropped(fault):
            return f"{DROPPED} ({fault})"


def peek(body: str) -> tuple[str, str]:
    """Return a message's type and target; empty strings if it breaks the wire protocol."""
    try:
        signal = read(Message(ConnectionId(""), body, 0))
    except SignalError:
        return "", ""
    return signal.type, signal.target_id or ""


def _struck(fault: Fault) -> Record | None:
    """Return a strike's summary; None if it is the outcome of the message's own line."""
    if fault.body is not None and fault.effect in {DROPPED, NOT_INVOKED}:
        return None
    game, who = _names(fault.facts) if fault.facts else ("", "")
    type_, whom = peek(fault.body) if fault.body is not None else ("", "")
    if not type_ and fault.request_id:
        type_ = fault.detail
    size = None if fault.body is None else len(fault.body.encode(errors="replace"))
    outcome = f"{fault.effect or fault.detail} ({fault.fault})"
    return Record(fault.at_ms, "fault", outcome, game, who, whom, type_, size, fault.fault)


def _message(entry: Received | Unrouted, route_key: str, outcome: str) -> Record:
    type_, whom = peek(entry.body)
    size = len(entry.body.encode(errors="replace"))
    names = _names(entry.facts)
    return Record(entry.at_ms, "message", outcome, *names, whom, type_ or route_key, size)


def _probe(entry: Probed) -> Record | None:
    """Summarise a report that a developer waits for: connected, failed, an error."""
    match entry.members:
        case {"event": "state", "of": "connectionState", "state": "connected" | "failed" as state}:
            ms = entry.members.get("ms")
            type_, outcome = "webrtc", state if ms is None else f"{state} after {ms / 1000:.1f} s"
        case {"event": "call", "call": call, "error": error}:
            type_, outcome = call, _error(error)
        case {"event": "error"}:
            where = entry.members.get("where")
            type_, outcome = "page", _error(entry.members) + (f" ({where})" if where else "")
        case _:
            return None
    return Record(entry.at_ms, "probe", outcome, entry.label.group, entry.label.name, type=type_)


def _error(error: dict[str, str]) -> str:
    # A parser's message quotes a line of the session description, which holds addresses.
    message = error.get("message", "").partition("parse SessionDescription.")
    return f"error {error.get('name', '')}: {message[0]}{message[1]}"[:200]


def _names(facts: Facts) -> tuple[str, str]:
    return facts.label.group, facts.label.name or facts.connection_id
