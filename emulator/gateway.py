"""API Gateway's data plane: handshakes, events, routes, and who is connected."""

import contextlib
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypedDict

from websockets.frames import CloseCode

from poker_signal.core.limits import Rate
from poker_signal.core.messages import MAX_NAME_CHARACTERS
from poker_signal.emulator.authorizer import UNAUTHORIZED, judge, lacks_identity
from poker_signal.emulator.callbacks import ThrottledConnections
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.core_host import PASSED_ON, Connections, CoreHost
from poker_signal.emulator.events import (
    Facts,
    authorizer_event,
    connect_event,
    disconnect_event,
    identity_of,
    message_event,
)
from poker_signal.emulator.faults import Faults
from poker_signal.emulator.handshake import Upgrade, negotiate
from poker_signal.emulator.http import FORBIDDEN, SHUTTING_DOWN, UPGRADE_REQUIRED, Answer, Request
from poker_signal.emulator.http import error as http_error
from poker_signal.emulator.http_connection import HttpConnection, Switch
from poker_signal.emulator.identifiers import Identifiers
from poker_signal.emulator.inspector import is_for_inspector
from poker_signal.emulator.integration import (
    Api,
    Integration,
    NotInvokable,
    Result,
    Returned,
    Route,
    Running,
    TimedOut,
)
from poker_signal.emulator.invoker import Invoker
from poker_signal.emulator.management import Seen, Target, manage, target_of
from poker_signal.emulator.selection import RESERVED
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.throttle import NEW_CONNECTIONS_PER_S, Throttled, TokenBucket
from poker_signal.emulator.trace import (
    Asked,
    Closed,
    Finished,
    Managed,
    Opened,
    Posted,
    Received,
    Refused,
    Relayed,
    Trace,
    Unrouted,
)
from poker_signal.emulator.websocket import Closing, WebSocketConnection

INTERNAL_SERVER_ERROR = "Internal server error"
TIMED_OUT = "Endpoint request timed out"
TOO_MANY_REQUESTS = "Too Many Requests"

THROTTLED = http_error(429, "TooManyRequestsException", TOO_MANY_REQUESTS)
CALLBACK_THROTTLED = http_error(429, "LimitExceededException", TOO_MANY_REQUESTS)

_RESPONSE_KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")

Reply = Callable[[Answer | Switch], None]


class _Opening(NamedTuple):
    """A handshake on its way through authorizer and ``$connect``."""

    request: Request
    facts: Facts
    upgrade: Upgrade
    reply: Reply


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
        self._last_connected_at_ms = 0
        self._connections: dict[str, WebSocketConnection] = {}
        self._closing: set[WebSocketConnection] = set()
        self._http: set[HttpConnection] = set()
        self._invoker = Invoker(clock, settings.serial, self._check_empty)
        self._stopping = False
        self._when_empty: Callable[[], None] | None = None
        self._paths = {f"/{settings.stage}", f"/{settings.stage}/"}
        self._throttle: TokenBucket | None = None
        if settings.throttle_rate is not None:
            burst = settings.throttle_rate
            if settings.throttle_burst is not None:
                burst = settings.throttle_burst
            self._throttle = TokenBucket(settings.throttle_rate, burst, clock)
        self._flood = Rate(rate, math.ceil(rate)) if (rate := settings.flood_rate) else None
        self._new_connections: TokenBucket | None = None
        if settings.enforce_new_connection_rate:
            rate = NEW_CONNECTIONS_PER_S
            self._new_connections = TokenBucket(rate, rate, clock)
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

    def is_open(self, connection_id: str) -> bool:
        """Tell whether the connection is open."""
        return self._found(self._connections.get(connection_id)) is not None

    def seen(self, connection_id: str) -> Seen | None:
        """Tell of a connection; None if it is not open."""
        connection = self._found(self._connections.get(connection_id))
        if connection is None:
            return None
        facts = connection.facts
        return Seen(facts.connected_at_ms, connection.last_received_ms, facts.identity)

    def close(self, connection_id: str) -> bool:
        """Close a connection; tell whether it was open."""
        connection = self._found(self._connections.get(connection_id))
        if connection is None:
            return False
        connection.close(1000, "Connection Closed Normally")
        return True

    def _found(self, connection: WebSocketConnection | None) -> WebSocketConnection | None:
        """Return the connection if @connections finds it.

        Raises:
            Throttled: by a fault.
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
        target = target_of(request)
        if target is not None:
            reply(self._manage(request, target))
            return
        if self.inspect is not None and is_for_inspector(request):
            self.inspect(request, reply)
            return
        opening = self._negotiate(request, reply)
        if isinstance(opening, Answer):
            self._refuse(request, opening, reply)
        else:
            self._authorize(opening)

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

    def _manage(self, request: Request, target: Target) -> Answer:
        connection = self._connections.get(target.connection_id)
        answer = CALLBACK_THROTTLED
        if self._throttle is None or self._throttle.take():
            with contextlib.suppress(Throttled):
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

    def _refuse(
        self, request: Request, answer: Answer, reply: Reply, facts: Facts | None = None
    ) -> None:
        self._trace.add(
            Refused(
                self._clock.now_ms(),
                facts,
                request.method,
                request.target.partition("?")[0][:200],
                answer.status,
                _reason_of(answer),
            )
        )
        reply(answer)

    # Handshakes: path, upgrade, throttle, authorizer, $connect, 101, in this order.

    def _negotiate(self, request: Request, reply: Reply) -> _Opening | Answer:
        if self._stopping:
            return SHUTTING_DOWN
        if request.path not in self._paths:
            below = request.path.startswith(f"/{self._settings.stage}/")
            return UPGRADE_REQUIRED if below and not request.wants_upgrade else FORBIDDEN
        upgrade = negotiate(request, self._settings)
        if isinstance(upgrade, Answer):
            return upgrade
        for throttle in (self._throttle, self._new_connections):
            if throttle is not None and not throttle.take():
                return THROTTLED
        facts = Facts(
            connection_id=self._ids.connection_id(),
            connected_at_ms=self._connected_at_ms(),
            stage=self._settings.stage,
            domain_name=self.domain_name,
            api_id=self._settings.api_id,
            identity=identity_of(request),
            stage_variables=self.api.stage_variables,
            **_names(request),
        )
        return _Opening(request, facts, upgrade, reply)

    def _connected_at_ms(self) -> int:
        """Return the time of a new connection.

        Who owns a name depends on who connected first. On AWS two connects hardly ever share
        a millisecond; on loopback they do, so the later one is put into the next, as long as
        that stays close to the truth.
        """
        now_ms = self._clock.now_ms()
        ahead_ms = self._last_connected_at_ms - now_ms
        self._last_connected_at_ms = now_ms + (ahead_ms + 1 if 0 <= ahead_ms < 500 else 0)
        return self._last_connected_at_ms

    def _authorize(self, opening: _Opening) -> None:
        authorizer = self.api.authorizer
        if authorizer is None:
            self._connect(opening, {})
            return
        settings, facts, request = self._settings, opening.facts, opening.request
        at_ms = max(self._clock.now_ms(), facts.connected_at_ms)
        method_arn = (
            f"arn:aws:execute-api:{settings.region}:{settings.account_id}:{settings.api_id}"
            f"/{settings.stage}/$connect"
        )
        event = authorizer_event(
            facts,
            request,
            method_arn,
            self._ids.request_id(),
            self._ids.trace_id(at_ms),
            at_ms,
        )
        if lacks_identity(
            authorizer.identity_sources, request, facts.stage_variables, event["requestContext"]
        ):
            self._refuse(request, UNAUTHORIZED, opening.reply, facts)
            return
        asked = Asked(at_ms, facts, "authorizer", event)
        self._trace.add(asked)

        def judged(result: Result) -> None:
            self._trace.add(Finished(self._clock.now_ms(), asked, result))
            context = judge(result, method_arn, facts.identity["sourceIp"])
            if isinstance(context, Answer):
                self._refuse(request, context, opening.reply, facts)
                return
            latency_ms = self._clock.now_ms() - at_ms
            self._connect(
                opening._replace(facts=facts._replace(authorizer=context)),
                {"integrationLatency": max(latency_ms, 0)},
            )

        result = authorizer.integration.invoke(event)
        self._invoker.follow(result, settings.integration_timeout_s, judged)

    def _connect(self, opening: _Opening, latency: Mapping[str, int]) -> None:
        route = self.api.routes.get("$connect")
        if route is None:
            self._establish(opening, {})
            return
        at_ms = max(self._clock.now_ms(), opening.facts.connected_at_ms)
        facts = opening.facts
        if facts.authorizer is not None:
            facts = facts._replace(authorizer={**facts.authorizer, **latency})
        event = connect_event(
            facts, opening.request, self._ids.request_id(), self._ids.trace_id(at_ms), at_ms
        )
        asked = Asked(at_ms, facts, "connect", event)
        self._trace.add(asked)

        def returned(result: Result) -> None:
            self._trace.add(Finished(self._clock.now_ms(), asked, result))
            self._connect_returned(opening, result)

        result = self._integration_of(route, facts).invoke(event)
        self._invoker.follow(result, self._timeout_s(route), returned)

    def _connect_returned(self, opening: _Opening, result: Result) -> None:
        match result:
            case TimedOut():
                answer = http_error(504, "InternalServerErrorException", TIMED_OUT)
            case NotInvokable():
                answer = http_error(500, "InternalServerErrorException", INTERNAL_SERVER_ERROR)
            case Returned():
                response = _well_formed(result)
                if response is not None and 200 <= response["statusCode"] < 300:
                    self._establish(opening, response)
                    return
                answer = _refusal(response)
            case _:
                answer = _refusal(None)
        self._refuse(opening.request, answer, opening.reply, opening.facts)

    def _establish(self, opening: _Opening, response: Mapping[str, Any]) -> None:
        subprotocol = _header(response.get("headers"), "Sec-WebSocket-Protocol")
        headers = list(opening.upgrade.headers)
        if subprotocol is not None:
            if not _HEADER_VALUE.fullmatch(subprotocol):
                self._refuse(opening.request, _refusal(None), opening.reply, opening.facts)
                return
            headers.append(("sec-websocket-protocol", subprotocol))
        connection = WebSocketConnection(
            opening.facts, opening.upgrade.protocol, self, self._settings, self._clock
        )
        opening.reply(Switch(headers, connection, lambda: self._connection_opened(connection)))

    def _connection_opened(self, connection: WebSocketConnection) -> None:
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
        if not self._is_plain or not isinstance(integration, CoreHost):
            received = Received(*message)
            self._trace.add(received)
            result = self._integration_of(route, facts).invoke(event)
            self._follow_message(connection, received, result, route)
            return
        considered, relay = integration.consider(event)
        if relay is not None:
            connection_id, frame = relay
            target = self._connections.get(connection_id)
            if target is not None and target.post(frame, at_ms):
                self._trace.add_relayed(Relayed(*message, target.facts, frame, PASSED_ON))
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
        response = _well_formed(result) if isinstance(result, Returned) else None
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

        result = self._integration_of(route, facts).invoke(event)
        self._invoker.follow(result, self._timeout_s(route), returned)

    # Invocations.

    def _integration_of(self, route: Route, facts: Facts) -> Integration:
        if self._faults is None:
            return route.integration
        return self._faults.around(route.integration, facts)

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


def _well_formed(result: Returned) -> Mapping[str, Any] | None:
    """Return a function's response if API Gateway can use it."""
    value = result.value
    if not isinstance(value, dict) or not value.keys() <= _RESPONSE_KEYS:
        return None
    status, body = value.get("statusCode"), value.get("body")
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        return None
    return value if body is None or isinstance(body, str) else None


class _Names(TypedDict):
    player: str
    game: str


def _names(request: Request) -> _Names:
    """Return who the client says that it is, for whoever watches."""
    query = dict(request.query)
    return {
        "player": query.get("playerId", "")[:MAX_NAME_CHARACTERS],
        "game": query.get("gameId", "")[:MAX_NAME_CHARACTERS],
    }


def _reason_of(answer: Answer) -> str:
    """Return what the client is told, or the status in words."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return answer.body.decode(errors="replace") or answer.reason
    return str(body.get("message", answer.reason)) if isinstance(body, dict) else answer.reason


def _refusal(response: Mapping[str, Any] | None) -> Answer:
    """Return the answer to a handshake that ``$connect`` did not accept."""
    if response is None or response["statusCode"] < 300:
        return http_error(502, "InternalServerErrorException", INTERNAL_SERVER_ERROR)
    body = (response.get("body") or "").encode(errors="replace")
    return Answer(response["statusCode"], body)


def _header(headers: object, name: str) -> str | None:
    """Return a header of a function's response, whatever its casing."""
    if not isinstance(headers, dict):
        return None
    values = [str(value) for key, value in headers.items() if str(key).lower() == name.lower()]
    return values[-1] if values else None
