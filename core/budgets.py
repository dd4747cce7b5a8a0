"""Short memory of a host that keeps the work of one client bounded: waits and full games.

Each host has its own: an emulator, or a container of the Lambda function.
"""

from poker_signal.core.errors import GameFull
from poker_signal.core.invocation import Outcome
from poker_signal.core.later import LAST_STEP, STEP_S
from poker_signal.core.model import (
    Connect,
    ConnectionId,
    GameId,
    GatewayEvent,
    Later,
    PlayerId,
    Signal,
    Wait,
    Watch,
)
from poker_signal.core.token_bucket import FULL, Rate

MAX_ENTRIES = 4096
"""Maximum entries of each kind. A full memory is cleared: the clients get their budgets anew."""

WAITS_AT_ONCE = 32
"""Messages of one connection that may wait at once: the candidates of a few handshakes."""

WAITS_PER_S = 0.5

VAIN_FOR_S = 60
"""Seconds for which a connection does not wait again for a name that it has waited for in vain."""

WATCHED_FOR_S = STEP_S * LAST_STEP
"""Seconds for which a join is watched."""

FULL_FOR_S = 5
"""Seconds for which the seats of a game that was found full are not probed again."""

_Pair = tuple[ConnectionId, PlayerId | None]


class WaitBudget:
    """Decides which messages may wait: a token bucket per connection, and no name twice in vain.

    A candidate that has waited in vain needs no entry: its pair is noted in the sender's row.
    """

    def __init__(self) -> None:
        self._rate = Rate(WAITS_PER_S, WAITS_AT_ONCE)
        self._full_at_us: dict[ConnectionId, int] = {}
        self._vain_until: dict[_Pair, int] = {}

    def allows(self, wait: Wait) -> bool:
        """Take a token of the sender; False: there is none, or it missed the target before."""
        signal = wait.signal
        vain_until = self._vain_until.get((signal.sender, signal.target_id), 0)
        if wait.reads_game and vain_until > signal.at:
            return False
        was = self._full_at_us.get(signal.sender, FULL)
        full_at_us = self._rate.spend(was, signal.at * 1000)
        if full_at_us is None:
            return False
        if len(self._full_at_us) >= MAX_ENTRIES:
            self._full_at_us.clear()
        self._full_at_us[signal.sender] = full_at_us
        return True

    def note_vain(self, signal: Signal) -> None:
        """Note that a message has waited for its target as long as it may."""
        if len(self._vain_until) >= MAX_ENTRIES:
            self._vain_until.clear()
        self._vain_until[signal.sender, signal.target_id] = signal.at + VAIN_FOR_S


class WatchBudget:
    """Decides which joins are watched: one of a connection at a time, however often it joins."""

    def __init__(self) -> None:
        self._until: dict[ConnectionId, int] = {}

    def allows(self, effect: Later, at: int) -> bool:
        """Return whether to perform the effect; False: a join of its connection is watched."""
        note = effect.note
        if not isinstance(note, Watch) or note.step > 1:
            return True
        if self._until.get(note.connection_id, 0) > at:
            return False
        if len(self._until) >= MAX_ENTRIES:
            self._until.clear()
        self._until[note.connection_id] = at + WATCHED_FOR_S
        return True


class FullGames:
    """Games that were found full a moment ago."""

    def __init__(self) -> None:
        self._until: dict[GameId, int] = {}

    def checked(self, event: GatewayEvent) -> GatewayEvent:
        """Return the event; a connect to a full game does not probe its seats again."""
        if not isinstance(event, Connect) or self._until.get(event.row.game_id, 0) <= event.at:
            return event
        return event._replace(may_probe_seats=False)

    def note(self, event: GatewayEvent, outcome: Outcome) -> None:
        """Note the outcome of a connect whose probes found the game full."""
        if not isinstance(event, Connect) or not isinstance(outcome.error, GameFull):
            return
        if event.may_probe_seats:
            if len(self._until) >= MAX_ENTRIES:
                self._until.clear()
            self._until[event.row.game_id] = event.at + FULL_FOR_S
