"""Output of `peer` and `bot`: text on a terminal, else one JSON object per line."""

import asyncio
import json
import sys
import time
from typing import Any, NoReturn, TextIO

import click

from poker_signal.emulator.client.connection import Client, Frame
from poker_signal.emulator.terminal import escape

MAX_SHOWN = 300
"""Characters of a frame in text output; JSON output has all of it."""


class Transcript:
    """Prints events, each with the milliseconds since the start."""

    def __init__(self, stream: TextIO | None = None, *, for_people: bool) -> None:
        # None: sys.stdout at the time of the call, because line editing replaces it meanwhile.
        self._stream = stream
        self._for_people = for_people
        self._start = time.perf_counter()
        self._problem: OSError | None = None
        self._lost = asyncio.Event()

    def tell(self, event: str, words: str, **facts: Any) -> None:
        """Print an event: ``words`` in text output, ``facts`` in JSON output."""
        ms = (time.perf_counter() - self._start) * 1000
        if self._for_people:
            line = f"{ms:11.1f} ms  {escape(words)}"
        else:
            # ASCII: nothing that a peer sent can move a cursor or break a line.
            line = json.dumps({"ms": round(ms, 1), "event": event, **facts})
        if self._problem is not None:
            return
        try:
            click.echo(line, file=self._stream or sys.stdout)
        except OSError as error:
            # Callbacks of libraries call this, and the libraries would swallow the error.
            self._problem = error
            self._lost.set()

    def check(self) -> None:
        """Raise if some output could not be written.

        Raises:
            OSError: the disk is full, or the reader of a pipe is gone.
        """
        if self._problem is not None:
            raise self._problem

    async def until_lost(self) -> NoReturn:
        """Wait until output cannot be written; then raise the error of ``check``."""
        while True:
            await self._lost.wait()
            self.check()

    def connected(self, client: Client) -> None:
        """Print that a player is connected, and the duration of the handshake."""
        ms = round(client.handshake_s * 1000, 1)
        words = f"connected as {client.player} in {ms} ms"
        self.tell("connected", words, player=client.player, handshake=ms)

    def closed(self, client: Client) -> None:
        """Print the end of a connection: side, code and reason."""
        by = "us" if client.closed_by_us else "the server"
        code, reason = client.close_code, client.close_reason
        words = f"{client.player} was closed by {by} with {code} {reason}".rstrip()
        self.tell("closed", words, player=client.player, code=code, reason=reason, by=by)

    def frame(self, frame: Frame) -> None:
        """Print a frame from the server; JSON output has the text itself if it is no JSON."""
        words = _shortened(frame.text)
        if frame.type is not None:
            payload = _shortened(json.dumps(frame.payload, ensure_ascii=False))
            words = f"{frame.type:16} {frame.sender or '':12} {payload}"
        self.tell("frame", f"← {words}", frame=frame.text if frame.body is None else frame.body)

    def sent(self, text: str) -> None:
        """Print a text that was sent."""
        self.tell("sent", f"→ {_shortened(text)}", text=text)

    def problem(self, message: str) -> None:
        """Print a problem."""
        self.tell("problem", f"! {message}", message=message)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"
