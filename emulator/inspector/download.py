"""A recording of all entries that the trace keeps, made in small pieces."""

import time
from collections.abc import Callable
from typing import Any

from poker_signal.emulator.inspector.turns import PIECE_S, Turns
from poker_signal.emulator.recording import format as recording
from poker_signal.emulator.recording.redaction import Redaction
from poker_signal.emulator.trace.as_json import as_json
from poker_signal.emulator.trace.trace import Trace

_SLICE = 32


class Download:
    """Makes JSON lines of a header and all entries up to now; calls ``done`` with them."""

    def __init__(
        self,
        trace: Trace,
        turns: Turns,
        header: dict[str, Any],
        redaction: Redaction,
        done: Callable[[bytes], None],
    ) -> None:
        self._trace = trace
        self._turns = turns
        self._redaction = redaction
        self._done = done
        self._next = 0
        self._until = trace.next_number
        self._lines = [recording.line(header)]
        turns.soon(self._work)

    def _work(self) -> None:
        end = time.perf_counter() + PIECE_S
        while self._next < self._until and time.perf_counter() < end:
            self._take_slice(end)
        if self._next < self._until:
            self._turns.soon(self._work)
        else:
            self._done(b"".join(self._lines))

    def _take_slice(self, end: float) -> None:
        chosen = self._trace.since(self._next, min(_SLICE, self._until - self._next))
        # The oldest entries may have been evicted meanwhile: they are left out.
        self._next = chosen[0][0] if chosen else self._until
        for number, entry in chosen:
            if number >= self._until:
                return
            value = self._redaction.entry(as_json(number, entry))
            self._lines.append(recording.line(value))
            self._next = number + 1
            if time.perf_counter() >= end:
                return
