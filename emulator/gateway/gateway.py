"""API Gateway's data plane: events, routes, and who is connected."""

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from websockets.frames import CloseCode

from poker_signal.core.rate_limit import Rate
from poker_signal.emulator.aws.connections import ConnectionInfo, Connections
from poker_signal.emulator.aws.events import Facts, disconnect_event, message_event
from poker_signal.emulator.aws.http import (
    INTERNAL_SERVER_ERROR,
    SHUTTING_DOWN,
    TIMED_OUT,
    TOO_MANY_REQUESTS,
    Answer,
    Request,
)
from poker_signal.emulator.aws.identifiers import Identifiers
from poker_signal.emulator.aws.results import Result, Returned, Running, TimedOut, well_formed
from poker_signal.emulator.aws.throttling import (
    NEW_CONNECTIONS_PER_S,
    LimitExceeded,
    TokenBucket,
    bucket,
)
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.functions.signaling import SignalingFunction
from poker_signal.emulator.gateway.api import RESERVED, Api, Route
from poker_signal.emulator.gateway.connect import Handshakes, Reply
from poker_signal.emulator.gateway.dispatch import Dispatcher
from poker_signal.emulator.inspector import is_for_inspector
from poker_signal.emulator.protocols.http_connection import HttpConnection
from poker_signal.emulator.protocols.websocket_connection import Closing, WebSocketConnection
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import (
    Closed,
    Finished,
    Managed,
    Opened,
    Posted,
    Received,
    Relayed,
    Unrouted,
)
from poker_signal.emulator.trace.trace import Trace


class Gateway:
    """One WebSocket API with one stage.

    A connection exists, for ``post`` and everybody else, from the moment its 101 is written
    until it starts to close.
    """

    def __init__(
        self, settings: Settings, clock: Clock, trace: Trace, faults: Faults | None = None
    ) -> None:
        self.api = Api(routes={})
        """Set before the first request: integrations need their gateway, to post."""
        self.domain_name = settings.domain_name or settings.host
        """Host and port, once they are known."""
        self.inspect: Callable[[Request, Reply], None] | None = None
        """Answers what is asked below ``/_inspect``."""
        self._settings = settings
        self._clock = clock
        self._trace = trace
        self._ids = Identifiers()
        self._connections: dict[str, WebSocketConnection] = {}
        self._closing: set[WebSocketConnection] = set()
        self._http: set[HttpConnection] = set()
        self._invoker = Dispatcher(clock, settings.serial, self._check_empty)
        self._stopping = False
        self._when_empty: Callable[[], None] | None = None
        self._throttle = bucket(settings.throttle_rate, settings.throttle_burst, clock)
        self._flood = Rate(rate, math.ceil(rate)) if (rate := settings.flood_rate) else None
        throttles = [] if self._throttle is None else [self._throttle]
        if settings.enforce_new_connection_rate:
            throttles.append(TokenBucket(NEW_CONNECTIONS_PER_S, NEW_CONNECTIONS_PER_S, clock))
        self._handshakes = Handshakes(
            self, settings, clock, trace, self._ids, self._invoker, throttles
        )
        self._use(None)
        if faults is not None:
            faults.attach(clock, trace, self._connections.values)
            faults.watch(lambda: self._use(faults if faults.are_active else None))

    def _use(self, faults: Faults | None) -> None:
        self._faults = faults
        """None while none is active: then nothing is asked."""
        # Then nothing but the rules decides what becomes of a message.
        self._is_plain = faults is None and self._throttle is None and not self._settings.serial

    # What @connections can do.

    @property
    def connections(self) -> Connections:
        """All of that for a function in this process; its calls count against the throttle."""
        if self._throttle is None:
            return self
        from poker_signal.emulator.gateway.connections_api import ThrottledConnections

        return ThrottledConnections(self, self._throttle)

    def post(self, connection_id: str, data: str) -> bool:
        """Send a text frame; tell whether the connection is open."""
        connection = self._connections.get(connection_id)
        if self._faults is not None:
            connection = self._found(connection)
        return self._send(connection, connection_id, data)

    def _send(self, connection: WebSocketConnection | None, connection_id: str, data: str) -> bool:
        now_ms = self._clock.now_ms()
        if connection is None or not connection.post(data, now_ms):
            self._trace.add(Posted(now_ms, None, connection_id, data))
            return False
        self._trace.add(Posted(now_ms, connection.facts, connection_id, data))
        return True

    def get(self, connection_id: str) -> ConnectionInfo | None:
        """Return what is known of an open connection; None: it is gone."""
        connection = self._found(self._connections.get(connection_id))
        if connection is None:
            return None
        facts = connection.facts
        return ConnectionInfo(facts.connected_at_ms, connection.last_received_ms, facts.identity)

    def delete(self, connection_id: str) -> bool:
        """Close a connection; False: it was gone."""
        connection = self._found(self._connections.get(connection_id))
        if connection is None:
            return False
        connection.close(1000, "Connection Closed Normally")
        return True

    def _found(self, connection: WebSocketConnection | None) -> WebSocketConnection | None:
        """Return the connection if @connections finds it.

        Raises:
            LimitExceeded: by a fault.
        """
        if connection is None or self._faults is None or self._faults.finds(connection.facts):
            return connection
        return None

    # What the inspector can do beside that.

    @property
    def open_connections(self) -> Mapping[str, WebSocketConnection]:
        """The open connections by id."""
        return self._connections

    def receive(self, connection_id: str, text: str) -> bool:
        """Take a message as if the client had sent it; tell whether the connection is open."""
        connection = self._connections.get(connection_id)
        if connection is None:
            return False
        connection.last_received_ms = self._clock.now_ms()
        self.message_received(connection, text)
        return True

    # HTTP: what a connection asks before it is a WebSocket.

    def respond(self, request: Request, reply: Reply) -> None:
        """Answer a request: the management API's, or a handshake."""
        if "@connections" in request.path and (answer := self._manage(request)) is not None:
            reply(answer)
        elif self.inspect is not None and is_for_inspector(request):
            self.inspect(request, reply)
        elif self._stopping:
            self._handshakes.refuse(request, SHUTTING_DOWN, reply)
        else:
            self._handshakes.begin(request, reply)

    def http_opened(self, connection: HttpConnection) -> None:
        """Take note of an HTTP connection."""
        self._http.add(connection)
        if self._stopping:
            # It was in the queue of the socket that is closed by now.
            connection.close()

    def http_closed(self, connection: HttpConnection) -> None:
        """Take note that an HTTP connection is gone, or has become a WebSocket."""
        self._http.discard(connection)
        self._check_empty()

    def _manage(self, request: Request) -> Answer | None:
        """Return the answer of the management API; None if it is not asked."""
        # Who only signals does not wait for it.
        from poker_signal.emulator.gateway.connections_api import THROTTLED, manage, target_of

        target = target_of(request)
        if target is None:
            return None
        connection = self._connections.get(target.connection_id)
        answer = THROTTLED
        if self._throttle is None or self._throttle.take():
            with contextlib.suppress(LimitExceeded):
                answer = manage(request, target, self, self._settings)
        self._trace.add(
            Managed(
                self._clock.now_ms(),
                None if connection is None else connection.facts,
                target.connection_id,
                request.method,
                answer.status,
                answer.reason,
                len(request.body),
            )
        )
        return answer

    def connection_opened(self, connection: WebSocketConnection) -> None:
        """Take note that a connection exists: its 101 is written."""
        self._connections[connection.facts.connection_id] = connection
        self._trace.add(Opened(self._clock.now_ms(), connection.facts))
        if self._stopping:
            connection.close(1012)
        if self._faults is not None:
            self._faults.opened(connection)

    # Messages and the end of connections.

    def message_received(self, connection: WebSocketConnection, text: str) -> None:
        """Hand a message to its route."""
        if self._flood is not None:
            full_at_us = self._flood.spend(connection.full_at_us, connection.last_received_ms)
            if full_at_us is None:
                connection.close(CloseCode.POLICY_VIOLATION)
                return
            connection.full_at_us = full_at_us
        if self._settings.serial:
            self._invoker.submit(connection, lambda: self._route_message(connection, text))
        else:
            self._route_message(connection, text)

    def _route_message(self, connection: WebSocketConnection, text: str) -> None:
        facts, at_ms = connection.facts, connection.last_received_ms
        request_id, message_id = self._ids.of_message(facts.connection_id)
        if self._throttle is not None and not self._throttle.take():
            self._turn_away(connection, text, request_id, "throttled")
            return
        route_key, route = self._select(text)
        if route is None:
            self._turn_away(connection, text, request_id, "no route")
            return
        event = message_event(facts, route_key, text, request_id, message_id, at_ms)
        message = (at_ms, facts, route_key, text, request_id, message_id)
        integration = route.integration
        if not self._is_plain or not isinstance(integration, SignalingFunction):
            received = Received(*message)
            self._trace.add(received)
            if self._faults is not None:
                integration = self._faults.around(integration, facts)
            result = integration.invoke(event)
            self._follow_message(connection, received, result, route)
            return
        considered, relay = integration.consider(event)
        if relay is not None:
            connection_id, frame = relay
            target = self._connections.get(connection_id)
            if target is not None and target.post(frame, at_ms):
                passed_on = Relayed(*message, target.facts, frame, integration.passed_on)
                self._trace.add_relayed(passed_on)
                return
        received = Received(*message)
        self._trace.add(received)
        result = integration.perform(considered, event)
        self._follow_message(connection, received, result, route)

    def _follow_message(
        self,
        connection: WebSocketConnection,
        received: Received,
        result: Result | Running,
        route: Route,
    ) -> None:
        if not isinstance(result, Running):
            # Within the same millisecond, as good as always: it is not worth a look at the clock.
            finished = Finished(received.at_ms, received, result)
            self._message_returned(connection, received, finished, route)
            return

        def returned(result: Result) -> None:
            connection.invocation_ended()
            finished = Finished(self._clock.now_ms(), received, result)
            self._message_returned(connection, received, finished, route)

        connection.invocation_started()
        self._invoker.follow(result, self._timeout_s(route), returned)

    def _turn_away(
        self,
        connection: WebSocketConnection,
        text: str,
        request_id: str,
        why: Literal["throttled", "no route"],
    ) -> None:
        """Tell the client of a message that reaches no function."""
        self._trace.add(Unrouted(self._clock.now_ms(), connection.facts, text, why))
        words = TOO_MANY_REQUESTS if why == "throttled" else "Forbidden"
        self._tell(connection, request_id, words)
        self._invoker.finished(connection)

    def _select(self, text: str) -> tuple[str, Route | None]:
        if self.api.select is not None:
            route_key = self.api.select(text)
            route = self.api.routes.get(route_key)
            if route is not None and route_key not in RESERVED:
                return route_key, route
        return "$default", self.api.routes.get("$default")

    def _message_returned(
        self, connection: WebSocketConnection, received: Received, finished: Finished, route: Route
    ) -> None:
        """Tell the client of a failure, or what a two-way route answers."""
        self._trace.add(finished)
        result = finished.result
        if isinstance(result, Returned) and result.outcome is not None:
            # Our own rules: they have said what there was to say.
            if self._settings.serial:
                self._invoker.finished(connection)
            return
        request_id = received.request_id
        response = well_formed(result) if isinstance(result, Returned) else None
        if response is None:
            words = TIMED_OUT if isinstance(result, TimedOut) else INTERNAL_SERVER_ERROR
            self._tell(connection, request_id, words)
        elif route.two_way:
            self._answer(connection, request_id, response.get("body") or "")
        if self._settings.serial:
            self._invoker.finished(connection)

    def _answer(self, connection: WebSocketConnection, request_id: str, body: str) -> None:
        # UNKNOWN what AWS does with a body that no message can hold.
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

    def connection_closing(self, connection: WebSocketConnection) -> None:
        """Take note that nothing can be posted any more."""
        self._connections.pop(connection.facts.connection_id, None)
        self._closing.add(connection)

    def connection_closed(self, connection: WebSocketConnection, closing: Closing) -> None:
        """Hand the end of a connection to ``$disconnect``; what that returns goes nowhere."""
        self._closing.discard(connection)
        self._invoker.submit(connection, lambda: self._disconnect(connection, closing))
        self._check_empty()

    def _disconnect(self, connection: WebSocketConnection, closing: Closing) -> None:
        route = self.api.routes.get("$disconnect")
        at_ms, facts = self._clock.now_ms(), connection.facts
        is_missed = self._faults is not None and self._faults.misses_disconnect(facts)
        if route is None or is_missed:
            self._invoker.finished(connection)
            return
        event = disconnect_event(facts, *closing, self._ids.request_id(), at_ms)
        closed = Closed(at_ms, facts, event)
        self._trace.add(closed)

        def returned(result: Result) -> None:
            self._trace.add(Finished(self._clock.now_ms(), closed, result))
            self._invoker.finished(connection)

        self.invoke(route, facts, event, returned)

    # Invocations.

    def invoke(
        self, route: Route, facts: Facts, event: Mapping[str, Any], then: Callable[[Result], None]
    ) -> None:
        """Hand an event to a route's function, and its result on, once it is there."""
        integration = route.integration
        if self._faults is not None:
            integration = self._faults.around(integration, facts)
        self._invoker.follow(integration.invoke(event), self._timeout_s(route), then)

    def _timeout_s(self, route: Route) -> float:
        return route.timeout_s or self._settings.integration_timeout_s

    # The end.

    def stop(self, when_empty: Callable[[], None]) -> None:
        """Close every connection; call back once all are gone and ``$disconnect`` has run."""
        self._stopping = True
        self._when_empty = when_empty
        for connection in list(self._connections.values()):
            connection.close(1012)
        for http_connection in list(self._http):
            http_connection.close()
        self._check_empty()

    def _check_empty(self) -> None:
        if self._when_empty is None or self._invoker.running:
            return
        if not self._connections and not self._closing and not self._http:
            when_empty, self._when_empty = self._when_empty, None
            when_empty()
