"""Tests of the load driver: its frames, its handshakes, and its detection of errors."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.bench import bare_relay
from tests.bench.client import Address, drive
from tests.bench.handshakes import Night, check, one_handshake, seated
from tests.bench.peers import PeerJs
from tests.bench.workload import (
    CANDIDATES,
    MESSAGES,
    POKER_SIGNAL,
    from_host,
    handshake,
    tagged,
)


def spoken(frames: list[bytes]) -> list[dict[str, object]]:
    """Return the messages that a server parses from a client's bytes; all must be masked."""
    server = Protocol(Side.SERVER, state=OPEN)
    server.receive_data(b"".join(frames))
    assert server.parser_exc is None
    found = [event for event in server.events_received() if isinstance(event, Frame)]
    assert all(frame.opcode is Opcode.TEXT and frame.fin for frame in found)
    return [json.loads(bytes(frame.data)) for frame in found]


def test_a_handshake_is_what_the_page_says() -> None:
    """A handshake has two descriptions of 2.5 kB and 2 × 8 candidates of 200 B, all tagged."""
    messages = spoken(handshake(POKER_SIGNAL, "AAAAAA", "Alice", 7))
    targets = [message["targetId"] for message in messages]
    assert targets == ["Alice" if from_host(number) else "HOST" for number in range(MESSAGES)]
    kinds = [message["type"] for message in messages]
    assert kinds == ["offer", "answer"] + 2 * CANDIDATES * ["ice-candidate"]
    sizes = [len(json.dumps(message["payload"])) for message in messages]
    assert all(2_300 < size < 2_700 for size in sizes[:2])
    assert all(150 < size < 250 for size in sizes[2:])
    texts = [json.dumps(message).encode() for message in messages]
    assert [*map(tagged, texts)] == [(7, number) for number in range(MESSAGES)]
    (offer, *_) = spoken(handshake(PeerJs(), "AAAAAA", "Alice", 0))
    assert (offer["type"], offer["dst"]) == ("OFFER", "AAAAAA-Alice")


@pytest.fixture(params=["bare relay", "emulator"])
async def address(request: pytest.FixtureRequest) -> AsyncIterator[Address]:
    """Yield the address of each of the two servers that are compared."""
    if request.param == "emulator":
        async with Emulator(Settings(port=0)) as emulator:
            yield Address(emulator.url, POKER_SIGNAL)
    else:
        async with serve(bare_relay.relay, "127.0.0.1", 0, compression=None) as server:
            port = server.sockets[0].getsockname()[1]
            yield Address(f"ws://127.0.0.1:{port}", POKER_SIGNAL)


async def test_both_servers_relay_the_same(address: Address) -> None:
    """The bare relay and the emulator do the same work, message by message."""
    await check(address)
    await one_handshake(address)
    async with seated(address, Night(2, 3), lambda pair, number: None) as tables:
        assert (len(tables.clients), len(tables.pairs)) == (8, 6)
    assert all(client.closed.done() for client in tables.clients)


async def test_a_server_that_alters_a_message_is_found_out() -> None:
    """A server that alters a message fails the check that precedes the measurement."""

    async def alter(connection: ServerConnection) -> None:
        async for _ in connection:
            await connection.send('{"type":"offer","senderId":"HOST","payload":{}}')

    async with serve(alter, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SystemExit, match="message 0 of a handshake was relayed as"):
            await check(Address(f"ws://127.0.0.1:{port}", POKER_SIGNAL))


def test_what_goes_wrong_in_a_callback_ends_the_load() -> None:
    """An error in a callback ends the load, which would wait for ever otherwise."""

    async def load() -> None:
        def fail() -> None:
            raise RuntimeError("not relayed")

        asyncio.get_running_loop().call_soon(fail)
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="not relayed"):
        drive(load())
