"""A recording of all entries that the trace keeps, made in a thread."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any

from poker_signal.emulator.inspector.turns import SHARE, Turns
from poker_signal.emulator.recording import format as recording
from poker_signal.emulator.recording.pace import Pace
from poker_signal.emulator.recording.redaction import Redaction
from poker_signal.emulator.trace.as_json import as_json
from poker_signal.emulator.trace.entries import Entry
from poker_signal.emulator.trace.trace import Trace

_SLICE = 32


class Download:
    """Makes JSON lines of a header and all entries up to now; calls ``done`` with them.

    The event loop takes entries from the trace, a thread makes lines of them: the redaction of one
    message of a peer may take a tenth of a second. Threads of all downloads share
    ``one_at_a_time``, so that all together take the inspector's share of the time.
    """

    def __init__(
        self,
        trace: Trace,
        turns: Turns,
        header: dict[str, Any],
        redaction: Redaction,
        one_at_a_time: threading.Lock,
        done: Callable[[bytes], None],
    ) -> None:
        self._trace = trace
        self._turns = turns
        self._redaction = redaction
        self._one_at_a_time = one_at_a_time
        self._done = done
        self._next = 0
        self._until = trace.next_number
        self._lines = [recording.line(header)]
        turns.soon(self._take)

    def _take(self) -> None:
        chosen = self._trace.since(self._next, min(_SLICE, self._until - self._next))
        # The oldest entries may have been evicted meanwhile: they are left out.
        chosen = [each for each in chosen if each[0] < self._until]
        if not chosen:
            self._done(b"".join(self._lines))
            return
        self._next = chosen[-1][0] + 1
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._make, args=(chosen, loop), daemon=True).start()

    def _make(self, chosen: list[tuple[int, Entry]], loop: asyncio.AbstractEventLoop) -> None:
        with self._one_at_a_time:
            self._redaction.pause = pause = Pace(SHARE)
            for number, entry in chosen:
                self._lines.append(recording.line(self._redaction.entry(as_json(number, entry))))
                pause()
        # The emulator may have stopped.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._turns.go_on, self._take)
