"""Starting and stopping the emulator, and errors on the way."""

import asyncio
import socket

import pytest

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.server import STOP_TIMEOUT_S, CannotStart, Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.conftest import Records
from tests.support.client import peer, settle
from tests.support.frames import HANDSHAKE, client_frame, raw_connection


async def test_port_0_is_any_free_one() -> None:
    """The URL has the port that was chosen."""
    async with Emulator(Settings(port=0)) as one, Emulator(Settings(port=0)) as other:
        assert one.port != other.port
        assert one.url == f"ws://127.0.0.1:{one.port}/prod"


@pytest.mark.parametrize(
    ("host", "says"), [("192.0.2.1", "--host"), ("x" * 64, r"cannot listen on x+:0: .*label")]
)
async def test_an_address_that_cannot_be_had_is_explained(host: str, says: str) -> None:
    """The address is another machine's (RFC 5737), or the name is not valid (RFC 1035)."""
    with pytest.raises(CannotStart, match=says):
        async with Emulator(Settings(host=host, port=0)):
            pass


async def test_ipv6_works() -> None:
    """The URL has brackets, the event's address has none."""
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
    async with Emulator(Settings(host="::1", port=0)) as emulator:
        assert emulator.url == f"ws://[::1]:{emulator.port}/prod"
        async with peer(emulator, "Alice") as alice:
            await settle(alice)


async def test_stopping_closes_every_socket_with_1012_and_forgets_everybody(
    records: Records, clock: VirtualClock
) -> None:
    """1012 means service restart; ``$disconnect`` has run for each connection."""
    async with Emulator(Settings(port=0), records, clock) as emulator:
        clients = [await peer(emulator, f"Player {n}") for n in range(20)]
        await settle(clients[0])
    for client in clients:
        async with asyncio.timeout(10):
            await client.wait_closed()
        assert client.close_code == 1012
    assert [r.outcome for r in records if r.kind == "disconnect"] == ["1012 service restart"] * 20


async def test_stopping_does_not_wait_for_peers_that_do_not_answer() -> None:
    """A sleeping phone gets the close frame and is then disconnected."""
    emulator = Emulator(Settings(port=0, close_timeout_s=0.05))
    await emulator.__aenter__()
    async with raw_connection(emulator) as (reader, writer), asyncio.timeout(STOP_TIMEOUT_S):
        writer.write(HANDSHAKE + client_frame(1, b'{"type":"ping"}'))
        await reader.readuntil(b"pong")
        await emulator.__aexit__(None, None, None)
        assert (await reader.read()).endswith(b"\x88\x02\x03\xf4")
