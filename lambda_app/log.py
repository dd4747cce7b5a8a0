"""One line of JSON per invocation, which is CloudWatch's metrics as well.

Never a payload, a query string, a name or an address: SDP and candidates hold players' IP
addresses. The embedded metric format makes metrics of a line without any further call
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
"""

import json
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, TextIO

from poker_signal.core.invocation import Outcome
from poker_signal.core.messages import TYPES

NAMESPACE = "poker-signal"

DIMENSIONS = ("function", "stage")
"""What tells deployments apart: two of one account and region may have stages of one name."""

FUNCTION_NAME = "AWS_LAMBDA_FUNCTION_NAME"
"""Set by Lambda itself."""

METRICS = {
    "Deliveries": "Count",
    "Undelivered": "Count",
    "GhostsHealed": "Count",
    "Failures": "Count",
    "Milliseconds": "Milliseconds",
}


def line_of(
    event: Mapping[str, Any],
    outcome: Outcome | None,
    *,
    type_: str | None,
    effects: Mapping[str, int],
    unreadable_items: int,
    ms: float,
    at_ms: int,
    error: BaseException | None = None,
) -> dict[str, Any]:
    """Return what is to be logged of an invocation.

    ``type_`` is the message's; one that is not the wire protocol's is a client's text and is
    not repeated. ``error`` is what nobody foresaw.
    """
    # What is no event at all has a line as well: somebody tries the function in the console.
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    context = context if isinstance(context, Mapping) else {}
    line: dict[str, Any] = {
        "level": "ERROR" if error else "INFO",
        "routeKey": context.get("routeKey"),
        "connectionId": context.get("connectionId"),
        "requestId": context.get("requestId"),
        "type": type_ if type_ in TYPES or type_ is None else "other",
        "outcome": "failed" if error else outcome.name if outcome else None,
        "code": outcome.error.code if outcome and outcome.error else None,
        "effects": dict(effects),
        "unreadableItems": unreadable_items or None,
        "disconnectStatusCode": context.get("disconnectStatusCode"),
        "Deliveries": int(outcome is not None and outcome.name == "delivered"),
        "Undelivered": int(outcome is not None and outcome.name == "undelivered"),
        # A connection that may not be open yet was not there either, but is not forgotten.
        "GhostsHealed": min(effects.get("Gone", 0), effects.get("Forget", 0)),
        "Failures": int(error is not None),
        "Milliseconds": round(ms, 3),
        "_aws": {
            "Timestamp": at_ms,
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [DIMENSIONS],
                    "Metrics": [{"Name": name, "Unit": unit} for name, unit in METRICS.items()],
                }
            ],
        },
        "function": os.environ.get(FUNCTION_NAME) or "unknown",
        "stage": context.get("stage") or "unknown",
    }
    if error is not None:
        line["error"] = type(error).__name__
        line["traceback"] = "".join(_frames(error))
    return {key: value for key, value in line.items() if value is not None}


def write(line: Mapping[str, Any], stream: TextIO | None = None) -> None:
    """Write a line where Lambda collects it."""
    print(json.dumps(line, separators=(",", ":")), file=stream or sys.stdout, flush=True)


def _frames(error: BaseException) -> list[str]:
    """Return the places that an exception came through, its causes' first.

    Without the exceptions' own words: boto's may quote a request with names in it.
    """
    cause = error.__cause__ or error.__context__
    before = [*_frames(cause), "then\n"] if cause is not None else []
    return [*before, *traceback.format_tb(error.__traceback__), f"{type(error).__name__}\n"]
