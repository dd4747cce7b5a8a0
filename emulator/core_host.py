"""The default integration: our core, in this process, its effects performed on sockets."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol, assert_never

from websockets.frames import CLOSE_CODE_EXPLANATIONS

from poker_signal.core.errors import SignalError
from poker_signal.core.gateway import Response, parse_event, response_for
from poker_signal.core.invocation import Invocation, Outcome
from poker_signal.core.limits import Meter
from poker_signal.core.model import (
    Close,
    Connect,
    ConnectionId,
    Disconnect,
    Effect,
    Forget,
    Message,
    Post,
    Probe,
    Reach,
    Save,
    Wait,
)
from poker_signal.core.rules import Rules
from poker_signal.emulator.integration import Raised, Result, Returned
from poker_signal.emulator.table import MemoryTable
from poker_signal.emulator.trace import Observer, Record

logger = logging.getLogger(__name__)


class Throttled(Exception):
    """``@connections`` takes no more calls for now; nothing was done."""


class Connections(Protocol):
    """What ``@connections`` can do, called directly. Each call may raise Throttled."""

    def post(self, connection_id: str, data: str) -> bool:
        """Send a text frame; tell whether the connection is open."""

    def is_open(self, connection_id: str) -> bool:
        """Tell whether the connection is open."""

    def close(self, connection_id: str) -> bool:
        """Close the connection; tell whether it was open."""


class CoreHost:
    """Runs the core on every event, within the call: no message waits for another."""

    def __init__(self, connections: Connections, rules: Rules, observer: Observer) -> None:
        self._connections = connections
        self._rules = rules
        self._meter = Meter(rules)
        self._observer = observer
        self.table = MemoryTable()

    def invoke(self, event: Mapping[str, Any], done: Callable[[Result], None]) -> None:
        """Decide an event, perform what follows, and return as Lambda would."""
        try:
            response = self._perform(event)
        except Exception as error:
            # API Gateway tells the client; the developer is told here, with the traceback.
            logger.exception("%s failed", event["requestContext"]["routeKey"])
            done(Raised(str(error)))
        else:
            done(Returned(response))

    def _perform(self, raw: Mapping[str, Any]) -> Response:
        try:
            event = self._meter.checked(parse_event(raw))
        except SignalError as error:
            refused = Outcome("refused", error)
            self._observer.observe(_refusal(raw, refused))
            return response_for(refused)
        row = event.row if isinstance(event, Connect) else self.table.row(event.connection_id)
        invocation = Invocation(event, self.table.room_of(event), self._rules)
        for effect in invocation.effects():
            try:
                self._perform_effect(effect, invocation)
            except Throttled:
                # A Close is best effort: what it was for is forgotten already.
                if isinstance(effect, Post | Probe):
                    invocation.throttled(effect)
        self._observer.observe(
            _record(
                raw,
                invocation,
                game=row.game_id if row else "",
                who=row.player_id if row else "",
            )
        )
        return response_for(invocation.outcome)

    def _perform_effect(self, effect: Effect, invocation: Invocation) -> None:
        match effect:
            case Post(connection_id, data):
                posted = self._connections.post(connection_id, data)
                (invocation.delivered if posted else invocation.gone)(effect)
            case Save(row):
                self.table.save(row)
            case Forget(connection_id):
                self.table.forget(ConnectionId(connection_id))
            case Probe(connection_id):
                is_open = self._connections.is_open(connection_id)
                (invocation.alive if is_open else invocation.gone)(effect)
            case Reach(connection_id, target):
                self.table.reach(connection_id, target)
            case Wait():
                # Nothing runs at the same time here.
                invocation.waited_enough(effect)
            case Close(connection_id):
                self._connections.close(connection_id)
            case _:
                assert_never(effect)


def _record(raw: Mapping[str, Any], invocation: Invocation, game: str, who: str) -> Record:
    event, signal = invocation.event, invocation.signal
    context = raw["requestContext"]
    at_ms = context["requestTimeEpoch"]
    outcome = _describe(invocation.outcome)
    match event:
        case Connect():
            return Record(at_ms, "connect", outcome, game, who)
        case Disconnect():
            code, reason = context["disconnectStatusCode"], context["disconnectReason"]
            meaning = reason or CLOSE_CODE_EXPLANATIONS.get(code, "")
            return Record(at_ms, "disconnect", f"{code} {meaning}".strip(), game, who)
        case Message(body=body):
            whom = signal.target_id if signal and signal.target_id else ""
            type_ = signal.type if signal else "?"
            size = len(body.encode())
            return Record(at_ms, "message", outcome, game, who, whom, type_, size)


def _refusal(raw: Mapping[str, Any], refused: Outcome) -> Record:
    parameters = raw.get("queryStringParameters", {})
    return Record(
        raw["requestContext"]["requestTimeEpoch"],
        "refused",
        _describe(refused),
        game=parameters.get("gameId", "")[:20],
        who=parameters.get("playerId", "")[:20],
    )


def _describe(outcome: Outcome) -> str:
    error = outcome.error
    if error is None:
        return outcome.name
    if outcome.name == "refused":
        return f"refused {error.status_code} {error}"
    return f"{outcome.name} {error.code}"
