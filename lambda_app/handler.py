"""The Lambda function: it parses an event, runs the core and performs effects with botocore.

Everything that a container needs is created once, at import: the client in the field gives a
whole WebRTC handshake five seconds.
"""

import gc

# The imports below make thousands of permanent objects. Collecting garbage among them would take
# a twentieth of a cold start.
gc.disable()

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypedDict, assert_never

from botocore.exceptions import BotoCoreError, ClientError

from poker_signal.core.aws_event import Response
from poker_signal.core.budgets import FullGames, WaitBudget, WatchBudget
from poker_signal.core.errors import SignalError
from poker_signal.core.event_parser import parse_event, response_for, ticket_of
from poker_signal.core.invocation import Invocation, Outcome
from poker_signal.core.later import Pair, is_settled
from poker_signal.core.messages import ReportedState, report_of
from poker_signal.core.model import (
    HOST,
    Close,
    Connect,
    ConnectionId,
    Disconnect,
    Due,
    Effect,
    Forget,
    GameId,
    GatewayEvent,
    Later,
    Message,
    Note,
    Post,
    Presence,
    Probe,
    Reach,
    Row,
    Save,
    Signal,
    Vend,
    Wait,
    Watch,
)
from poker_signal.core.rate_limit import Meter
from poker_signal.core.room import Room
from poker_signal.core.routing import PAUSES_S
from poker_signal.lambda_app import log
from poker_signal.lambda_app.clients import dynamodb_client, management_client, ssm_client
from poker_signal.lambda_app.environment import FunctionSettings
from poker_signal.lambda_app.handshake import Handshake, handshake_of
from poker_signal.lambda_app.later_queue import LaterQueue, QueueRecord, is_batch, records_of
from poker_signal.lambda_app.management_api import CallThrottled, ManagementApi
from poker_signal.lambda_app.table import DynamoTable, Reading

if TYPE_CHECKING:
    from poker_signal.lambda_app.ice_source import IceSource
    from poker_signal.lambda_app.ticket_keys import TicketKeys

_FAILED: dict[type[Effect], str] = {
    Close: "NotClosed",
    Reach: "NotNoted",
    Later: "NotWatched",
    Vend: "IceFailed",
}
"""Name in the log of an effect that failed harmlessly; of others, the connection was gone."""

MAX_REMEMBERED = 4096
"""Maximum number of connections whose game a container caches; about half a mebibyte."""

PATIENCE_S = sum(PAUSES_S)
"""Maximum seconds of pauses per invocation."""

_ROUNDING_S = 0.001
"""Tolerance: in floating point, a sum of pauses is not exactly 1 s."""

# The clocks of waiting
#
# core/invocation.py describes why a message waits. The core counts pauses; this host also limits
# them by a monotonic clock, because reads take time, and most when DynamoDB is slow. The second of
# an invocation begins with its first pause, and pauses are cut to the time left. The pause that
# reaches the end is the last one. One read follows it, so the last read is never earlier than the
# end of the second. After that, or if a read ended more than a second too late, waited_enough()
# makes the core decide.
# The event's time (``at``, epoch seconds) is another clock: it decides which rows are live and
# which may still be opening, and does not move while an invocation waits.


class BatchResponse(TypedDict):
    """Lambda's answer to a batch of SQS: the messages to deliver once more."""

    batchItemFailures: list[dict[str, str]]


class _Patience:
    """Time limit of one second on the pauses of an invocation, by the monotonic clock."""

    def __init__(
        self, budget: WaitBudget, sleep: Callable[[float], None], now_s: Callable[[], float]
    ) -> None:
        self._budget = budget
        self._sleep = sleep
        self._now_s = now_s
        self._ends_s: float | None = None
        self._is_over = False

    def allows(self, wait: Wait) -> bool:
        """Return whether the message may wait; only its first pause takes from the budget."""
        return self._ends_s is not None or self._budget.allows(wait)

    def sleep(self, wait: Wait) -> bool:
        """Sleep, at most for the time left; return True to read again, False if time is over."""
        now_s = self._now_s()
        if self._ends_s is None:
            self._ends_s = now_s + PATIENCE_S
        left_s = self._ends_s - now_s
        if self._is_over or left_s < -PATIENCE_S:
            return False
        self._is_over = left_s <= wait.seconds + _ROUNDING_S
        if wait.seconds:
            self._sleep(max(0.0, min(wait.seconds, left_s)))
        return True


class SignalingHandler:
    """Lambda handler: runs the core, performs effects with DynamoDB and @connections."""

    def __init__(
        self,
        settings: FunctionSettings,
        table: DynamoTable,
        connections_at: Callable[[str], ManagementApi],
        sleep: Callable[[float], None] = time.sleep,
        now_s: Callable[[], float] = time.monotonic,
        *,
        ticket_keys: "TicketKeys | None" = None,
        queue: LaterQueue | None = None,
        ice: "IceSource | None" = None,
    ) -> None:
        self._ice = ice
        self._settings = settings
        self._table = table
        self._connections_at = connections_at
        self._sleep = sleep
        self._now_s = now_s
        self._ticket_keys = ticket_keys
        self._games: dict[ConnectionId, GameId] = {}
        self._unnoted: dict[ConnectionId, frozenset[ConnectionId]] = {}
        """Targets that a connection has reached, although the table does not know it."""
        self._meter = Meter(settings.rules)
        self._waits = WaitBudget()
        self._full_games = FullGames()
        self._watches = WatchBudget()
        self._queue = queue

    def __call__(self, event: Mapping[str, Any], context: object) -> "Response | BatchResponse":
        """Decide an event, perform its effects, and write one line of the log.

        The event is one of API Gateway, or a batch of the queue of what is due later.

        Raises:
            Exception: any unexpected failure. API Gateway reports it to the client, and the
                line has the traceback.
        """
        if is_batch(event):
            failed = [each.id for each in records_of(event) if not self._take_due(each, event)]
            return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failed]}
        return self._decide(event)

    def _take_due(self, record: QueueRecord, batch: Mapping[str, Any]) -> bool:
        """Decide a note that is due; return False to get it once more."""
        if record.note is None:
            return True
        try:
            self._decide(batch, record)
        except Exception:
            # Its line of the log has the traceback.
            return False
        return True

    def _decide(self, event: Mapping[str, Any], record: QueueRecord | None = None) -> Response:
        started = time.perf_counter()
        effects: Counter[str] = Counter()
        unreadable = 0
        invocation: Invocation | None = None
        outcome: Outcome | None = None
        failure: BaseException | None = None
        endpoint = ""
        handshake: Handshake | None = None
        try:
            if record is not None and record.note is not None:
                parsed: GatewayEvent = Due(record.note, time.time_ns() // 1_000_000_000)
            else:
                parsed = self._full_games.checked(self._meter.checked(parse_event(event)))
            if self._ticket_keys is not None and isinstance(parsed, Connect):
                self._ticket_keys.verify(ticket_of(event), parsed)
            room = Room()
            invocation = Invocation(parsed, room, self._settings.rules)
            if invocation.needs_row():
                room, unreadable = self._read(parsed, invocation.needs_game())
                invocation.enter(room)
            endpoint = self._endpoint_of(event, record)
            relayed = self._perform(invocation, endpoint, effects)
            handshake = handshake_of(relayed, parsed, room) if relayed is not None else None
            outcome = invocation.outcome
            self._full_games.note(parsed, outcome)
            if invocation.vain is not None:
                self._waits.note_vain(invocation.vain)
        except SignalError as refusal:
            outcome = Outcome("refused", refusal)
        except BaseException as error:
            failure = error
            raise
        finally:
            signal = invocation.signal if invocation is not None else None
            note = record.note if record is not None else None
            log.write(
                log.line_of(
                    event,
                    outcome,
                    type_=signal.type if signal is not None else None,
                    note=note,
                    effects=effects,
                    unreadable_items=unreadable,
                    ms=(time.perf_counter() - started) * 1000,
                    at_ms=time.time_ns() // 1_000_000,
                    stage=_stage_of(endpoint) if record is not None else None,
                    handshake=handshake,
                    report=_report_in(signal, outcome),
                    ice_failure=self._ice.failed
                    if self._ice is not None and effects["Vend"]
                    else None,
                    error=failure,
                )
            )
        return response_for(outcome)

    def _perform(self, invocation: Invocation, endpoint: str, effects: Counter[str]) -> Post | None:
        """Perform the effects; return the post that relayed a message, if one arrived."""
        relayed: Post | None = None
        connections = self._connections_at(endpoint)
        patience = _Patience(self._waits, self._sleep, self._now_s)
        for effect in invocation.effects():
            effects[type(effect).__name__] += 1
            try:
                if isinstance(effect, Later):
                    if not self._plan(effect, invocation, endpoint):
                        effects[_FAILED[Later]] += 1
                elif not self._perform_effect(effect, invocation, connections, patience):
                    effects[_FAILED.get(type(effect), "Gone")] += 1
                elif isinstance(effect, Post) and isinstance(effect.cause, Signal):
                    relayed = effect
            except CallThrottled:
                effects["Throttled"] += 1
                invocation.throttled(effect)
        return relayed

    def _perform_effect(
        self,
        effect: Effect,
        invocation: Invocation,
        connections: ManagementApi,
        patience: _Patience,
    ) -> bool:
        """Perform an effect; return False if its connection was gone, or it failed harmlessly."""
        found = True
        match effect:
            case Post(connection_id, data):
                found = connections.post(connection_id, data)
                (invocation.delivered if found else invocation.gone)(effect)
            case Probe(connection_id):
                found = connections.is_open(connection_id)
                (invocation.alive if found else invocation.gone)(effect)
            case Save(row):
                self._table.save(row)
                self._remember(row.connection_id, row.game_id)
            case Forget(connection_id, left_at):
                self._games.pop(connection_id, None)
                self._table.forget(connection_id, left_at)
            case Reach():
                return self._note(effect)
            case Wait(_, signal, reads_game):
                if not patience.allows(effect):
                    invocation.may_not_wait(effect)
                elif patience.sleep(effect):
                    sender = self._row(signal.sender)
                    game = self._game_of(sender) if sender is not None and reads_game else None
                    invocation.waited(effect, sender, game)
                else:
                    invocation.waited_enough(effect)
            case Close(connection_id):
                found = connections.close(connection_id)
            case Vend(signal):
                assert self._ice is not None, "the rules vend only what there is"
                self._meter.charge(effect)
                invocation.vended(effect, self._ice.servers(signal.sender, signal.at))
                return self._ice.failed is None
            case Later():
                raise AssertionError("_perform plans what is due later")
            case _:
                assert_never(effect)
        return found

    def _plan(self, effect: Later, invocation: Invocation, endpoint: str) -> bool:
        """Send a note to the queue; return False if it did not take it.

        The message was delivered: its sender hears no error.
        """
        at = _time_of(invocation.event)
        if self._queue is None or not self._watches.allows(effect, at):
            return True
        try:
            self._queue.send(effect, endpoint)
        except (ClientError, BotoCoreError):
            return False
        return True

    def _note(self, reach: Reach) -> bool:
        """Note a delivery in the sender's row; return False if the table failed to.

        The message was delivered: its sender hears no error. This container remembers the pair
        before it asks the table, whose client may take a second to try again: candidates that come
        meanwhile do not wait.
        """
        sender, target, kept = reach
        if len(self._unnoted) >= MAX_REMEMBERED:
            self._unnoted.clear()
        self._unnoted[sender] = self._unnoted.get(sender, frozenset()) | {target}
        try:
            self._table.reach(sender, target, kept)
        except (ClientError, BotoCoreError):
            return False
        left = self._unnoted.pop(sender, frozenset()) - {target}
        if left:
            self._unnoted[sender] = left
        return True

    def _row(self, connection_id: ConnectionId) -> Row | None:
        """Return the row of a connection as it is now, with all that it has reached."""
        row = self._table.row(connection_id)
        unnoted = self._unnoted.get(connection_id)
        if row is None or unnoted is None:
            return row
        return row._replace(reached=row.reached | unnoted)

    def _read(self, event: GatewayEvent, needs_game: bool) -> Reading:
        """Read the rows that are needed to decide an event, and no more."""
        match event:
            case Disconnect(connection_id, at):
                if not self._settings.rules.later:
                    return Reading(Room())
                return self._read_room_of_sender(connection_id, at or 0)
            case Connect(row):
                is_any_player = row.session is None and row.player_id != HOST
                if is_any_player and not self._settings.rules.seats:
                    return Reading(Room())
                return self._table.read_room(row.game_id)
            case Due(note, at):
                return self._read_noted(note, at)
            case Message(connection_id) if not needs_game:
                sender = self._row(connection_id)
                return Reading(Room() if sender is None else Room([sender]))
            case Message(connection_id):
                return self._read_room_of_sender(connection_id, event.at)
            case _:
                assert_never(event)

    def _read_noted(self, note: Note, at: int) -> Reading:
        """Return the rows that decide a note."""
        if isinstance(note, Watch):
            return self._read_watched(note, at)
        if isinstance(note, Presence):
            return self._table.read_room(note.game_id)
        row = self._table.row(note.connection_id)
        return Reading(Room() if row is None else Room([row]))

    def _read_watched(self, watch: Watch, at: int) -> Reading:
        """Return the rows of a watched join: of player and host alone, if they settle it."""
        player = self._table.row(watch.connection_id)
        if player is None:
            return Reading(Room())
        host = self._table.row(watch.host) if watch.host is not None else None
        rows = [row for row in (player, host) if row is not None]
        if is_settled(watch, Pair(player, host), at):
            return Reading(Room(rows))
        reading = self._table.read_room(player.game_id)
        room = reading.room
        if watch.host is not None:
            # The index may lag: what the host has reached decides.
            room = room.without(watch.host)
        for row in rows:
            room = room.adding(row)
        return reading._replace(room=room)

    def _read_room_of_sender(self, connection_id: ConnectionId, at: int) -> Reading:
        """Return the sender's game, including the sender's own row if it has one.

        A connection's game never changes, so it is cached in the container. If the index does
        not list the sender (not yet, or no longer), its row is read from the table.
        """
        reading = None
        game_id = self._games.get(connection_id)
        if game_id is not None:
            reading = self._table.read_room(game_id)
            listed = reading.room.row(connection_id, at)
            if listed is not None:
                unnoted = self._unnoted.get(connection_id)
                if unnoted is None:
                    return reading
                with_all = listed._replace(reached=listed.reached | unnoted)
                return reading._replace(room=reading.room.adding(with_all))
        row = self._row(connection_id)
        if row is None:
            self._games.pop(connection_id, None)
            return reading or Reading(Room())
        self._remember(connection_id, row.game_id)
        reading = reading or self._table.read_room(row.game_id)
        return reading._replace(room=_with_sender(reading.room, row))

    def _game_of(self, row: Row) -> Room:
        return _with_sender(self._table.read_room(row.game_id).room, row)

    def _remember(self, connection_id: ConnectionId, game_id: GameId) -> None:
        if len(self._games) >= MAX_REMEMBERED:
            # Each active connection costs one more read; in return, no order of use has to be kept.
            self._games.clear()
        self._games[connection_id] = game_id

    def _endpoint_of(self, event: Mapping[str, Any], record: QueueRecord | None) -> str:
        """Return the endpoint of ``@connections``."""
        if self._settings.management_endpoint is not None:
            return self._settings.management_endpoint
        if record is not None:
            return record.endpoint
        context = event["requestContext"]
        return f"https://{context['domainName']}/{context['stage']}"


def _stage_of(endpoint: str) -> str | None:
    """Return the stage of an endpoint, the last part of its path; None: it has no path."""
    _, slash, stage = endpoint.partition("://")[2].rpartition("/")
    return stage if slash else None


def _report_in(signal: Signal | None, outcome: Outcome | None) -> ReportedState | None:
    """Return the report that a message was; None: it was another message, or was refused."""
    if signal is None or outcome is None or outcome.name != "reported":
        return None
    return report_of(signal.payload)


def _time_of(event: GatewayEvent) -> int:
    """Return the time of an event in epoch seconds."""
    return event.at or 0


def _with_sender(game: Room, row: Row) -> Room:
    """Return a game with the sender's row; it lags if the index does not list that row."""
    is_listed = any(each.connection_id == row.connection_id for each in game)
    return game.adding(row) if is_listed else game.adding(row).lagging()


@lru_cache(maxsize=16)
def _connections_at(endpoint: str) -> ManagementApi:
    return ManagementApi(management_client(endpoint))


def make_handler(environ: Mapping[str, str]) -> SignalingHandler:
    """Create a handler with its own clients.

    Raises:
        BadSetting: an environment variable is missing or not valid.
    """
    settings = FunctionSettings.from_env(environ)
    if settings.management_endpoint is not None:
        management_client(settings.management_endpoint)  # at the cold start, not at the first post
    return SignalingHandler(
        settings,
        DynamoTable(dynamodb_client(), settings.table_name),
        _connections_at,
        ticket_keys=_ticket_keys(settings),
        queue=LaterQueue(settings.later_queue_url) if settings.later_queue_url else None,
        ice=_ice_source(settings),
    )


def _ticket_keys(settings: FunctionSettings) -> "TicketKeys | None":
    """Return the checker of tickets; None, without loading it, if tickets are not required."""
    if settings.ticket_secret_parameter is None:
        return None
    from poker_signal.lambda_app.ticket_keys import TicketKeys

    return TicketKeys(ssm_client(), settings.ticket_secret_parameter)


def _ice_source(settings: FunctionSettings) -> "IceSource | None":
    """Return the source of ICE servers; None, without loading it, if clients get none."""
    if settings.ice_parameter is None:
        return None
    from poker_signal.lambda_app.ice_source import IceSource

    checks_tickets = settings.ticket_secret_parameter is not None
    return IceSource(ssm_client, settings.ice_parameter, checks_tickets=checks_tickets)


handler = make_handler(os.environ)

gc.freeze()
gc.enable()
