"""What a peer on the command line prints: lines for people, NDJSON for programs."""

import asyncio
import json
import sys
import time
from typing import Any, NoReturn, TextIO

import click

from poker_signal.emulator.client.connection import Client, Frame
from poker_signal.emulator.terminal import escape

MAX_SHOWN = 300
"""Characters of a frame that people are shown; programs get all of it."""


class Transcript:
    """Prints what happens, each with the milliseconds since the start."""

    def __init__(self, stream: TextIO | None = None, *, for_people: bool) -> None:
        # Without one it is standard output as it is then: line editing takes it over meanwhile.
        self._stream = stream
        self._for_people = for_people
        self._start = time.perf_counter()
        self._problem: OSError | None = None
        self._lost = asyncio.Event()

    def tell(self, event: str, words: str, **facts: Any) -> None:
        """Print an event: ``words`` for people, ``facts`` for programs."""
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
            # Many who call this are called by a library, which would keep the error to itself.
            self._problem = error
            self._lost.set()

    def check(self) -> None:
        """Check whether everything could be printed.

        Raises:
            OSError: it could not: the disk is full, or nobody reads it.
        """
        if self._problem is not None:
            raise self._problem

    async def until_lost(self) -> NoReturn:
        """Wait until something cannot be printed; then raise what ``check`` does."""
        while True:
            await self._lost.wait()
            self.check()

    def connected(self, client: Client) -> None:
        """Print that a player is there, and how long that took."""
        ms = round(client.handshake_s * 1000, 1)
        words = f"connected as {client.player} in {ms} ms"
        self.tell("connected", words, player=client.player, handshake=ms)

    def closed(self, client: Client) -> None:
        """Print how a connection ended."""
        by = "us" if client.closed_by_us else "the server"
        code, reason = client.close_code, client.close_reason
        words = f"{client.player} was closed by {by} with {code} {reason}".rstrip()
        self.tell("closed", words, player=client.player, code=code, reason=reason, by=by)

    def frame(self, frame: Frame) -> None:
        """Print what the server sent; for programs, the text itself where it is no JSON."""
        words = _shortened(frame.text)
        if frame.type is not None:
            payload = _shortened(json.dumps(frame.payload, ensure_ascii=False))
            words = f"{frame.type:16} {frame.sender or '':12} {payload}"
        self.tell("frame", f"← {words}", frame=frame.text if frame.body is None else frame.body)

    def sent(self, text: str) -> None:
        """Print what was sent."""
        self.tell("sent", f"→ {_shortened(text)}", text=text)

    def problem(self, message: str) -> None:
        """Print what did not work."""
        self.tell("problem", f"! {message}", message=message)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"
