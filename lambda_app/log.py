"""The log: one line of JSON per invocation, from which CloudWatch also makes metrics.

A line never contains a payload, query string, name or address: SDP and candidates contain
players' IP addresses. Metrics use the embedded metric format, which needs no further call
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
"""

import json
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, TextIO

from poker_signal.core.invocation import Outcome
from poker_signal.core.messages import TYPES, ReportedState
from poker_signal.core.model import Note
from poker_signal.lambda_app.handshake import Handshake

NAMESPACE = "poker-signal"

DIMENSIONS = ("function", "stage")
"""Both are needed: two deployments in one account and region may have the same stage name."""

FUNCTION_NAME = "AWS_LAMBDA_FUNCTION_NAME"
"""Set by Lambda itself."""

COMMIT = "COMMIT"
"""Set by the deployment, if it was told: the commit of the code."""

METRICS = (
    "Deliveries",
    "Undelivered",
    "GhostsHealed",
    "Failures",
    "HandshakeMs",
    "Connected",
    "Failed",
    "ConnectMs",
)
"""Fields of the line that become metrics. A line declares only those that are not 0, because each
declaration is paid for as log; no alarm needs the zeros."""

OF_REPORTS = frozenset({"Connected", "Failed", "ConnectMs"})
"""Metrics that cost nothing while no client sends reports. The zeros of the first two are declared:
a share of failures needs both."""


def line_of(
    event: Mapping[str, Any],
    outcome: Outcome | None,
    *,
    type_: str | None,
    note: Note | None = None,
    effects: Mapping[str, int],
    unreadable_items: int,
    ms: float,
    at_ms: int,
    stage: str | None = None,
    handshake: Handshake | None = None,
    report: ReportedState | None = None,
    ice_failure: str | None = None,
    error: BaseException | None = None,
) -> dict[str, Any]:
    """Return the log line of an invocation.

    ``type_`` is the message's type. A type that the wire protocol does not define is a client's
    own text and is logged as ``other``. ``note``: what was due, and ``stage`` that of its
    connection, which the event does not have. ``handshake``: that of the message that was relayed.
    ``report``: a client's word about its connection. ``ice_failure``: why a client did not
    get all ICE servers, without any secret. ``error`` is an unexpected exception.
    """
    # An event of any other shape gets a line too, for example a test in the Lambda console.
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    context = context if isinstance(context, Mapping) else {}
    line: dict[str, Any] = {
        "level": "ERROR" if error else "INFO",
        "routeKey": context.get("routeKey"),
        "connectionId": note.connection_id if note is not None else context.get("connectionId"),
        "due": type(note).__name__ if note is not None else None,
        "requestId": context.get("requestId"),
        "commit": os.environ.get(COMMIT) or None,
        "type": type_ if type_ in TYPES or type_ is None else "other",
        "handshake": handshake.id if handshake is not None else None,
        "outcome": "failed" if error else outcome.name if outcome else None,
        "code": outcome.error.code if outcome and outcome.error else None,
        "effects": dict(effects),
        "unreadableItems": unreadable_items or None,
        "disconnectStatusCode": context.get("disconnectStatusCode"),
        "Deliveries": int(outcome is not None and outcome.name == "delivered"),
        "Undelivered": int(outcome is not None and outcome.name == "undelivered"),
        # A connection that may still be opening counts as Gone too, but its row is not deleted.
        "GhostsHealed": min(effects.get("Gone", 0), effects.get("Forget", 0)),
        "Failures": int(error is not None),
        "Milliseconds": round(ms, 3),
        "HandshakeMs": handshake.ms if handshake is not None else None,
        **_of_report(report),
        "iceFailure": ice_failure,
        "_aws": {"Timestamp": at_ms, "CloudWatchMetrics": []},
        "function": os.environ.get(FUNCTION_NAME) or "unknown",
        "stage": stage or context.get("stage") or "unknown",
    }
    if error is not None:
        line["error"] = type(error).__name__
        line["traceback"] = "".join(_frames(error))
    line = {key: value for key, value in line.items() if value is not None}
    metrics = [
        {"Name": name}
        for name in METRICS
        if line.get(name) or (name in OF_REPORTS and name in line)
    ]
    if metrics:
        line["_aws"]["CloudWatchMetrics"] = [
            {"Namespace": NAMESPACE, "Dimensions": [DIMENSIONS], "Metrics": metrics}
        ]
    return line


def _of_report(report: ReportedState | None) -> dict[str, Any]:
    if report is None:
        return {}
    counted = report.state in ("connected", "failed")
    return {
        "state": report.state,
        "Connected": int(report.state == "connected") if counted else None,
        "Failed": int(report.state == "failed") if counted else None,
        "ConnectMs": report.ms if report.state == "connected" else None,
    }


def write(line: Mapping[str, Any], stream: TextIO | None = None) -> None:
    """Write a line to stdout, from where Lambda collects it."""
    print(json.dumps(line, separators=(",", ":")), file=stream or sys.stdout, flush=True)


def _frames(error: BaseException) -> list[str]:
    """Return the stack frames of an exception, those of its causes first.

    Messages of exceptions are left out: botocore's may quote a request with names in it.
    """
    cause = error.__cause__ or error.__context__
    before = [*_frames(cause), "then\n"] if cause is not None else []
    return [*before, *traceback.format_tb(error.__traceback__), f"{type(error).__name__}\n"]
