"""The floor: the smallest server on the websockets library that says when it accepts."""

import asyncio

from websockets.asyncio.server import ServerConnection, serve


async def _wait(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def _main() -> None:
    async with serve(_wait, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"ws://127.0.0.1:{port}", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_main())
