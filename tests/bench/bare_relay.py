"""The floor: a minimal relay on click, websockets' asyncio server, uvloop and json.

It has nothing of API Gateway: no events, no rules, no limits, no trace.
"""

import asyncio
import contextlib
import json
from urllib.parse import parse_qs, urlsplit

import click
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

TYPES = {"join", "offer", "answer", "ice-candidate"}

games: dict[str, dict[str, ServerConnection]] = {}


async def relay(connection: ServerConnection) -> None:
    """Relay the messages of one player until it disconnects."""
    assert connection.request is not None
    query = parse_qs(urlsplit(connection.request.path).query)
    player, game_id = query["playerId"][0], query["gameId"][0]
    game = games.setdefault(game_id, {})
    game[player] = connection
    try:
        async for text in connection:
            message = json.loads(text)
            if message["type"] not in TYPES:
                continue
            target = game.get(message.get("targetId", "HOST"))
            if target is not None:
                told = {"type": message["type"], "senderId": player, "payload": message["payload"]}
                await target.send(json.dumps(told))
    except ConnectionClosed:
        pass
    finally:
        if game.get(player) is connection:
            del game[player]
            if not game:
                games.pop(game_id, None)


async def run(port: int) -> None:
    """Print the URL, and serve."""
    # The same as poker-signal: no compression, and a backlog for a thousand connects at once.
    async with serve(relay, "127.0.0.1", port, compression=None, backlog=1024) as server:
        print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.get_running_loop().create_future()


@click.command()
@click.option("--port", default=0)
def main(port: int) -> None:
    """Relay until Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(port))


if __name__ == "__main__":
    main()
