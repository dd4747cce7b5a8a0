"""Memory of a trace that is filled with entries of one kind, measured in a process per kind.

A program, because only a new process has memory of its own: it prints, as JSON, the growth of the
resident memory in bytes by kind.
"""

import gc
import json
import os
import sys
from collections.abc import Callable
from string import ascii_lowercase
from typing import Any, get_args

import psutil

from poker_signal.emulator.aws.events import Facts, Label, connect_event, disconnect_event
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.aws.results import Raised, Returned
from poker_signal.emulator.trace import trace as trace_module
from poker_signal.emulator.trace.entries import (
    Asked,
    CameDue,
    Closed,
    Fault,
    Finished,
    Forwarded,
    Kept,
    Managed,
    Opened,
    Planned,
    Posted,
    Probed,
    Received,
    RequestRefused,
    Unrouted,
)
from poker_signal.emulator.trace.trace import Trace
from poker_signal.emulator.trace.weight import weight_of

LIMIT = 4 * 1024 * 1024
"""``MAX_BYTES`` of the traces that are filled."""
TIMES = 2
"""Each trace gets entries of this many times the limit."""

KINDS = {kind.__name__ for kind in get_args(Kept)}
SHORT_NAMES = [a + b + c for a in ascii_lowercase for b in ascii_lowercase for c in ascii_lowercase]


def facts(number: int, user_agent: int = 0) -> Facts:
    """Return a connection of its own, with a long User-Agent."""
    identity: Any = {"sourceIp": "192.0.2.1", "userAgent": f"{number:0{user_agent + 9}}"}
    return Facts(f"{number:015}=", 0, "prod", "x", "pokerlocal", identity, label=Label("Bob", "1"))


FACTS = facts(1)


def text(number: int, length: int, more: str = "") -> str:
    """Return a text that no other number has."""
    return f"{number:0{length}}{more}"


def asked(number: int, query: str = "", *headers: tuple[str, str]) -> Asked:
    """Return the start of a handshake."""
    request = Request("GET", f"/prod?{query}", [("Host", "x"), *headers], "192.0.2.1")
    event = connect_event(facts(number), request, text(number, 16), text(number, 30), 0)
    return Asked(0, facts(number), "connect", event)


def many_headers(number: int) -> Asked:
    """Return a handshake with as many headers as fit, of three letters each."""
    return asked(number, "", *((name, str(number)) for name in SHORT_NAMES[:1000]))


def repeated_header(number: int) -> Asked:
    """Return a handshake with one header a thousand times."""
    return asked(number, "", *(("aa", text(number, 9)) for _ in range(1000)))


def empty_parameters(number: int) -> Asked:
    """Return a handshake with a thousand parameters without a value."""
    return asked(number, "&".join(f"{name}={number}" for name in SHORT_NAMES[:1000]))


def received(number: int, length: int = 1, more: str = "") -> Received:
    """Return a message; an emoji makes each character take four bytes."""
    body = text(number, length, more)
    return Received(number, FACTS, "$default", body, text(number, 16), text(number, 15))


def closed(number: int) -> Closed:
    """Return the end of a connection with a long User-Agent."""
    own = facts(number, 5000)
    return Closed(0, own, disconnect_event(own, 1000, text(number, 123), text(number, 16), 0))


FILLINGS: dict[str, Callable[[int], Kept]] = {
    "Asked": asked,
    "Asked: headers": many_headers,
    "Asked: a header": repeated_header,
    "Asked: parameters": empty_parameters,
    "Opened": lambda n: Opened(0, facts(n, 5000)),
    "RequestRefused": lambda n: RequestRefused(
        0, facts(n, 5000), "GET", text(n, 200), 403, text(n, 900)
    ),
    "Received": received,
    "Received: emoji": lambda n: received(n, 20_000, "😀"),
    "Unrouted": lambda n: Unrouted(0, FACTS, text(n, 20_000, "😀"), "throttled"),
    "Posted": lambda n: Posted(0, FACTS, text(n, 16), text(n, 20_000, "😀")),
    "Closed": closed,
    "Finished": lambda n: Finished(0, received(n, 20_000), Returned({"statusCode": n})),
    "Finished: body": lambda n: Finished(0, received(n), Returned({"body": text(n, 20_000)})),
    "Finished: any": lambda n: Finished(
        0, received(n), Returned([{str(n): [n]} for _ in range(200)])
    ),
    "Finished: error": lambda n: Finished(0, received(n), Raised(text(n, 9000))),
    "Managed": lambda n: Managed(0, None, text(n, 4000), "POST", 400, text(n, 300), 1),
    "Fault": lambda n: Fault(
        0, FACTS, "drop:offer", text(n, 4000), "dropped", body=text(n, 20_000, "😀")
    ),
    "Probed": lambda n: Probed(0, FACTS, Label(), {str(i): text(n, 30) for i in range(100)}),
    "Planned": lambda n: Planned(n, FACTS, text(n, 16), "watch", 1, n),
    "CameDue": lambda n: CameDue(n, FACTS, text(n, 16), "watch", 1),
    "Forwarded": lambda n: Forwarded(
        n, received(n, 20_000, "😀"), FACTS, text(n, 20_000, "😀"), Returned({})
    ),
}
"""Entries of each kind, in forms that take much more memory than their texts have characters."""


def grown(fill: Callable[[int], Kept]) -> int:
    """Return the bytes by which this process grows while a trace is filled."""
    trace_module.MAX_BYTES = LIMIT
    process, trace = psutil.Process(), Trace()
    fill(0)
    gc.collect()
    before, weight, number = process.memory_info().rss, 0, 0
    while weight < TIMES * LIMIT and number < trace_module.MAX_ENTRIES:
        number += 1
        entry = fill(number)
        # The weight is what is measured here: entries are counted by a bound of their own, too.
        weight += max(weight_of(entry), 1000)
        trace.add(entry)
    return int(process.memory_info().rss - before)


def main() -> None:
    """Fill a trace per kind, each in a forked process."""
    found: dict[str, int] = {}
    for kind, fill in FILLINGS.items():
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            os.write(writer, str(grown(fill)).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            found[kind] = int(pipe.read())
        os.waitpid(child, 0)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
