"""The core alone as a host of scripts: no sockets, no gateway, no clock but its own.

It performs effects on the emulator's table in memory, as the contract of ``Invocation`` asks.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple, assert_never

from poker_signal.core.aws_event import iso_time
from poker_signal.core.budgets import FullGames, WaitBudget
from poker_signal.core.event_parser import response_for
from poker_signal.core.invocation import Invocation
from poker_signal.core.model import (
    ROW_LIFETIME_S,
    Close,
    Connect,
    ConnectionId,
    Disconnect,
    Effect,
    Forget,
    GameId,
    GatewayEvent,
    Later,
    Message,
    PlayerId,
    Post,
    Probe,
    Reach,
    Row,
    Save,
    Vend,
    Wait,
)
from poker_signal.emulator.functions.memory_table import MemoryTable
from tests.signaling.actions import Action, Connects, Leaves, Sends

START_MS = 1_700_000_000_000
STEP_MS = 10
"""Milliseconds between two actions."""


class _Waiting(NamedTuple):
    """An invocation that waits, in the order in which to go on."""

    until_ms: int
    number: int
    wait: Wait
    invocation: Invocation
    effects: Iterator[Effect]


class CoreAlone:
    """The table of one game, and the clients that are connected."""

    def __init__(self, game: str) -> None:
        self.heard: dict[int, list[str]] = defaultdict(list)
        self._game = GameId(game)
        self._now_ms = START_MS
        self._table = MemoryTable()
        self._waits = WaitBudget()
        self._full_games = FullGames()
        self._clients: dict[ConnectionId, int] = {}
        self._closing: list[ConnectionId] = []
        self._waiting: list[_Waiting] = []
        self._numbers = iter(range(1_000_000))

    def play(self, actions: list[Action]) -> dict[int, list[str]]:
        """Perform the actions; return what each client heard, a refusal's status included."""
        for action in actions:
            self._now_ms += STEP_MS
            match action:
                case Connects():
                    self._settle()
                    self._connect(action)
                case Leaves(key, is_abrupt):
                    self._settle()
                    self._leave(key, is_abrupt)
                case Sends(key, text, _):
                    if _id_of(key) in self._clients:
                        now_s = self._now_ms // 1000
                        self._invoke(Message(_id_of(key), text, now_s, self._now_ms))
        self._settle()
        return self.heard

    def _connect(self, action: Connects) -> None:
        now_s = self._now_ms // 1000
        row = Row(
            connection_id=_id_of(action.key),
            player_id=PlayerId(action.name),
            game_id=self._game,
            connected_at=iso_time(self._now_ms),
            ttl=now_s + ROW_LIFETIME_S,
            session=action.session,
        )
        invocation = self._invoke(Connect(row, now_s))
        status = response_for(invocation.outcome)["statusCode"]
        if status == 200:
            self._clients[row.connection_id] = action.key
        else:
            self.heard[action.key].append(str(status))

    def _leave(self, key: int, is_abrupt: bool) -> None:
        if self._clients.pop(_id_of(key), None) is None:
            return
        if is_abrupt:
            self.heard[key].append("closed None")
        self._invoke(Disconnect(_id_of(key), self._now_ms // 1000))

    def _settle(self) -> None:
        """Let the time of all waits pass, and close what was to be closed."""
        while self._waiting:
            self._now_ms, _, wait, invocation, effects = heapq.heappop(self._waiting)
            self._read_again(wait, invocation)
            self._go_on(invocation, effects)

    def _invoke(self, event: GatewayEvent) -> Invocation:
        event = self._full_games.checked(event)
        invocation = Invocation(event, self._table.room_of(event))
        self._go_on(invocation, invocation.effects())
        while self._closing:
            closed = self._closing.pop()
            if self._clients.pop(closed, None) is not None:
                self._invoke(Disconnect(closed, self._now_ms // 1000))
        return invocation

    def _go_on(self, invocation: Invocation, effects: Iterator[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Wait):
                if effect.signal.waits == 0 and not self._waits.allows(effect):
                    invocation.may_not_wait(effect)
                elif effect.seconds:
                    until_ms = self._now_ms + round(effect.seconds * 1000)
                    entry = _Waiting(until_ms, next(self._numbers), effect, invocation, effects)
                    heapq.heappush(self._waiting, entry)
                    return
                else:
                    self._read_again(effect, invocation)
            else:
                self._perform(effect, invocation)
        self._full_games.note(invocation.event, invocation.outcome)
        if invocation.vain is not None:
            self._waits.note_vain(invocation.vain)

    def _read_again(self, wait: Wait, invocation: Invocation) -> None:
        row = self._table.row(wait.signal.sender)
        game = self._table.room_of(invocation.event) if wait.reads_game else None
        invocation.waited(wait, row, game)

    def _perform(self, effect: Effect, invocation: Invocation) -> None:
        match effect:
            case Post(connection_id, data):
                key = self._clients.get(connection_id)
                if key is not None:
                    self.heard[key].append(data)
                (invocation.gone if key is None else invocation.delivered)(effect)
            case Probe(connection_id):
                is_open = connection_id in self._clients
                (invocation.alive if is_open else invocation.gone)(effect)
            case Save(row):
                self._table.save(row)
            case Forget(connection_id, left_at):
                self._table.forget(connection_id, left_at)
            case Reach(connection_id, target, kept):
                self._table.reach(connection_id, target, kept)
            case Close(connection_id):
                self._closing.append(connection_id)
            case Wait() | Later() | Vend():
                raise AssertionError("_go_on performs waits, and these rules plan and vend nothing")
            case _:
                assert_never(effect)


def _id_of(key: int) -> ConnectionId:
    return ConnectionId(f"client-{key:02}")
