"""The default integration: our core, in this process, its effects performed on sockets."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol, assert_never

from poker_signal.core import tickets
from poker_signal.core.errors import SignalError
from poker_signal.core.gateway import parse_event, response_for, ticket_of
from poker_signal.core.invocation import Invocation, Outcome
from poker_signal.core.limits import Meter
from poker_signal.core.model import (
    Close,
    Connect,
    ConnectionId,
    Effect,
    Forget,
    LookAgain,
    Post,
    Probe,
    Reach,
    Save,
    Wait,
)
from poker_signal.core.rules import Rules
from poker_signal.emulator.integration import Raised, Result, Returned
from poker_signal.emulator.table import MemoryTable

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

    def __init__(
        self, connections: Connections, rules: Rules, ticket_keys: tickets.Keys | None = None
    ) -> None:
        self._connections = connections
        self._rules = rules
        self._meter = Meter(rules)
        self._ticket_keys = ticket_keys
        self.table = MemoryTable()

    def invoke(self, event: Mapping[str, Any]) -> Result:
        """Decide an event, perform what follows, and return as Lambda would."""
        try:
            outcome = self._perform(event)
        except Exception as error:
            # API Gateway tells the client; the developer is told here, with the traceback.
            logger.exception("%s failed", event["requestContext"]["routeKey"])
            return Raised(str(error))
        return Returned(response_for(outcome), outcome)

    def _perform(self, raw: Mapping[str, Any]) -> Outcome:
        try:
            event = self._meter.checked(parse_event(raw))
            if self._ticket_keys is not None and isinstance(event, Connect):
                row = event.row
                ticket = ticket_of(raw)
                tickets.verify(ticket, self._ticket_keys, row.game_id, row.player_id, event.at)
        except SignalError as error:
            return Outcome("refused", error)
        invocation = Invocation(event, self.table.room_of(event), self._rules)
        for effect in invocation.effects():
            try:
                self._perform_effect(effect, invocation)
            except Throttled:
                # A Close is best effort: what it was for is forgotten already.
                if isinstance(effect, Post | Probe):
                    invocation.throttled(effect)
        return invocation.outcome

    def _perform_effect(self, effect: Effect, invocation: Invocation) -> None:
        # Most effects are posts, and a pattern takes five times as long as a look at the type.
        if isinstance(effect, Post):
            posted = self._connections.post(effect.connection_id, effect.data)
            (invocation.delivered if posted else invocation.gone)(effect)
            return
        match effect:
            case Save(row):
                self.table.save(row)
            case Forget(connection_id):
                self.table.forget(ConnectionId(connection_id))
            case Probe(connection_id):
                is_open = self._connections.is_open(connection_id)
                (invocation.alive if is_open else invocation.gone)(effect)
            case Reach(connection_id, target):
                self.table.reach(connection_id, target)
            case LookAgain(connection_id=connection_id):
                invocation.waited_enough(effect)
                is_open = self._connections.is_open(connection_id)
                (invocation.alive if is_open else invocation.gone)(effect)
            case Wait():
                # Nothing runs at the same time here.
                invocation.waited_enough(effect)
            case Close(connection_id):
                self._connections.close(connection_id)
            case _:
                assert_never(effect)
