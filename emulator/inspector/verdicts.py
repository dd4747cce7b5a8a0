"""Attempts and verdicts for pages and scripts: of the running emulator, and of recordings.

The trace is read when a page asks, from where the last request ended, in small pieces. A page sends
the recording that it shows, so that its verdicts are those of this emulator's rules.
"""

import json
import time
import uuid
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from poker_signal.emulator.handshakes.as_json import attempt_as_json
from poker_signal.emulator.handshakes.findings import ClientLimits
from poker_signal.emulator.handshakes.handshakes import Handshakes
from poker_signal.emulator.inspector.turns import PIECE_S, Turns
from poker_signal.emulator.trace.as_json import as_json, encode
from poker_signal.emulator.trace.trace import Trace

MAX_RECORDINGS = 8
"""Recordings of pages that are kept; the page sends a forgotten one again."""

_SLICE = 16

Send = Callable[[bytes], None]


class Wanted(NamedTuple):
    """The part of an answer that a page asks for."""

    game: str | None = None
    """Attempts of this game only; None: of all games."""
    client: ClientLimits | None = None
    """The client whose time limits apply; None: no limits."""


class Verdicts:
    """The handshakes of a trace and of recordings, for any number of pages."""

    def __init__(
        self, trace: Trace, turns: Turns, run: str, now_ms: Callable[[], int], probe: str
    ) -> None:
        self._trace = trace
        self._turns = turns
        self._run = run
        self._now_ms = now_ms
        self._live = Handshakes(probe=probe)
        self._next = 0
        self._recordings: OrderedDict[str, Handshakes] = OrderedDict()

    def of_live(self, wanted: Wanted, send: Send) -> None:
        """Call ``send`` with the attempts of the running emulator."""
        self._start(self._answer_of_live(wanted, send))

    def open_recording(self) -> str:
        """Return the id of a new, empty recording."""
        id_ = uuid.uuid4().hex
        self._recordings[id_] = Handshakes(ended=True)
        if len(self._recordings) > MAX_RECORDINGS:
            self._recordings.popitem(last=False)
        return id_

    def has_recording(self, id_: str) -> bool:
        """Return whether a recording is kept."""
        return id_ in self._recordings

    def add_to_recording(self, id_: str, lines: bytes, send: Send) -> None:
        """Add entries, as JSON lines; other lines are skipped."""
        self._start(self._add(self._recordings[id_], lines, send))

    def of_recording(self, id_: str, wanted: Wanted, send: Send) -> None:
        """Call ``send`` with the attempts of a recording."""
        self._recordings.move_to_end(id_)
        self._start(self._answer(self._recordings[id_], wanted, send))

    # Work in pieces: each `yield` is a place at which the gateway may go on.

    def _start(self, work: Iterator[None]) -> None:
        self._turns.soon(partial(self._go_on, work))

    def _go_on(self, work: Iterator[None]) -> None:
        end = time.perf_counter() + PIECE_S
        for _ in work:
            if time.perf_counter() >= end:
                self._turns.go_on(partial(self._go_on, work))
                return

    def _answer_of_live(self, wanted: Wanted, send: Send) -> Iterator[None]:
        while self._next < self._trace.next_number:
            self._take_slice()
            yield
        yield from self._answer(self._live, wanted, send)

    def _take_slice(self) -> None:
        chosen = self._trace.since(self._next, _SLICE)
        first = chosen[0][0] if chosen else self._trace.next_number
        if first > self._next:
            self._live.add({"kind": "gap", "at": self._now_ms(), "dropped": first - self._next})
        self._next = first
        for number, entry in chosen:
            self._live.add(as_json(number, entry))
            self._next = number + 1

    def _answer(self, handshakes: Handshakes, wanted: Wanted, send: Send) -> Iterator[None]:
        now = self._now_ms()
        games: list[dict[str, Any]] = []
        attempts: list[bytes] = []
        for game in list(handshakes.games.values()):
            states: Counter[str] = Counter()
            start_at = 0
            for judged in handshakes.of_game(game, now, wanted.client):
                start_at = max(start_at, judged.attempt.start_at)
                states[judged.verdict.state] += 1
                if wanted.game is None or wanted.game == game.id:
                    attempts.append(encode(attempt_as_json(judged)))
                yield
            if states:
                told = {"gameId": game.id, "startAt": start_at, "lastAt": game.last_at}
                games.append({**told, "states": states})
        head = {"run": self._run, "now": now, "games": games}
        if handshakes.may_change(now):
            head["changes"] = True
        send(encode(head)[:-1] + b',"attempts":[' + b",".join(attempts) + b"]}")

    def _add(self, handshakes: Handshakes, lines: bytes, send: Send) -> Iterator[None]:
        count = 0
        for line in lines.splitlines():
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict):
                handshakes.add(entry)
                count += 1
            yield
        send(encode({"added": count}))
