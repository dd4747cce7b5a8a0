"""The handshakes of a trace: what the inspector, test reports and commands ask for."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from poker_signal.emulator.handshakes.collector import Collector
from poker_signal.emulator.handshakes.evidence import HOST, Attempt, Game
from poker_signal.emulator.handshakes.findings import ClientLimits, World
from poker_signal.emulator.handshakes.verdict import Verdict, judge

SETTLED_MS = 15_000
"""Milliseconds after its last entry in which the verdict of an attempt may change by itself."""

FRESH_MS = 200
"""Milliseconds for which a verdict is used again, though it may change with time."""


class Judged(NamedTuple):
    """An attempt with its verdict."""

    attempt: Attempt
    verdict: Verdict


class _Known(NamedTuple):
    """A verdict, and on what it depends."""

    key: tuple[object, ...]
    at: float
    verdict: Verdict


class Handshakes:
    """Attempts and verdicts of a trace, entry by entry.

    ``ended``: the entries are a recording, which ends with its last entry.
    """

    def __init__(self, *, ended: bool = False, probe: str = "") -> None:
        self.ended = ended
        self._probe = probe
        self._collector = Collector()
        self._known: WeakKeyDictionary[Attempt, _Known] = WeakKeyDictionary()

    def add(self, entry: Mapping[str, Any]) -> None:
        """Take the next entry, in the form of docs/trace.md."""
        self._collector.add(entry)

    def add_all(self, entries: Iterable[Mapping[str, Any]]) -> "Handshakes":
        """Take entries, and return these handshakes."""
        for entry in entries:
            self.add(entry)
        return self

    def seed(self, connection_id: str, player: str | None, game: str, connected_at_ms: int) -> None:
        """Add a connection whose opening is in no entry."""
        self._collector.seed(connection_id, player, game, connected_at_ms)

    @property
    def games(self) -> dict[str, Game]:
        """Games by id; ``""`` has what belongs to no game."""
        return self._collector.games

    def judged(
        self,
        game: str | None = None,
        now_ms: float | None = None,
        client: ClientLimits | None = None,
    ) -> list[Judged]:
        """Return the attempts of a game, or of all, that are worth a verdict; oldest first.

        ``now_ms``: by default the time of the last entry.
        """
        games = self.games.values() if game is None else filter(None, [self.games.get(game)])
        return [each for found in games for each in self.of_game(found, now_ms, client)]

    def of_game(
        self, game: Game, now_ms: float | None = None, client: ClientLimits | None = None
    ) -> Iterator[Judged]:
        """Yield the attempts of a game that are worth a verdict."""
        last_at = self._collector.last_at
        now = max(last_at if now_ms is None or self.ended else now_ms, last_at)
        world = World(now, self.games, self.ended, client, self._probe)
        for attempt in list(game.attempts):
            if _is_worth_a_verdict(attempt):
                yield Judged(attempt, self._verdict_of(attempt, world))

    def may_change(self, now_ms: float) -> bool:
        """Return whether a verdict may change by itself, because an attempt waits."""
        return not self.ended and now_ms - self._collector.last_at < SETTLED_MS

    def _verdict_of(self, attempt: Attempt, world: World) -> Verdict:
        game = attempt.game
        counts = (len(game.hosts), len(game.probed), len(game.open.get(HOST, ())))
        key = (attempt.version, attempt.next, world.client, *counts)
        known = self._known.get(attempt)
        if known is not None and known.key == key:
            is_settled = known.at - attempt.last_at > SETTLED_MS
            if is_settled or world.now - known.at < FRESH_MS:
                return known.verdict
        verdict = judge(attempt, world)
        self._known[attempt] = _Known(key, world.now, verdict)
        return verdict


def _is_worth_a_verdict(attempt: Attempt) -> bool:
    # A connection alone, in a game without signals or a host, is not a handshake.
    game, connection = attempt.game, attempt.connection
    return game.has_signals or HOST in game.seen or bool(connection and connection.refused)
