"""The whole ring as a recording, made in turns that nobody else notices."""

import asyncio
import time
from collections.abc import Callable

from poker_signal.emulator.inspector.feed import TURN_S, encode
from poker_signal.emulator.inspector.redaction import Redaction
from poker_signal.emulator.trace import Trace
from poker_signal.emulator.trace_json import as_json

_SLICE = 64


def download(trace: Trace, redaction: Redaction | None, done: Callable[[bytes], None]) -> None:
    """Call ``done`` with all entries up to now, as JSON lines."""
    loop = asyncio.get_running_loop()
    until = trace.next_number
    lines: list[bytes] = []

    def work(number: int) -> None:
        end = time.perf_counter() + TURN_S
        while number < until and time.perf_counter() < end:
            chosen = trace.since(number, min(_SLICE, until - number))
            for each, entry in chosen:
                value = as_json(each, entry)
                lines.append(encode(redaction.entry(value) if redaction else value) + b"\n")
                number = each + 1
                if time.perf_counter() >= end:
                    break
            if not chosen:
                number = until
        if number < until:
            loop.call_soon(work, number)
        else:
            done(b"".join(lines))

    work(0)
