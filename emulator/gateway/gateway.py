"""API Gateway's data plane: connections, routes, and the invocation of functions.

The path of a message: ``message_received`` → route → event → the function's ``invoke`` → its
result, handled in ``_message_returned``. A function whose only effect is one post may return a
``Forward`` instead, and the gateway performs the post.
"""

import contextlib
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, Protocol

from websockets.frames import CloseCode

from poker_signal.core.token_bucket import FULL, Rate
from poker_signal.emulator.aws.connections import ConnectionInfo, Connections
from poker_signal.emulator.aws.events import Facts, disconnect_event, message_event
from poker_signal.emulator.aws.http import (
    FORBIDDEN,
    INTERNAL_SERVER_ERROR,
    SHUTTING_DOWN,
    TIMED_OUT,
    TOO_MANY_REQUESTS,
    Answer,
    Request,
    error,
)
from poker_signal.emulator.aws.identifiers import Identifiers
from poker_signal.emulator.aws.results import (
    Dropped,
    Forward,
    Integration,
    Result,
    Returned,
    Running,
    TimedOut,
    judged,
)
from poker_signal.emulator.aws.throttling import (
    NEW_CONNECTIONS_PER_S,
    LimitExceeded,
    TokenBucket,
    bucket,
)
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.gateway.connect import Connects, Reply
from poker_signal.emulator.gateway.dispatch import Dispatcher, SerialQueues
from poker_signal.emulator.gateway.routes import RESERVED, Api, Labeler, Route
from poker_signal.emulator.protocols.http_connection import HttpConnection
from poker_signal.emulator.protocols.origins import Pages
from poker_signal.emulator.protocols.websocket_connection import Closing, WebSocketConnection
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import (
    Closed,
    Finished,
    Forwarded,
    Managed,
    Opened,
    Posted,
    Received,
    RequestRefused,
    Unrouted,
)
from poker_signal.emulator.trace.outcomes import Outcomes
from poker_signal.emulator.trace.trace import Trace

_MAX_ID = 64
"""Most characters of an id in the trace. Those of API Gateway have 16; a request may have any."""

Mount = Callable[[Request, Reply], None]
"""Function that answers all requests below a path prefix."""


class Hooks(Protocol):
    """Points at which faults can change the behaviour of the gateway."""

    def around(self, integration: Integration, facts: Facts) -> Integration:
        """Return the integration to invoke for an event of this connection."""

    def finds(self, facts: Facts) -> bool:
        """Tell whether ``@connections`` finds this open connection; may raise LimitExceeded."""

    def opened(self, connection: WebSocketConnection) -> None:
        """Handle a connection that was just established."""

    def misses_disconnect(self, facts: Facts) -> bool:
        """Tell whether ``$disconnect`` is skipped for a closed connection."""


class Gateway:
    """One WebSocket API with one stage.

    A connection exists, for ``post`` and all other methods, from its 101 until it starts to close.
    """

    def __init__(
        self, settings: Settings, clock: Clock, trace: Trace, label: Labeler | None = None
    ) -> None:
        self.api = Api(routes={})
        """Set before the first request, because its functions need this gateway to post."""
        self.domain_name = settings.domain_name or settings.host
        """``domainName`` of events: host and port, set once the port is bound."""
        self.mounts: dict[str, Mount] = {}
        """By path prefix, without a trailing slash."""
        self.hooks: Hooks | None = None
        """None: no fault is active."""
        self._settings = settings
        self._clock = clock
        self._trace = trace
        self._outcomes = Outcomes(trace)
        self._pages = Pages(settings)
        self._ids = Identifiers()
        self._connections: dict[str, WebSocketConnection] = {}
        self._closing: set[WebSocketConnection] = set()
        self._http: set[HttpConnection] = set()
        self._dispatcher = Dispatcher(clock, self._check_empty)
        self._queues = SerialQueues() if settings.serial else None
        """None: invocations of one connection overlap, as on AWS."""
        self._stopping = False
        self._when_empty: Callable[[], None] | None = None
        self._throttle = bucket(settings.throttle_rate, settings.throttle_burst, clock)
        self._flood = Rate(rate, math.ceil(rate)) if (rate := settings.flood_rate) else None
        self._flood_full_at_us: dict[str, int] = {}
        """Per connection: epoch µs at which its token bucket is full again."""
        throttles = [] if self._throttle is None else [self._throttle]
        if settings.enforce_new_connection_rate:
            throttles.append(TokenBucket(NEW_CONNECTIONS_PER_S, NEW_CONNECTIONS_PER_S, clock))
        self._connects = Connects(
            self, settings, clock, trace, self._ids, self._dispatcher, throttles, label
        )

    # @connections.

    @property
    def connections(self) -> Connections:
        """``@connections`` for functions in this process; a call takes a token of the throttle."""
        if self._throttle is None:
            return self
        from poker_signal.emulator.gateway.connections_api import ThrottledConnections

        return ThrottledConnections(self, self._throttle)

    def post(self, connection_id: str, data: str) -> bool:
        """Send a text frame; False: the connection is gone."""
        if self.hooks is None:
            return self._send(self._connections.get(connection_id), connection_id, data)
        return self._send(self._find(connection_id), connection_id, data)

    def get(self, connection_id: str) -> ConnectionInfo | None:
        """Return the state of an open connection; None: it is gone."""
        connection = self._find(connection_id)
        if connection is None:
            return None
        facts = connection.facts
        return ConnectionInfo(facts.connected_at_ms, connection.last_received_ms, facts.identity)

    def delete(self, connection_id: str) -> bool:
        """Close a connection; False: it was gone."""
        connection = self._find(connection_id)
        if connection is None:
            return False
        connection.close(1000, "Connection Closed Normally")
        return True

    def _find(self, connection_id: str) -> WebSocketConnection | None:
        """Return the connection if ``@connections`` finds it.

        Raises:
            LimitExceeded: a fault throttles the call.
        """
        connection = self._connections.get(connection_id)
        if connection is None or self.hooks is None or self.hooks.finds(connection.facts):
            return connection
        return None

    def _send(self, connection: WebSocketConnection | None, connection_id: str, data: str) -> bool:
        now_ms = self._clock.now_ms()
        if connection is None or not connection.post(data, now_ms):
            self._trace.add(Posted(now_ms, None, connection_id, data))
            return False
        self._trace.add(Posted(now_ms, connection.facts, connection_id, data))
        return True

    # For mounts, such as the inspector.

    @property
    def open_connections(self) -> Mapping[str, WebSocketConnection]:
        """The open connections by id."""
        return self._connections

    def now_ms(self) -> int:
        """Return the time of the gateway's clock in epoch milliseconds."""
        return self._clock.now_ms()

    def receive(self, connection_id: str, text: str) -> bool:
        """Handle a message as if the client had sent it; False: the connection is gone."""
        connection = self._connections.get(connection_id)
        if connection is None:
            return False
        connection.last_received_ms = self._clock.now_ms()
        self.message_received(connection, text)
        return True

    # HTTP requests, WebSocket handshakes included.

    def respond(self, request: Request, reply: Reply) -> None:
        """Answer a request: to ``@connections``, to a mount, or a WebSocket handshake."""
        if "@connections" in request.path and (answer := self._manage(request)) is not None:
            reply(answer)
        elif (mount := self._mount_of(request)) is not None:
            mount(request, reply)
        elif self._stopping:
            self._connects.refuse(request, SHUTTING_DOWN, reply)
        else:
            self._connects.begin(request, reply)

    def _mount_of(self, request: Request) -> Mount | None:
        """Return the mount of a path; None for a handshake, because a stage may share its name."""
        if request.wants_upgrade:
            return None
        first = "/" + request.path[1:].partition("/")[0]
        return self.mounts.get(first)

    def http_opened(self, connection: HttpConnection) -> None:
        """Add an HTTP connection."""
        self._http.add(connection)
        if self._stopping:
            # It was accepted from the backlog of the listening socket, which is closed now.
            connection.close()

    def http_closed(self, connection: HttpConnection) -> None:
        """Remove an HTTP connection: it is closed, or is a WebSocket now."""
        self._http.discard(connection)
        if self._when_empty is not None:
            self._check_empty()

    def http_failed(self, words: str) -> None:
        """Add a connection that cannot be served to the trace, in words for the developer."""
        self._trace.add(RequestRefused(self._clock.now_ms(), None, "", "", 400, words))

    def _manage(self, request: Request) -> Answer | None:
        """Return the answer of ``@connections``; None: the request is not for it."""
        from poker_signal.emulator.gateway.connections_api import THROTTLED, manage, target_of

        target = target_of(request)
        if target is None:
            return None
        connection = self._connections.get(target.connection_id)
        answer = THROTTLED
        if why := self._pages.why_not_manage(request):
            answer = error(403, "ForbiddenException", why)
        elif self._throttle is None or self._throttle.take():
            with contextlib.suppress(LimitExceeded):
                answer = manage(request, target, self, self._settings)
        self._trace.add(
            Managed(
                self._clock.now_ms(),
                None if connection is None else connection.facts,
                target.connection_id[:_MAX_ID],
                request.method,
                answer.status,
                why or (self._wrong_path(request) if answer is FORBIDDEN else answer.reason),
                len(request.body),
            )
        )
        return answer

    def _wrong_path(self, request: Request) -> str:
        path = request.path.partition("@")[0][:200]
        return f"Forbidden {path}: @connections is at {self._settings.path}/@connections"

    def connection_opened(self, connection: WebSocketConnection) -> None:
        """Add a connection whose 101 has been written."""
        self._connections[connection.facts.connection_id] = connection
        self._trace.add(Opened(self._clock.now_ms(), connection.facts))
        if self._stopping:
            connection.close(1012)
        if self.hooks is not None:
            self.hooks.opened(connection)

    # Messages: the fast path, and the count of invocations
    #
    # With may_forward, a function whose only effect is one post may return it as a Forward
    # (core/fast_path.py). Then _route_message posts at once, and one trace entry, Forwarded, stands
    # for post and result. This is off while hooks are set (a fault is active) or --throttle-rate is
    # given, because both apply to every post. Serial dispatch and the flood limit leave it on. If
    # the target is gone, the function is invoked again without may_forward, and the rules decide.
    # The connection counts invocations, to stop reading at max_in_flight. Each start needs one end:
    # - not serial: only a Running counts. _await_message starts it; its result or TimedOut ends it.
    #   Results that are returned at once, and Forwards, are not counted.
    # - serial: each message counts while it waits and runs. message_received starts it, before the
    #   queue; _message_done ends it, after no route, a Forward, a result or TimedOut.
    # A message refused by the throttle or the flood limit is never counted. An integration returns
    # Raised and must not raise: under serial dispatch the message would stay counted.

    def message_received(self, connection: WebSocketConnection, text: str) -> None:
        """Handle a message from a client: first the limits, then its route."""
        if self._flood is not None and self._is_flood(connection):
            connection.close(CloseCode.POLICY_VIOLATION)
        elif self._throttle is not None and not self._throttle.take():
            self._turn_away(connection, text, "throttled")
        elif self._queues is None:
            self._route_message(connection, text, connection.last_received_ms)
        else:
            at_ms = connection.last_received_ms
            connection.invocation_started()
            self._queues.submit(connection, partial(self._route_message, connection, text, at_ms))

    def _is_flood(self, connection: WebSocketConnection) -> bool:
        assert self._flood is not None, "the caller has checked"
        connection_id = connection.facts.connection_id
        was = self._flood_full_at_us.get(connection_id, FULL)
        full_at_us = self._flood.spend(was, connection.last_received_ms)
        if full_at_us is None:
            return True
        self._flood_full_at_us[connection_id] = full_at_us
        return False

    def _route_message(self, connection: WebSocketConnection, text: str, at_ms: int) -> None:
        facts, api = connection.facts, self.api
        route_key, route = "$default", api.routes.get("$default")
        if api.select is not None:
            route_key, route = self._select(api.select(text), route)
        if route is None:
            self._turn_away(connection, text, "no route")
            self._message_done(connection)
            return
        request_id, message_id = self._ids.of_message(facts.connection_id)
        event = message_event(facts, route_key, text, request_id, message_id, at_ms)
        received = Received(at_ms, facts, route_key, text, request_id, message_id)
        self._trace.add(received)
        integration = route.integration
        if self.hooks is not None:
            integration = self.hooks.around(integration, facts)
        # Faults and the throttle apply to every post, which the function then makes itself.
        may_forward = self.hooks is None and self._throttle is None
        result = integration.invoke(event, may_forward)
        if isinstance(result, Forward):
            target = self._connections.get(result.connection_id)
            if target is not None and target.post(result.frame, at_ms):
                to = target.facts
                self._trace.add(Forwarded(at_ms, received, to, result.frame, result.result))
                if self._queues is not None:
                    self._message_done(connection)
                return
            result = integration.invoke(event)
            assert not isinstance(result, Forward), "may_forward was False"
        if isinstance(result, Running):
            self._await_message(connection, received, result, route)
        else:
            # Nearly always the same millisecond, so the clock is not read again.
            self._message_returned(connection, Finished(at_ms, received, judged(result)), route)

    def _select(self, route_key: str, default: Route | None) -> tuple[str, Route | None]:
        route = self.api.routes.get(route_key)
        if route is None or route_key in RESERVED:
            return "$default", default
        return route_key, route

    def _await_message(
        self, connection: WebSocketConnection, received: Received, running: Running, route: Route
    ) -> None:
        is_counted = self._queues is not None
        with_report = self._outcomes.begin(received)

        def returned(result: Result) -> None:
            if not is_counted:
                connection.invocation_ended()
            finished = Finished(self._clock.now_ms(), received, with_report(judged(result)))
            self._message_returned(connection, finished, route)

        if not is_counted:
            connection.invocation_started()
        self._dispatcher.follow(running, self.timeout_s(route), returned)

    def _message_returned(
        self, connection: WebSocketConnection, finished: Finished, route: Route
    ) -> None:
        """Send the client an error, or the response of a two-way route."""
        self._trace.add(finished)
        result = finished.result
        if isinstance(result, Returned):
            if route.two_way:
                assert isinstance(finished.cause, Received), "it was invoked with a message"
                assert isinstance(result.value, dict), "it was judged"
                self._answer(connection, finished.cause.request_id, result.value.get("body") or "")
        elif not isinstance(result, Dropped):
            words = TIMED_OUT if isinstance(result, TimedOut) else INTERNAL_SERVER_ERROR
            assert isinstance(finished.cause, Received), "it was invoked with a message"
            self._tell(connection, finished.cause.request_id, words)
        if self._queues is not None:
            self._message_done(connection)

    def _message_done(self, connection: WebSocketConnection) -> None:
        """End a message under serial dispatch, and run the connection's next one."""
        if self._queues is not None:
            connection.invocation_ended()
            self._queues.finished(connection)

    def _turn_away(
        self, connection: WebSocketConnection, text: str, why: Literal["throttled", "no route"]
    ) -> None:
        """Send the client an error for a message that reaches no function."""
        self._trace.add(Unrouted(self._clock.now_ms(), connection.facts, text, why))
        words = TOO_MANY_REQUESTS if why == "throttled" else "Forbidden"
        self._tell(connection, self._ids.request_id(), words)

    def _answer(self, connection: WebSocketConnection, request_id: str, body: str) -> None:
        # UNKNOWN: what AWS does with a body that is larger than a message may be.
        if len(body.encode(errors="replace")) > self._settings.max_message_bytes:
            self._tell(connection, request_id, INTERNAL_SERVER_ERROR)
        elif body:
            self._send(connection, connection.facts.connection_id, body)

    def _tell(self, connection: WebSocketConnection, request_id: str, message: str) -> None:
        # Byte for byte as recorded: one space after the first colon, none after the others.
        connection_id = connection.facts.connection_id
        self._send(
            connection,
            connection_id,
            f'{{"message": "{message}", "connectionId":"{connection_id}", '
            f'"requestId":"{request_id}"}}',
        )

    # Closing of a connection.

    def connection_closing(self, connection: WebSocketConnection) -> None:
        """Remove a connection to which nothing can be posted any more."""
        self._connections.pop(connection.facts.connection_id, None)
        self._closing.add(connection)

    def connection_closed(self, connection: WebSocketConnection, closing: Closing) -> None:
        """Invoke ``$disconnect`` for a closed connection; only the trace gets its result."""
        self._closing.discard(connection)
        self._flood_full_at_us.pop(connection.facts.connection_id, None)
        if self._queues is None:
            self._disconnect(connection, closing)
        else:
            self._queues.submit(connection, partial(self._disconnect, connection, closing))
        self._check_empty()

    def _disconnect(self, connection: WebSocketConnection, closing: Closing) -> None:
        route = self.api.routes.get("$disconnect")
        at_ms, facts = self._clock.now_ms(), connection.facts
        is_missed = self.hooks is not None and self.hooks.misses_disconnect(facts)
        if route is None or is_missed:
            self._disconnected(connection)
            return
        event = disconnect_event(facts, *closing, self._ids.request_id(), at_ms)
        closed = Closed(at_ms, facts, event)
        self._trace.add(closed)

        def returned(result: Result) -> None:
            self._trace.add(Finished(self._clock.now_ms(), closed, judged(result)))
            self._disconnected(connection)

        self.invoke(route, facts, event, returned)

    def _disconnected(self, connection: WebSocketConnection) -> None:
        if self._queues is not None:
            self._queues.finished(connection)

    # Invocations of $connect and $disconnect.

    def invoke(
        self, route: Route, facts: Facts, event: Mapping[str, Any], then: Callable[[Result], None]
    ) -> None:
        """Invoke a route's function with an event; call ``then`` with the result, now or later."""
        integration = route.integration
        if self.hooks is not None:
            integration = self.hooks.around(integration, facts)
        result = integration.invoke(event)
        assert not isinstance(result, Forward), "may_forward was False"
        if isinstance(result, Running):
            self._dispatcher.follow(result, self.timeout_s(route), then)
        else:
            then(result)

    def timeout_s(self, route: Route) -> float:
        """Return the integration timeout of a route, in seconds."""
        return route.timeout_s or self._settings.integration_timeout_s

    # Stopping.

    def stop(self, when_empty: Callable[[], None]) -> None:
        """Close every connection; call ``when_empty`` once all are gone and no function runs."""
        self._stopping = True
        self._when_empty = when_empty
        for connection in list(self._connections.values()):
            connection.close(1012)
        for http_connection in list(self._http):
            http_connection.close()
        self._check_empty()

    def _check_empty(self) -> None:
        if self._when_empty is None or self._dispatcher.running:
            return
        if not self._connections and not self._closing and not self._http:
            when_empty, self._when_empty = self._when_empty, None
            when_empty()
