"""``$connect``: a WebSocket handshake, from its request to the 101 or the refusal."""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

from poker_signal.core.aws_event import Identity
from poker_signal.emulator.aws.events import (
    Facts,
    Label,
    authorizer_event,
    connect_event,
)
from poker_signal.emulator.aws.http import (
    FAILED,
    FORBIDDEN,
    INTERNAL_SERVER_ERROR,
    THROTTLED,
    TIMED_OUT,
    UPGRADE_REQUIRED,
    Answer,
    Request,
    error,
)
from poker_signal.emulator.aws.identifiers import Identifiers
from poker_signal.emulator.aws.results import (
    Forward,
    Malformed,
    NotInvokable,
    Result,
    Returned,
    TimedOut,
    judged,
)
from poker_signal.emulator.aws.throttling import TokenBucket
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.gateway.dispatch import Dispatcher
from poker_signal.emulator.gateway.routes import Api, Authorizer, Labeler, Route
from poker_signal.emulator.protocols.http_connection import Switch
from poker_signal.emulator.protocols.origins import Pages
from poker_signal.emulator.protocols.upgrade import Upgrade, negotiate
from poker_signal.emulator.protocols.websocket_connection import (
    InputTurns,
    Listener,
    WebSocketConnection,
)
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Asked, Finished, RequestRefused
from poker_signal.emulator.trace.trace import Trace

_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")

_FOREIGN_PAGE = Answer(403, b"This web page may not connect to this server.")
"""The answer of poker-signal's own rules, with the code ORIGIN_NOT_ALLOWED."""

Reply = Callable[[Answer | Switch], None]


class ConnectGateway(Listener, Protocol):
    """The part of the gateway that handshakes use."""

    api: Api
    domain_name: str

    def invoke(
        self, route: Route, facts: Facts, event: Mapping[str, Any], then: Callable[[Result], None]
    ) -> None:
        """Invoke a route's function with an event; call ``then`` with the result, now or later."""

    def connection_opened(self, connection: WebSocketConnection) -> None:
        """Add a connection whose 101 has been written."""


class _Opening(NamedTuple):
    """A handshake that is being decided by the authorizer and ``$connect``."""

    request: Request
    facts: Facts
    upgrade: Upgrade
    reply: Reply
    request_id: str
    """The id of the invocation of ``$connect``."""
    trace_id: str


class Connects:
    """Handling of handshakes: path, upgrade, throttles, origin, authorizer, ``$connect``.

    A handshake ends with a 101 and a connection, or with a refusal.
    """

    def __init__(
        self,
        gateway: ConnectGateway,
        settings: Settings,
        clock: Clock,
        trace: Trace,
        ids: Identifiers,
        dispatcher: Dispatcher,
        throttles: list[TokenBucket],
        label: Labeler | None,
    ) -> None:
        self._gateway = gateway
        self._settings = settings
        self._clock = clock
        self._trace = trace
        self._ids = ids
        self._dispatcher = dispatcher
        self._throttles = throttles
        self._pages = Pages(settings)
        self._turns = InputTurns()
        self._label = label or (lambda _: Label())
        self._last_connected_at_ms = 0
        self._paths = {settings.path, f"{settings.path}/"}

    def begin(self, request: Request, reply: Reply) -> None:
        """Start a handshake; call ``reply`` with its answer, now or later."""
        opening = self._negotiate(request, reply)
        if isinstance(opening, Answer):
            words = f"Forbidden: this API is at {self._settings.path or '/'}"
            self.refuse(request, opening, reply, None, words if opening is FORBIDDEN else "")
        elif why := self._pages.why_not_connect(request):
            self.refuse(request, _FOREIGN_PAGE, reply, opening.facts, why, "ORIGIN_NOT_ALLOWED")
        elif (authorizer := self._gateway.api.authorizer) is not None:
            self._authorize(opening, authorizer)
        else:
            self._connect(opening, opening.facts.connected_at_ms)

    def refuse(
        self,
        request: Request,
        answer: Answer,
        reply: Reply,
        facts: Facts | None = None,
        reason: str = "",
        code: str = "",
    ) -> None:
        """Refuse a request, and add the refusal to the trace.

        ``reason`` is for the developer; empty: the answer's own text.
        """
        self._trace.add(
            RequestRefused(
                self._clock.now_ms(),
                facts,
                request.method,
                request.target.partition("?")[0][:200],
                answer.status,
                reason or _reason_of(answer),
                code,
            )
        )
        reply(answer)

    def _negotiate(self, request: Request, reply: Reply) -> _Opening | Answer:
        if request.path not in self._paths:
            below = request.path.startswith(f"{self._settings.path}/")
            return UPGRADE_REQUIRED if below and not request.wants_upgrade else FORBIDDEN
        upgrade = negotiate(request, self._settings)
        if isinstance(upgrade, Answer):
            return upgrade
        for throttle in self._throttles:
            if not throttle.take():
                return THROTTLED
        label, headers = self._label(request), request.last_values
        identity: Identity = {"sourceIp": request.peer_ip}
        if "user-agent" in headers:
            identity = {"userAgent": headers["user-agent"], **identity}
        # The owner of a name depends on the order of the connects. On AWS two connects hardly ever
        # share a millisecond, but on loopback they do. Then the later one gets the next
        # millisecond, unless that would be more than 500 ms ahead of the clock.
        now_ms = self._clock.now_ms()
        ahead_ms = self._last_connected_at_ms - now_ms
        connected_at_ms = now_ms + (ahead_ms + 1 if 0 <= ahead_ms < 500 else 0)
        self._last_connected_at_ms = connected_at_ms
        connection_id, request_id, trace_id = self._ids.of_handshake(connected_at_ms)
        facts = Facts(
            connection_id=connection_id,
            connected_at_ms=connected_at_ms,
            stage=self._settings.stage,
            domain_name=self._gateway.domain_name,
            api_id=self._settings.api_id,
            identity=identity,
            stage_variables=self._gateway.api.stage_variables,
            label=label,
        )
        return _Opening(request, facts, upgrade, reply, request_id, trace_id)

    def _authorize(self, opening: _Opening, authorizer: Authorizer) -> None:
        # Imported here, because only APIs with an authorizer need it.
        from poker_signal.emulator.aws.authorizer import (
            MISCONFIGURED,
            UNAUTHORIZED,
            judge,
            lacks_identity,
        )

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
            *self._ids.authorizer_ids(at_ms),
            at_ms,
        )
        if lacks_identity(
            authorizer.identity_sources, request, facts.stage_variables, event["requestContext"]
        ):
            self.refuse(request, UNAUTHORIZED, opening.reply, facts)
            return
        asked = Asked(at_ms, facts, "authorizer", event)
        self._trace.add(asked)

        def judged(result: Result) -> None:
            context = judge(result, method_arn, facts.identity["sourceIp"])
            if isinstance(context, Malformed):
                result, context = context, MISCONFIGURED
            self._trace.add(Finished(self._clock.now_ms(), asked, result))
            if isinstance(context, Answer):
                self.refuse(request, context, opening.reply, facts)
                return
            now_ms = max(self._clock.now_ms(), at_ms)
            allowed = {**context, "integrationLatency": now_ms - at_ms}
            self._connect(
                opening._replace(facts=facts._replace(authorizer=context)), now_ms, allowed
            )

        result = authorizer.integration.invoke(event)
        assert not isinstance(result, Forward), "may_forward was False"
        self._dispatcher.follow(result, settings.integration_timeout_s, judged)

    def _connect(
        self, opening: _Opening, at_ms: int, authorizer: dict[str, Any] | None = None
    ) -> None:
        """Invoke ``$connect``; ``authorizer`` is the authorizer's context, with its latency."""
        route = self._gateway.api.routes.get("$connect")
        if route is None:
            self._establish(opening, {})
            return
        facts = opening.facts
        if authorizer is not None:
            facts = facts._replace(authorizer=authorizer)
        event = connect_event(facts, opening.request, opening.request_id, opening.trace_id, at_ms)
        asked = Asked(at_ms, facts, "connect", event)
        self._trace.add(asked)
        self._gateway.invoke(route, facts, event, partial(self._connect_returned, opening, asked))

    def _connect_returned(self, opening: _Opening, asked: Asked, result: Result) -> None:
        result = judged(result)
        self._trace.add(Finished(self._clock.now_ms(), asked, result))
        match result:
            case Returned(dict() as response):
                if 200 <= response["statusCode"] < 300:
                    self._establish(opening, response)
                    return
                answer = _refusal(response)
            case TimedOut():
                answer = error(504, "InternalServerErrorException", TIMED_OUT)
            case NotInvokable():
                answer = error(500, "InternalServerErrorException", INTERNAL_SERVER_ERROR)
            case _:
                answer = _refusal(None)
        self.refuse(opening.request, answer, opening.reply, opening.facts)

    def _establish(self, opening: _Opening, response: Mapping[str, Any]) -> None:
        headers = opening.upgrade.headers
        subprotocol = None
        if "headers" in response:
            subprotocol = _header(response["headers"], "Sec-WebSocket-Protocol")
        if subprotocol is not None:
            if not _HEADER_VALUE.fullmatch(subprotocol):
                self.refuse(opening.request, _refusal(None), opening.reply, opening.facts)
                return
            headers = [*headers, ("sec-websocket-protocol", subprotocol)]
        connection = WebSocketConnection(
            opening.facts,
            opening.upgrade.protocol,
            self._gateway,
            self._settings,
            self._clock,
            self._turns,
        )
        opened = partial(self._gateway.connection_opened, connection)
        opening.reply(Switch(headers, connection, opened))


def _reason_of(answer: Answer) -> str:
    """Return the message in an answer's body, or the phrase of its status."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return answer.body.decode(errors="replace") or answer.reason
    message = body.get("message") if isinstance(body, dict) else None
    return answer.reason if message is None else str(message)


def _refusal(response: Mapping[str, Any] | None) -> Answer:
    """Return the answer to a handshake that ``$connect`` did not accept."""
    if response is None or response["statusCode"] < 300:
        return FAILED
    body = (response.get("body") or "").encode(errors="replace")
    return Answer(response["statusCode"], body)


def _header(headers: object, name: str) -> str | None:
    """Return a header of a function's response; the case of ``name`` does not matter."""
    if not isinstance(headers, dict):
        return None
    values = [str(value) for key, value in headers.items() if str(key).lower() == name.lower()]
    return values[-1] if values else None
