"""Outcomes of messages whose handler reports none, from the frames that it has posted."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from poker_signal.emulator.aws.events import Label
from poker_signal.emulator.aws.results import Report, Result, Returned
from poker_signal.emulator.trace.entries import Posted, Received
from poker_signal.emulator.trace.trace import Trace

MAX_ENTRIES = 1000
"""Most entries that are searched for a message's frames."""

MAX_GONE = 20
"""Most frames to connections that were gone that are searched for."""

LATE = frozenset({"NO_ANSWER"})
"""Codes of errors that come long after the message that they are about."""

HOST = "HOST"
GONE = "410"
"""Code of a message that was posted to no open connection."""


class Outcomes:
    """Reports for results of handlers, which API Gateway knows as ``200`` only."""

    # A handler answers a message with frames of the wire protocol: the message itself, relayed to
    # its target with the sender's name; or undelivered, error or pong to the sender. The frames
    # that were posted between the message and the handler's return are compared with the message:
    #   delivered     type, senderId and target are the message's, and so is the payload
    #   undelivered   type and targetId of its payload are the message's
    #   error, pong   have no such members: the first message that ends after them has caused them
    # A frame is the outcome of one message only. A handler may change payloads: such a frame counts
    # if no other message of that sender and type is on its way. Without a frame that fits, such as
    # for another protocol, or frames that follow later, there is no report.

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._on_their_way: Counter[tuple[str, str]] = Counter()
        """Messages whose handler runs, by connection and type."""
        self._taken: set[int] = set()
        """Numbers of entries that are a message's outcome; empty while no handler runs."""

    def begin(self, received: Received) -> Callable[[Result], Result]:
        """Return a function to be called once with the result; it adds the report."""
        since = self._trace.next_number
        message = _object(received.body)
        type_ = message.get("type")
        key = received.facts.connection_id, type_ if isinstance(type_, str) else ""
        self._on_their_way[key] += 1

        def end(result: Result) -> Result:
            self._on_their_way[key] -= 1
            if not self._on_their_way[key]:
                del self._on_their_way[key]
            if key[1] and _is_mute(result):
                report = self._report(received, message, since, key in self._on_their_way)
                if report is not None:
                    assert isinstance(result, Returned), "it is mute"
                    result = result._replace(report=report)
            if not self._on_their_way:
                self._taken.clear()
            return result

        return end

    def _report(
        self, received: Received, message: dict[str, Any], since: int, has_others: bool
    ) -> Report | None:
        sender, game = received.facts.label
        type_ = message["type"]
        target = HOST if type_ == "join" else message.get("targetId")
        similar: int | None = None
        answer: tuple[int, Report] | None = None
        gone: list[tuple[int, str]] = []
        for number, entry in self._trace.since(since, MAX_ENTRIES):
            if type(entry) is not Posted or number in self._taken:
                continue
            if entry.facts is None:
                gone.append((number, entry.frame))
            elif entry.connection_id == received.facts.connection_id:
                if answer is None and (report := _answer(_object(entry.frame), message, target)):
                    answer = number, report
            elif entry.facts.label == Label(str(target), game):
                frame = _object(entry.frame)
                if _is_relayed(frame, type_, sender):
                    if frame.get("payload") == message.get("payload"):
                        return self._take(number, Report("delivered"))
                    similar = number if similar is None else similar
        if similar is not None and not has_others:
            return self._take(similar, Report("delivered"))
        if answer is not None:
            return self._take(*answer)
        for number, text in gone[:MAX_GONE]:
            frame = _object(text)
            is_same = frame.get("payload") == message.get("payload")
            if is_same and _is_relayed(frame, type_, sender):
                return self._take(number, Report("undelivered", GONE))
        return None

    def _take(self, number: int, report: Report) -> Report:
        self._taken.add(number)
        return report


def _is_mute(result: Result) -> bool:
    if not isinstance(result, Returned) or result.report is not None:
        return False
    return isinstance(result.value, dict) and result.value.get("statusCode") == 200


def _is_relayed(frame: dict[str, Any], type_: str, sender: str) -> bool:
    return frame.get("type") == type_ and frame.get("senderId") == sender and bool(sender)


def _answer(frame: dict[str, Any], message: dict[str, Any], target: object) -> Report | None:
    """Return the report of a frame to a message's sender; None: it is no answer to the message."""
    kind, payload = frame.get("type"), frame.get("payload")
    if kind == "pong" and message["type"] == "ping":
        return Report("pong")
    if kind not in {"error", "undelivered"} or not isinstance(payload, dict):
        return None
    if frame.get("id", message.get("id")) != message.get("id"):
        return None
    is_about = (payload.get("type"), payload.get("targetId")) == (message["type"], target)
    code = payload.get("code")
    if kind == "undelivered" and not is_about:
        return None
    if not isinstance(code, str):
        return Report(kind)
    return None if code in LATE else Report(kind, code)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
