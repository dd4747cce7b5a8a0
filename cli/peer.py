"""poker-signal peer."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import click

from poker_signal.cli.address import checked_name, server_url
from poker_signal.cli.connecting import connected
from poker_signal.cli.lines import piped, typed
from poker_signal.cli.peer_commands import (
    COMMANDS,
    HELP,
    Action,
    BadLine,
    CloseConnection,
    Expect,
    Help,
    Send,
    To,
    parse,
)
from poker_signal.cli.running import run_until_interrupted
from poker_signal.cli.ticket import tickets_of
from poker_signal.cli.transcript import Transcript
from poker_signal.core.model import HOST
from poker_signal.emulator.client.connection import Client, Ended, Frame, NotHeard, Tickets

CLOSED_BY_US, FAILED, CLOSED_BY_SERVER = 0, 1, 3
"""Exit codes."""


class PeerOptions(NamedTuple):
    """Options of the command."""

    url: str
    player: str
    game: str
    session: str | None
    ticket_secret_file: str | None
    answer: bool
    timeout: float
    linger: float


def run(options: PeerOptions) -> None:
    """Play a peer; exit with 0, 1 or 3, as the command explains."""
    options = options._replace(
        url=server_url(options.url),
        player=checked_name("--player", options.player),
        game=checked_name("--game", options.game),
    )
    tickets = tickets_of(options.ticket_secret_file)
    if options.answer:
        import poker_signal.cli.data_channel  # noqa: F401 - fails now if aiortc is not installed
    raise SystemExit(run_until_interrupted(_play(options, tickets)))


async def _play(options: PeerOptions, tickets: Tickets | None) -> int:
    transcript = Transcript(for_people=sys.stdout.isatty())
    async with connected(
        options.url, options.player, options.game, options.session, options.timeout, tickets
    ) as client:
        loop = CommandLoop(client, transcript, options)
        transcript.connected(client)
        try:
            async with _webrtc(client, transcript, options):
                code = await loop.run()
        finally:
            await client.close()
            await client.expect_close()
            transcript.closed(client)
    # Only here: raised above, it would be part of a group with errors of the WebRTC peer.
    transcript.check()
    return code


def _webrtc(
    client: Client, transcript: Transcript, options: PeerOptions
) -> AbstractAsyncContextManager[None]:
    if not options.answer:
        return contextlib.nullcontext()
    from poker_signal.cli.data_channel import playing_webrtc

    return playing_webrtc(client, transcript)


class CommandLoop:
    """Performs the lines of a terminal or a script on one connection."""

    def __init__(self, client: Client, transcript: Transcript, options: PeerOptions) -> None:
        self._client = client
        self._transcript = transcript
        self._options = options
        self._is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self._target: str = HOST
        client.on_frame = self._hear

    async def run(self) -> int:
        """Perform lines until the input or the connection ends; return the exit code."""
        acting = asyncio.ensure_future(self._act())
        ending = asyncio.ensure_future(self._client.expect_close(within=None))
        lost = asyncio.ensure_future(self._transcript.until_lost())
        try:
            await asyncio.wait({acting, ending, lost}, return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                return FAILED
            if ending.done() and not self._client.closed_by_us:
                return CLOSED_BY_SERVER
            return await acting
        finally:
            for task in (acting, ending, lost):
                task.cancel()
            await asyncio.gather(acting, ending, lost, return_exceptions=True)

    async def _act(self) -> int:
        """Perform lines until the input ends; return the exit code."""
        async for line in self._lines():
            try:
                action = parse(line, self._options.player, self._target)
                if action is not None:
                    await self._perform(action)
                if isinstance(action, CloseConnection):
                    return CLOSED_BY_US
            except (BadLine, NotHeard) as error:
                self._transcript.problem(str(error))
                if not self._is_terminal:
                    # After a mistake, the rest of a script only makes more of them.
                    return FAILED
            except Ended:
                return CLOSED_BY_SERVER
        return await self._listen_on()

    def _lines(self) -> AsyncGenerator[str, None]:
        if self._is_terminal:
            return typed(sorted(COMMANDS))
        return piped()

    async def _perform(self, action: Action) -> None:
        match action:
            case Send(text):
                await self._client.send_text(text)
                self._transcript.sent(text)
            case To(name):
                self._target = name
            case Expect(type_, sender):
                await self._client.expect(type_, sender, self._options.timeout)
            case CloseConnection(code, reason):
                await self._client.close(code, reason)
            case Help():
                click.echo(HELP, err=True)

    async def _listen_on(self) -> int:
        """Wait after the last line: with --answer until the end, else for late answers."""
        if self._is_terminal:
            return CLOSED_BY_US
        within = None if self._options.answer else self._options.linger
        try:
            await self._client.expect_close(within)
        except NotHeard:
            return CLOSED_BY_US
        return CLOSED_BY_SERVER

    def _hear(self, frame: Frame) -> None:
        self._transcript.frame(frame)
        if self._options.player == HOST and frame.type == "join" and frame.sender:
            self._target = frame.sender
