"""API Gateway's data plane: handshakes, events, routes, and who is connected."""

from collections.abc import Callable
from typing import NamedTuple

from poker_signal.core.gateway import LambdaEvent
from poker_signal.emulator.clock import Clock, Timer
from poker_signal.emulator.events import (
    Facts,
    connect_event,
    disconnect_event,
    identity_of,
    message_event,
)
from poker_signal.emulator.handshake import Upgrade, negotiate
from poker_signal.emulator.http import FORBIDDEN, SHUTTING_DOWN, UPGRADE_REQUIRED, Answer, Request
from poker_signal.emulator.http import error as http_error
from poker_signal.emulator.http_connection import HttpConnection, Switch
from poker_signal.emulator.identifiers import Identifiers
from poker_signal.emulator.integration import Failure, Integration, Result, Returned
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace import Observer, Record
from poker_signal.emulator.websocket import Closing, WebSocketConnection

INTERNAL_SERVER_ERROR = "Internal server error"
TIMED_OUT = "Endpoint request timed out"


class _Opening(NamedTuple):
    """A handshake that is waiting for ``$connect``."""

    facts: Facts
    upgrade: Upgrade
    reply: Callable[[Answer | Switch], None]


class Gateway:
    """One WebSocket API with one stage.

    A connection exists, for ``post`` and everybody else, from the moment its 101 is written
    until it starts to close.
    """

    def __init__(self, settings: Settings, clock: Clock, observer: Observer) -> None:
        self.integration: Integration
        """Set once, before the first request; an integration may need its gateway to post."""
        self.domain_name = settings.host
        """Host and port, once they are known."""
        self._settings = settings
        self._clock = clock
        self._observer = observer
        self._ids = Identifiers()
        self._last_connected_at_ms = 0
        self._connections: dict[str, WebSocketConnection] = {}
        self._closing: set[WebSocketConnection] = set()
        self._http: set[HttpConnection] = set()
        self._stopping = False
        self._when_empty: Callable[[], None] | None = None
        self._paths = {f"/{settings.stage}", f"/{settings.stage}/"}

    # What @connections can do.

    def post(self, connection_id: str, data: str) -> bool:
        """Send a text frame; tell whether the connection is open."""
        connection = self._connections.get(connection_id)
        return connection is not None and connection.post(data)

    def is_open(self, connection_id: str) -> bool:
        """Tell whether the connection is open."""
        return connection_id in self._connections

    def close(self, connection_id: str) -> None:
        """Close the connection, if it is open."""
        connection = self._connections.get(connection_id)
        if connection is not None:
            connection.close(1000, "Connection Closed Normally")

    # HTTP: what a connection asks before it is a WebSocket.

    def respond(self, request: Request, reply: Callable[[Answer | Switch], None]) -> None:
        """Answer a request, a handshake most of all."""
        answer = self._open(request, reply)
        if answer is not None:
            self._observer.observe(
                Record(
                    self._clock.now_ms(),
                    "refused",
                    f"refused {answer.status} {request.method} {request.path}"[:120],
                )
            )
            reply(answer)

    def http_opened(self, connection: HttpConnection) -> None:
        """Take note of an HTTP connection."""
        self._http.add(connection)

    def http_closed(self, connection: HttpConnection) -> None:
        """Take note that an HTTP connection is gone, or has become a WebSocket."""
        self._http.discard(connection)
        self._check_empty()

    def _open(self, request: Request, reply: Callable[[Answer | Switch], None]) -> Answer | None:
        """Start ``$connect``; return an answer if the handshake does not get that far."""
        if self._stopping:
            return SHUTTING_DOWN
        if request.path not in self._paths:
            below = request.path.startswith(f"/{self._settings.stage}/")
            return UPGRADE_REQUIRED if below and not request.wants_upgrade else FORBIDDEN
        upgrade = negotiate(request, self._settings)
        if isinstance(upgrade, Answer):
            return upgrade
        at_ms, connected_at_ms = self._connect_times()
        facts = Facts(
            connection_id=self._ids.connection_id(),
            connected_at_ms=connected_at_ms,
            stage=self._settings.stage,
            domain_name=self.domain_name,
            api_id=self._settings.api_id,
            identity=identity_of(request),
        )
        event = connect_event(
            facts, request, self._ids.request_id(), self._ids.trace_id(at_ms), at_ms
        )
        opening = _Opening(facts, upgrade, reply)
        self._invoke(event, lambda result: self._connect_returned(opening, result))
        return None

    def _connect_times(self) -> tuple[int, int]:
        """Return the times of the event and of the connection.

        Who owns a name depends on who connected first. On AWS two connects hardly ever share
        a millisecond; on loopback they do, so the later one is put into the next, as long as
        that stays close to the truth.
        """
        now_ms = self._clock.now_ms()
        ahead_ms = self._last_connected_at_ms - now_ms
        connected_at_ms = self._last_connected_at_ms + 1 if 0 <= ahead_ms < 500 else now_ms
        self._last_connected_at_ms = connected_at_ms
        return max(now_ms, connected_at_ms), connected_at_ms

    def _connect_returned(self, opening: _Opening, result: Result) -> None:
        match result:
            case Failure.TIMED_OUT:
                answer = http_error(504, "InternalServerErrorException", TIMED_OUT)
            case Returned({"statusCode": int(status)}) if 200 <= status < 300:
                opening.reply(self._established(opening))
                return
            case Returned({"statusCode": int(status), **rest}) if 300 <= status < 600:
                body = rest.get("body")
                answer = Answer(status, body.encode() if isinstance(body, str) else b"")
            case _:
                answer = http_error(502, "InternalServerErrorException", INTERNAL_SERVER_ERROR)
        opening.reply(answer)

    def _established(self, opening: _Opening) -> Switch:
        connection = WebSocketConnection(
            opening.facts, opening.upgrade.protocol, self, self._settings, self._clock
        )
        return Switch(
            opening.upgrade.headers, connection, lambda: self._connection_opened(connection)
        )

    # Events.

    def message_received(self, connection: WebSocketConnection, text: str) -> None:
        """Hand a message to its route."""
        facts = connection.facts
        request_id = self._ids.request_id()
        event = message_event(
            facts,
            "$default",
            text,
            request_id,
            self._ids.message_id(facts.connection_id),
            connection.last_received_ms,
        )
        self._invoke(event, lambda result: self._message_returned(connection, request_id, result))

    def _message_returned(
        self, connection: WebSocketConnection, request_id: str, result: Result
    ) -> None:
        """Tell the client of a failure; what the function returned goes nowhere."""
        match result:
            case Returned({"statusCode": int()}):
                return
            case Failure.TIMED_OUT:
                message = TIMED_OUT
            case _:
                message = INTERNAL_SERVER_ERROR
        # Byte for byte as recorded: one space after the first colon, none after the others.
        connection.post(
            f'{{"message": "{message}", "connectionId":"{connection.facts.connection_id}", '
            f'"requestId":"{request_id}"}}'
        )

    def _connection_opened(self, connection: WebSocketConnection) -> None:
        self._connections[connection.facts.connection_id] = connection
        if self._stopping:
            connection.close(1012)

    def connection_closing(self, connection: WebSocketConnection) -> None:
        """Take note that nothing can be posted any more."""
        self._connections.pop(connection.facts.connection_id, None)
        self._closing.add(connection)

    def connection_closed(self, connection: WebSocketConnection, closing: Closing) -> None:
        """Hand the end of a connection to ``$disconnect``; what that returns goes nowhere."""
        self._closing.discard(connection)
        event = disconnect_event(
            connection.facts, *closing, self._ids.request_id(), self._clock.now_ms()
        )
        self._invoke(event, lambda result: None)
        self._check_empty()

    def _invoke(self, event: LambdaEvent, then: Callable[[Result], None]) -> None:
        """Call the integration; ``then`` gets its result, or that it took too long, once."""
        settled = False
        timer: Timer | None = None

        def settle(result: Result) -> None:
            nonlocal settled
            if settled:
                return
            settled = True
            if timer is not None:
                timer.cancel()
            then(result)

        self.integration.invoke(event, settle)
        if not settled:
            timer = self._clock.call_later(
                self._settings.integration_timeout_s, lambda: settle(Failure.TIMED_OUT)
            )

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
        if self._when_empty and not self._connections and not self._closing and not self._http:
            when_empty, self._when_empty = self._when_empty, None
            when_empty()
