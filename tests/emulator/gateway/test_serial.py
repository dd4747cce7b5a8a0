"""``--dispatch serial``: the messages of a connection are handled one after the other."""

import asyncio
import json

from websockets.asyncio.client import ClientConnection

from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Closed, Finished, Received, Unrouted
from tests.support.client import hear, peer, settle, tell

SERIAL = Settings(port=0, serial=True)
OFFER = '{"type":"offer","targetId":"HOST","payload":1}'


def delayed(settings: Settings, clock: VirtualClock) -> Emulator:
    """Return an emulator in which the first offer takes one second."""
    return Emulator(settings, clock=clock, faults=Faults(["delay:offer#1=1s"]))


async def rounds(emulator: Emulator) -> None:
    """Wait until the loop has handled all that was sent before, on any connection."""
    async with peer(emulator, "Another", "ANOTHER") as another:
        await settle(another)


async def test_all_that_waited_is_answered_in_order(clock: VirtualClock) -> None:
    """Four hundred pings and five thousand messages wait for one delayed offer."""
    async with delayed(SERIAL, clock) as emulator, peer(emulator, "HOST") as host:
        async with peer(emulator, "Alice") as alice:
            await alice.send(OFFER)
            sending = asyncio.ensure_future(send_all(alice))
            await rounds(emulator)
            clock.advance(1)
            assert (await hear(host))["type"] == "offer"
            for _ in range(400):
                assert await hear(alice) == {"type": "pong"}
            numbers = [int((await hear(alice))["id"]) for _ in range(5_000)]
            assert numbers == list(range(5_000))
            await sending
            await settle(alice)


async def send_all(client: ClientConnection) -> None:
    """Send the pings, then messages that are answered with their number."""
    for _ in range(400):
        await client.send('{"type":"ping"}')
    for number in range(5_000):
        await client.send(json.dumps({"type": "number", "id": f"{number}"}))


async def test_a_client_is_not_read_from_while_too_many_of_its_messages_wait(
    clock: VirtualClock,
) -> None:
    """Waiting messages count as in flight, so one client can fill only so much memory."""
    async with delayed(SERIAL, clock) as emulator, peer(emulator, "Alice") as alice:
        (connection,) = emulator._gateway.open_connections.values()
        before, counted = connection.invocation_started, list[int]()

        def count() -> None:
            counted.append(1)
            before()

        connection.invocation_started = count  # type: ignore[method-assign]
        await alice.send(OFFER)
        sending = asyncio.ensure_future(send_all(alice))
        await rounds(emulator)
        await rounds(emulator)
        assert len(counted) == SERIAL.max_in_flight
        clock.advance(1)
        assert (await hear(alice))["type"] == "undelivered"
        for _ in range(5_400):
            await hear(alice)
        assert len(counted) == 5_401
        await sending


async def test_disconnect_runs_after_all_messages(clock: VirtualClock) -> None:
    """The disconnect event is the last one, although the connection has closed before."""
    async with delayed(SERIAL, clock) as emulator:
        async with peer(emulator, "Alice") as alice:
            await alice.send(OFFER)
            for _ in range(100):
                await alice.send('{"type":"ping"}')
        await rounds(emulator)
        clock.advance(1)
        of_alice = [
            entry
            for _, entry in emulator.trace.since(0)
            if isinstance(entry, Received | Closed) and entry.facts.label.name == "Alice"
        ]
        assert [type(entry) for entry in of_alice] == [Received] * 101 + [Closed]
        finished = [entry for _, entry in emulator.trace.since(0) if isinstance(entry, Finished)]
        assert isinstance(finished[-1].cause, Closed)


async def test_the_throttle_counts_messages_as_they_arrive(clock: VirtualClock) -> None:
    """A message over the limit is refused at once, not when its turn comes."""
    settings = Settings(port=0, serial=True, throttle_rate=1, throttle_burst=5)
    async with delayed(settings, clock) as emulator, peer(emulator, "Alice") as alice:
        await alice.send(OFFER)
        for _ in range(6):
            await tell(alice, type="ping")
        # One token went to the handshake, one to the offer, three to pings that wait.
        for _ in range(3):
            assert (await hear(alice))["message"] == "Too Many Requests"
        refused = [entry for _, entry in emulator.trace.since(0) if isinstance(entry, Unrouted)]
        assert [entry.why for entry in refused] == ["throttled"] * 3
