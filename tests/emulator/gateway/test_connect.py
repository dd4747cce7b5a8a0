"""From a request to a connection or a refusal, with a gateway that only takes notes."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from poker_signal.emulator.aws.events import Facts
from poker_signal.emulator.aws.http import Answer, Request
from poker_signal.emulator.aws.identifiers import Identifiers
from poker_signal.emulator.aws.results import (
    Forward,
    NotInvokable,
    Raised,
    Result,
    Returned,
    Running,
    TimedOut,
)
from poker_signal.emulator.aws.throttling import TokenBucket
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.gateway.api import Api, Authorizer, Route
from poker_signal.emulator.gateway.connect import Connects
from poker_signal.emulator.gateway.dispatch import Dispatcher
from poker_signal.emulator.protocols.http_connection import Switch
from poker_signal.emulator.protocols.websocket_connection import Closing, WebSocketConnection
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Entry, Kept, RequestRefused
from poker_signal.emulator.trace.trace import Trace, entries_of

REQUEST = Request(
    "GET",
    "/prod?playerId=Alice&gameId=GAME01",
    [
        ("Host", "example.org"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ],
    "127.0.0.1",
)


class Function:
    """Returns what it is told to, and counts."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.called = 0

    def invoke(self, event: Mapping[str, Any], may_forward: bool = False) -> Result:
        """Return it."""
        self.called += 1
        return self.result


class Host:
    """A gateway on which nothing is ever connected."""

    domain_name = "example.org"

    def __init__(self, connect: Function, authorizer: Function | None = None) -> None:
        self.api = Api(
            {"$connect": Route(connect)},
            authorizer=None if authorizer is None else Authorizer(authorizer),
        )
        self.opened: list[WebSocketConnection] = []

    def invoke(
        self, route: Route, facts: Facts, event: Mapping[str, Any], then: Callable[[Result], None]
    ) -> None:
        """Call the function."""
        result = route.integration.invoke(event)
        assert not isinstance(result, Running | Forward)
        then(result)

    def connection_opened(self, connection: WebSocketConnection) -> None:
        """Take note."""
        self.opened.append(connection)

    def message_received(self, connection: WebSocketConnection, text: str) -> None:
        """Never happens."""
        raise AssertionError(text)

    def connection_closing(self, connection: WebSocketConnection) -> None:
        """Never happens."""
        raise AssertionError

    def connection_closed(self, connection: WebSocketConnection, closing: Closing) -> None:
        """Never happens."""
        raise AssertionError


class Notes:
    """Remembers what the trace is told."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def observe(self, entry: Kept) -> None:
        """Take note."""
        self.entries += entries_of(entry)


def begin(
    host: Host, clock: VirtualClock, *, tokens: int = 1, times: int = 1
) -> tuple[list[Answer | Switch], list[Entry]]:
    """Begin handshakes with so many tokens in the bucket; return what came of them."""
    notes, replies = Notes(), list[Answer | Switch]()
    handshakes = Connects(
        host,
        Settings(),
        clock,
        Trace(notes),
        Identifiers(),
        Dispatcher(clock, lambda: None),
        [TokenBucket(0, tokens, clock)],
        None,
    )
    for _ in range(times):
        handshakes.begin(REQUEST, replies.append)
    return replies, notes.entries


ALLOW = Returned(
    {
        "policyDocument": {
            "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]
        }
    }
)


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Returned({"statusCode": 403, "body": "no"}), 403),
        (Returned({"statusCode": 200, "unknown": 1}), 502),
        (Returned({"statusCode": 101}), 502),
        (Returned(None), 502),
        (Raised("a bug"), 502),
        (NotInvokable(), 500),
        (TimedOut(), 504),
        (
            Returned({"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "two\nlines"}}),
            502,
        ),
    ],
    ids=str,
)
def test_what_connect_returns_decides_the_refusal(
    result: Result, status: int, clock: VirtualClock
) -> None:
    """One answer to each way of not accepting a handshake, and one entry that tells of it."""
    (reply,), entries = begin(Host(Function(result)), clock)
    assert isinstance(reply, Answer)
    assert reply.status == status
    assert [entry.status for entry in entries if isinstance(entry, RequestRefused)] == [status]


def test_the_subprotocol_of_the_function_stands_in_the_101(clock: VirtualClock) -> None:
    """And the connection exists only once the 101 is written."""
    accepted = {"statusCode": 200, "headers": {"sec-websocket-protocol": "signal"}}
    host = Host(Function(Returned(accepted)))
    (reply,), _ = begin(host, clock)
    assert isinstance(reply, Switch)
    assert reply.headers[-1] == ("sec-websocket-protocol", "signal")
    assert host.opened == []
    reply.switched()
    assert host.opened == [reply.protocol]


def test_who_is_throttled_is_no_work_for_anybody(clock: VirtualClock) -> None:
    """429 before the authorizer is asked."""
    authorizer, connect = Function(ALLOW), Function(Returned({"statusCode": 200}))
    replies, _ = begin(Host(connect, authorizer), clock, tokens=1, times=2)
    assert isinstance(replies[0], Switch)
    assert isinstance(replies[1], Answer)
    assert replies[1].status == 429
    assert (authorizer.called, connect.called) == (1, 1)


def test_whom_the_authorizer_turns_away_connect_does_not_see(clock: VirtualClock) -> None:
    """401 is the authorizer's word for it."""
    authorizer, connect = Function(Raised("Unauthorized")), Function(Returned({"statusCode": 200}))
    (reply,), _ = begin(Host(connect, authorizer), clock)
    assert isinstance(reply, Answer)
    assert reply.status == 401
    assert connect.called == 0


def test_no_two_connections_are_of_the_same_millisecond(clock: VirtualClock) -> None:
    """Who owns a name depends on who came first."""
    host = Host(Function(Returned({"statusCode": 200})))
    replies, _ = begin(host, clock, tokens=3, times=3)
    for reply in replies:
        assert isinstance(reply, Switch)
        reply.switched()
    now_ms = clock.now_ms()
    came_at = [connection.facts.connected_at_ms - now_ms for connection in host.opened]
    assert came_at == [0, 1, 2]
