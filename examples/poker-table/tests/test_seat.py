"""Tests of whole WebRTC handshakes: the app and aiortc, with the emulator between them."""

import asyncio
import json

import pytest
from core.cards import deal
from core.seat import HOST, take_seat

from poker_signal.emulator.testing import ConnectPeer, SignalClock, SignalEmulator

GAME = "FRIDAY"


async def test_cards_are_dealt_over_a_data_channel(signal_emulator: SignalEmulator) -> None:
    """Host and player exchange messages over their data channel, without the emulator."""
    url = signal_emulator.url
    async with (
        asyncio.timeout(30),
        take_seat(url, GAME, HOST) as host,
        take_seat(url, GAME, "Zoë 🂡") as zoe,
    ):
        await zoe.join()
        hand = deal(["Zoë 🂡"], seed=7)["Zoë 🂡"]
        await host.say("Zoë 🂡", json.dumps(hand))
        assert await zoe.messages.get() == (HOST, json.dumps(hand))
        await zoe.say(HOST, "I fold")
        assert await host.messages.get() == ("Zoë 🂡", "I fold")


async def test_the_host_learns_who_joins(
    signal_emulator: SignalEmulator, signal_peer: ConnectPeer
) -> None:
    """The host receives the join of the app; the host is a scripted peer."""
    host = await signal_peer(HOST, GAME)
    async with take_seat(signal_emulator.url, GAME, "Alice") as alice:
        await alice.join()
        join = await host.expect("join", sender="Alice")
    assert join.payload == {"playerName": "Alice"}


async def test_a_player_is_told_that_the_name_is_taken(
    signal_emulator: SignalEmulator, signal_peer: ConnectPeer
) -> None:
    """The player gets the server's error sentence."""
    await signal_peer("Alice", GAME)
    async with take_seat(signal_emulator.url, GAME, "Alice") as second, asyncio.timeout(10):
        await second.join()
        assert await second.problem == "A player named “Alice” is in this game already."


@pytest.mark.signal_emulator(idle_timeout_s=600)
async def test_who_is_silent_for_ten_minutes_is_told(
    signal_emulator: SignalEmulator, signal_clock: SignalClock
) -> None:
    """The idle time-out closes the connection after ten minutes of virtual time."""
    async with take_seat(signal_emulator.url, GAME, "Alice") as alice, asyncio.timeout(10):
        signal_clock.advance(600)
        assert await alice.problem == "The server has gone (1001)."
