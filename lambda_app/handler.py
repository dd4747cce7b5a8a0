"""The Lambda function: event → core → effects performed with botocore.

Everything that a container needs is made at import, once: the client in the field gives a
whole handshake five seconds.
"""

import gc

# What follows makes thousands of objects that stay: looking for garbage among them is a
# twentieth of a cold start.
gc.disable()

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, assert_never

from poker_signal.core.aws_event import Response
from poker_signal.core.errors import SignalError
from poker_signal.core.event_parser import parse_event, response_for, ticket_of
from poker_signal.core.invocation import Invocation, Outcome
from poker_signal.core.model import (
    HOST,
    Close,
    Connect,
    ConnectionId,
    Disconnect,
    Effect,
    Forget,
    GameId,
    GatewayEvent,
    LookAgain,
    Message,
    Post,
    Probe,
    Reach,
    ReadAgain,
    Save,
    Wait,
)
from poker_signal.core.rate_limit import Meter
from poker_signal.core.room import Room
from poker_signal.core.routing import MAX_WAITS, WAIT_S
from poker_signal.lambda_app import log
from poker_signal.lambda_app.clients import dynamodb_client, management_client, ssm_client
from poker_signal.lambda_app.environment import FunctionSettings
from poker_signal.lambda_app.management_api import CallThrottled, ManagementApi
from poker_signal.lambda_app.table import DynamoTable, Reading

if TYPE_CHECKING:
    from poker_signal.lambda_app.ticket_keys import TicketKeys

MAX_REMEMBERED = 4096
"""Connections whose game a container remembers; about half a mebibyte."""

PATIENCE_S = WAIT_S * MAX_WAITS
"""How long an invocation waits, or looks for somebody."""

_ROUNDING_S = 0.001
"""Ten times a tenth of a second is not quite a second."""


class _Patience:
    """A second, by the clock: reading takes time as well, and most when DynamoDB is slow.

    It begins with the first pause. The last pause ends with it, so that the last look is not
    earlier than that, however long the others took; unless one took a second longer.
    """

    def __init__(self, sleep: Callable[[float], None], now_s: Callable[[], float]) -> None:
        self._sleep = sleep
        self._now_s = now_s
        self._ends_s: float | None = None
        self._is_over = False

    def sleep(self, seconds: float) -> bool:
        """Sleep as long, or as long as is left, and tell whether to look; if not, it is over."""
        now_s = self._now_s()
        if self._ends_s is None:
            self._ends_s = now_s + PATIENCE_S
        left_s = self._ends_s - now_s
        if self._is_over or left_s < -PATIENCE_S:
            return False
        self._is_over = left_s <= seconds + _ROUNDING_S
        self._sleep(max(0.0, min(seconds, left_s)))
        return True


Patiences = dict[type[Wait] | type[ReadAgain], _Patience]


class SignalingHandler:
    """Runs the core on an event, and performs what follows on DynamoDB and @connections."""

    def __init__(
        self,
        settings: FunctionSettings,
        table: DynamoTable,
        connections_at: Callable[[str], ManagementApi],
        sleep: Callable[[float], None] = time.sleep,
        now_s: Callable[[], float] = time.monotonic,
        epoch_s: Callable[[], float] = time.time,
        *,
        ticket_keys: "TicketKeys | None" = None,
    ) -> None:
        self._settings = settings
        self._table = table
        self._connections_at = connections_at
        self._sleep = sleep
        self._now_s = now_s
        self._epoch_s = epoch_s
        self._ticket_keys = ticket_keys
        self._games: dict[ConnectionId, GameId] = {}
        self._meter = Meter(settings.rules)

    def __call__(self, event: Mapping[str, Any], context: object) -> Response:
        """Decide an event, perform what follows, and write one line of it.

        Raises:
            Exception: whatever nobody foresaw. API Gateway tells the client, and the line
                has the traceback.
        """
        started = time.perf_counter()
        effects: Counter[str] = Counter()
        unreadable = 0
        invocation: Invocation | None = None
        outcome: Outcome | None = None
        failure: BaseException | None = None
        try:
            parsed = self._meter.checked(parse_event(event))
            if self._ticket_keys is not None and isinstance(parsed, Connect):
                self._ticket_keys.verify(ticket_of(event), parsed)
            invocation = Invocation(parsed, Room(), self._settings.rules)
            if invocation.needs_room():
                room, unreadable = self._read(parsed)
                invocation.enter(room)
            self._perform(invocation, self._connections_of(event), effects)
            outcome = invocation.outcome
        except SignalError as refusal:
            outcome = Outcome("refused", refusal)
        except BaseException as error:
            failure = error
            raise
        finally:
            signal = invocation.signal if invocation is not None else None
            log.write(
                log.line_of(
                    event,
                    outcome,
                    type_=signal.type if signal is not None else None,
                    effects=effects,
                    unreadable_items=unreadable,
                    ms=(time.perf_counter() - started) * 1000,
                    at_ms=time.time_ns() // 1_000_000,
                    error=failure,
                )
            )
        return response_for(outcome)

    def _perform(
        self, invocation: Invocation, connections: ManagementApi, effects: Counter[str]
    ) -> None:
        patience: Patiences = {
            Wait: _Patience(self._sleep, self._now_s),
            ReadAgain: _Patience(self._sleep, self._now_s),
        }
        for effect in invocation.effects():
            effects[type(effect).__name__] += 1
            try:
                if not self._perform_effect(effect, invocation, connections, patience):
                    effects["NotClosed" if isinstance(effect, Close) else "Gone"] += 1
            except CallThrottled:
                effects["Throttled"] += 1
                invocation.throttled(effect)

    def _perform_effect(
        self,
        effect: Effect,
        invocation: Invocation,
        connections: ManagementApi,
        patience: Patiences,
    ) -> bool:
        """Perform an effect; tell whether whoever it was for was there, or could be closed."""
        found = True
        match effect:
            case Post(connection_id, data):
                found = connections.post(connection_id, data)
                (invocation.delivered if found else invocation.gone)(effect)
            case Probe(connection_id):
                found = connections.is_open(connection_id)
                (invocation.alive if found else invocation.gone)(effect)
            case Save(row):
                self._table.save(row._replace(saved_at=int(self._epoch_s())))
                self._remember(row.connection_id, row.game_id)
            case Forget(connection_id):
                self._games.pop(connection_id, None)
                self._table.forget(connection_id)
            case Reach(connection_id, target):
                self._table.reach(connection_id, target)
            case Wait(seconds, signal):
                if patience[Wait].sleep(seconds):
                    invocation.waited(effect, self._table.row(signal.sender))
                else:
                    invocation.waited_enough(effect)
            case ReadAgain(seconds, signal):
                if patience[ReadAgain].sleep(seconds):
                    reading = self._read_room_of_sender(signal.sender, signal.at)
                    invocation.read_again(effect, reading.room)
                else:
                    invocation.waited_enough(effect)
            case LookAgain(seconds, connection_id):
                # It is gone already as far as the log goes: it is not counted a second time.
                self._sleep(seconds)
                is_open = connections.is_open(connection_id)
                (invocation.alive if is_open else invocation.gone)(effect)
            case Close(connection_id):
                found = connections.close(connection_id)
            case _:
                assert_never(effect)
        return found

    def _read(self, event: GatewayEvent) -> Reading:
        """Read what is needed to decide an event, and no more."""
        match event:
            case Disconnect():
                return Reading(Room())
            case Connect(row):
                is_any_player = row.session is None and row.player_id != HOST
                if is_any_player and not self._settings.rules.seats:
                    return Reading(Room())
                return self._table.read_room(row.game_id)
            case Message(connection_id):
                return self._read_room_of_sender(connection_id, event.at)
            case _:
                assert_never(event)

    def _read_room_of_sender(self, connection_id: ConnectionId, at: int) -> Reading:
        """Return the sender's game, the sender included if it has a row at all.

        Who a connection is does not change, so it is read once per container. The index may
        not know it yet, or may have lost it: then the table itself decides.
        """
        reading = None
        game_id = self._games.get(connection_id)
        if game_id is not None:
            reading = self._table.read_room(game_id)
            if reading.room.row(connection_id, at) is not None:
                return reading
        row = self._table.row(connection_id)
        if row is None:
            self._games.pop(connection_id, None)
            return reading or Reading(Room())
        self._remember(connection_id, row.game_id)
        reading = reading or self._table.read_room(row.game_id)
        return reading._replace(room=reading.room.adding(row))

    def _remember(self, connection_id: ConnectionId, game_id: GameId) -> None:
        if len(self._games) >= MAX_REMEMBERED:
            # Everybody who still plays costs one read more; nothing else is kept in order.
            self._games.clear()
        self._games[connection_id] = game_id

    def _connections_of(self, event: Mapping[str, Any]) -> ManagementApi:
        endpoint = self._settings.management_endpoint
        if endpoint is None:
            context = event["requestContext"]
            endpoint = f"https://{context['domainName']}/{context['stage']}"
        return self._connections_at(endpoint)


def _connections_at(endpoint: str) -> ManagementApi:
    return ManagementApi(management_client(endpoint))


def make_handler(environ: Mapping[str, str]) -> SignalingHandler:
    """Return a handler with clients of its own.

    Raises:
        BadSetting: the environment lacks something.
    """
    settings = FunctionSettings.from_env(environ)
    if settings.management_endpoint is not None:
        management_client(settings.management_endpoint)  # at the cold start, not at the first post
    return SignalingHandler(
        settings,
        DynamoTable(dynamodb_client(), settings.table_name),
        _connections_at,
        ticket_keys=_ticket_keys(settings),
    )


def _ticket_keys(settings: FunctionSettings) -> "TicketKeys | None":
    """Return what checks tickets; where nobody needs one, nothing of it is loaded."""
    if settings.ticket_secret_parameter is None:
        return None
    from poker_signal.lambda_app.ticket_keys import TicketKeys

    return TicketKeys(ssm_client(), settings.ticket_secret_parameter)


handler = make_handler(os.environ)

gc.freeze()
gc.enable()
