"""Weight of trace entries: the bytes of memory that an entry keeps in use.

Queues and the trace are limited by weight. Characters would not do: one emoji quadruples the memory
of a text, and a header of three letters takes a hundred times its length in an event.
"""

from collections.abc import Callable
from itertools import chain
from sys import getsizeof
from typing import Any

from poker_signal.core.aws_event import AuthorizerEvent, LambdaEvent
from poker_signal.emulator.aws.events import Facts
from poker_signal.emulator.aws.results import Malformed, Raised, Result, Returned
from poker_signal.emulator.trace.entries import (
    Asked,
    Closed,
    Fault,
    Finished,
    Forwarded,
    Kept,
    Managed,
    Opened,
    Posted,
    Probed,
    Received,
    RequestRefused,
    Unrouted,
)

OWN_BYTES = 400
"""Bytes of an entry without texts of peers: tuple, times and ids."""


def weight_of(entry: Kept) -> int:
    """Return the bytes of memory that an entry keeps in use, with the values that it refers to."""
    weigh = _WEIGHTS.get(type(entry))
    return OWN_BYTES if weigh is None else OWN_BYTES + weigh(entry)


def size_of(value: Any) -> int:
    """Return the bytes of a value of JSON; each part counts as often as it occurs."""
    size, values = 0, [value]
    while values:
        value = values.pop()
        # Small integers and None are shared, and counted all the same: a list holds a pointer.
        size += getsizeof(value)
        if isinstance(value, dict):
            values += value.keys()
            values += value.values()
        elif isinstance(value, list | tuple):
            values += value
    return size


def _of_facts(facts: Facts | None) -> int:
    """Weigh what a connection brought along: its names and the header User-Agent."""
    if facts is None:
        return 0
    own = sum(map(getsizeof, facts.identity.values())) + sum(map(getsizeof, facts.label))
    return own if facts.authorizer is None else own + size_of(facts.authorizer)


def _of_event(event: LambdaEvent | AuthorizerEvent) -> int:
    """Weigh a handshake's headers and query string.

    The multi-value members hold the same texts as the others, and all repetitions. A request may
    have a thousand of them, so that they are summed up without a step of Python for each.
    """
    size = getsizeof(event["headers"]) + getsizeof(event.get("queryStringParameters"))
    for members in (event["multiValueHeaders"], event.get("multiValueQueryStringParameters") or {}):
        values = members.values()
        size += getsizeof(members) + sum(map(getsizeof, members)) + sum(map(getsizeof, values))
        size += sum(map(getsizeof, chain.from_iterable(values)))
    return size


def _of_result(result: Result) -> int:
    if isinstance(result, Returned | Malformed):
        value = result.value
        # Most results are {"statusCode": 200}.
        is_usual = type(value) is dict and len(value) == 1 and type(value.get("statusCode")) is int
        return 0 if is_usual else size_of(value)
    return getsizeof(result.message) if isinstance(result, Raised) else 0


# By type: this runs for every message, and a look-up is cheaper than a chain of isinstance.
# A Finished counts its cause again, whose own entry may be evicted before.
_WEIGHTS: dict[type, Callable[[Any], int]] = {
    Received: lambda entry: getsizeof(entry.body),
    Forwarded: lambda entry: getsizeof(entry.received.body) + getsizeof(entry.frame),
    Posted: lambda entry: getsizeof(entry.frame),
    Finished: lambda entry: weight_of(entry.cause) + _of_result(entry.result),
    Unrouted: lambda entry: getsizeof(entry.body),
    Fault: lambda entry: getsizeof(entry.body) + getsizeof(entry.detail) + getsizeof(entry.effect),
    Asked: lambda entry: _of_event(entry.event) + _of_facts(entry.facts),
    Opened: lambda entry: _of_facts(entry.facts),
    Closed: lambda entry: (
        _of_facts(entry.facts) + getsizeof(entry.event["requestContext"]["disconnectReason"])
    ),
    RequestRefused: lambda entry: (
        _of_facts(entry.facts) + getsizeof(entry.path) + getsizeof(entry.reason)
    ),
    Managed: lambda entry: getsizeof(entry.connection_id) + getsizeof(entry.reason),
    Probed: lambda entry: size_of(entry.members) + sum(map(getsizeof, entry.label)),
}
