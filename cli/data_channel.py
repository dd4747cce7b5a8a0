"""A real WebRTC peer on the command line; it needs the extra ``rtc``."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import click

from poker_signal.cli.transcript import Transcript
from poker_signal.core.model import HOST
from poker_signal.emulator import extras
from poker_signal.emulator.client.connection import Client, Ended

try:
    from poker_signal.emulator.client.webrtc import Happened, Peer, taking_part
except ImportError as error:
    raise click.ClickException(extras.missing("A WebRTC peer", "rtc")) from error

_WORDS = {
    "open": "has an open channel to",
    "message": "hears from",
    "closed": "has no channel any more to",
    "left": "is left by",
    "problem": "has a problem with",
}


@asynccontextmanager
async def playing_webrtc(
    client: Client, transcript: Transcript, say: str | None = None, ice_servers: Sequence[str] = ()
) -> AsyncGenerator[None, None]:
    """Play the app's part meanwhile: HOST offers to each player that joins, a player joins.

    A connection that wants presence hears who leaves, and a player joins a HOST that comes later.

    ``say`` is sent on each channel as soon as it is open.
    """

    def tell(happened: Happened) -> None:
        kind, other, text = happened
        words = f"{client.player} {_WORDS[kind]} {other or 'the server'}: {text}"
        transcript.tell(f"channel-{kind}", words, player=client.player, other=other, text=text)
        if kind == "open" and say is not None:
            peer.say(other, say)

    peer = Peer(client, tell, ice_servers)
    async with taking_part(peer):
        pinging = asyncio.ensure_future(_keep_alive(client))
        try:
            # If the connection ends now, the caller, which waits for its end, reports it.
            with contextlib.suppress(Ended):
                await peer.hello()
                if client.player != HOST:
                    await peer.join()
            yield
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)


async def _keep_alive(client: Client) -> None:
    with contextlib.suppress(Ended):
        await client.keep_alive()
