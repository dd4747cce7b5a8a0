"""A player that a test controls."""

import asyncio

import pytest

from poker_signal.emulator.testing import (
    ConnectPeer,
    Ended,
    NotHeard,
    SignalClock,
    SignalEmulator,
)


async def test_frames_wait_for_whoever_expects_them(signal_peer: ConnectPeer) -> None:
    """Frames can be expected in any order, and the rest can be listed."""
    alice = await signal_peer("Alice")
    await alice.send_text("no JSON")
    await alice.expect("error")
    await alice.send("fold")
    await alice.send("ping")
    await alice.expect("pong")
    with pytest.raises(AssertionError, match=r"Alice heard .*UNKNOWN_TYPE"):
        await alice.expect_nothing()
    assert (await alice.expect("error")).code == "UNKNOWN_TYPE"
    await alice.expect_nothing()
    assert [was_expected for _, was_expected in alice.story()] == [True] * 5


async def test_many_may_wait_at_once(signal_peer: ConnectPeer) -> None:
    """The test's own event loop is not blocked meanwhile."""
    host = await signal_peer("HOST")
    names = [f"Player {number}" for number in range(8)]
    joins = asyncio.gather(*(host.expect("join", sender=name) for name in names))
    for name in names:
        await (await signal_peer(name)).send("join")
    assert [frame.sender for frame in await joins] == names


async def test_the_end_of_a_connection(signal_peer: ConnectPeer) -> None:
    """A close by the test itself has a code and a reason as well."""
    alice = await signal_peer("Alice")
    assert alice.close_code is None
    with pytest.raises(NotHeard, match=r"the end of the connection within 0\.01 s"):
        await alice.expect_close(within=0.01)
    with pytest.raises(ValueError, match="cannot be sent"):
        await alice.close(1005)
    await alice.close(3000, "enough")
    assert await alice.expect_close() == 3000
    assert alice.close_reason == "enough"
    with pytest.raises(Ended):
        await alice.send("ping")
    with pytest.raises(NotHeard, match="the connection ended with 3000 enough"):
        await alice.expect("pong")


async def test_a_hello_and_presence_keep_the_list_of_players(
    signal_peer: ConnectPeer, signal_clock: SignalClock
) -> None:
    """`players` follows the welcome, then who comes and who leaves; other peers hear nothing."""
    alice = await signal_peer("Alice")
    host = await signal_peer("HOST", wants="presence")
    assert host.players == []
    assert (await host.hello()).payload["players"] == ["Alice"]
    assert host.players == ["Alice"]
    bob = await signal_peer("Bob", session="secret-of-bob")
    signal_clock.advance(0)
    assert (await host.expect_arrival("Bob")).payload["reason"] == "joined"
    assert host.players == ["Alice", "Bob"]
    await alice.close()
    assert await alice.expect_close() == 1000
    await host.expect_nothing()
    signal_clock.advance(5)
    assert (await host.expect_departure("Alice")).payload["reason"] == "left"
    assert host.players == ["Bob"]
    await signal_peer("Bob", session="secret-of-bob")
    await bob.expect_close()
    signal_clock.advance(0)
    assert (await host.expect_arrival("Bob")).payload["reason"] == "replaced"
    assert host.players == ["Bob"]
    await host.expect_nothing()
    assert [frame.type for frame in bob.heard] == []


async def test_the_host_comes_and_goes_like_any_player(
    signal_peer: ConnectPeer, signal_clock: SignalClock
) -> None:
    """Its frames have other names, which a test need not know."""
    alice = await signal_peer("Alice", wants="presence,go-away")
    host = await signal_peer("HOST")
    signal_clock.advance(0)
    assert (await alice.expect_arrival("HOST")).type == "host-back"
    await host.abort()
    await host.expect_close()
    await alice.expect_nothing()
    signal_clock.advance(5)
    assert (await alice.expect_departure("HOST")).type == "host-away"
    assert alice.players == []


async def test_of_two_frames_about_a_player_the_larger_version_is_true(
    signal_emulator: SignalEmulator, signal_peer: ConnectPeer
) -> None:
    """A frame that was overtaken changes nothing; one of another shape is skipped."""
    alice = await signal_peer("Alice", wants="presence")
    frame = '{"type":"%s","payload":{"playerId":"Bob","version":%d}}'
    texts = (frame % ("player-joined", 2), frame % ("player-left", 1), '{"type":"player-left"}')
    for text in texts:
        signal_emulator._in_thread(
            lambda text=text: signal_emulator._emulator._gateway.post(alice.connection_id, text)  # type: ignore[misc]
        )
    await alice.expect_departure("Bob")
    assert alice.players == ["Bob"]


async def test_a_player_that_does_not_come_is_told_in_a_sentence(signal_peer: ConnectPeer) -> None:
    """So is a test that waits for what the peer never asked for."""
    host, alice = await signal_peer("HOST", wants="presence"), await signal_peer("Alice")
    await host.expect_arrival("Alice")
    with pytest.raises(NotHeard, match=r"awaited the arrival of “Bob” within 0\.01 s; heard"):
        await host.expect_arrival("Bob", within=0.01)
    with pytest.raises(NotHeard, match=r"awaited the departure of “Alice” within 0\.01 s"):
        await host.expect_departure("Alice", within=0.01)
    with pytest.raises(ValueError, match=r'Alice hears of no departure: .*wants="presence"'):
        await alice.expect_departure("Bob")
    with pytest.raises(ValueError, match="'presense' is none of go-away, presence"):
        await signal_peer("Bob", wants="presense")


async def test_a_report_is_part_of_the_verdict(
    signal_emulator: SignalEmulator, signal_peer: ConnectPeer
) -> None:
    """When the call returns the server has it; a refused one fails the test with its sentence."""
    host, alice = await signal_peer("HOST"), await signal_peer("Alice")
    await alice.send("join")
    await host.expect("join")
    assert "Alice → HOST in GAME01: " in signal_emulator.transcript()
    await host.report("connected", of="Alice", ms=120, pair="host/host")
    await alice.report("connected", of="HOST")
    assert "Alice → HOST in GAME01: " not in signal_emulator.transcript()
    await alice.expect_nothing()
    with pytest.raises(NotHeard, match=r"the “ack” of the report .* must be one of closed"):
        await alice.report("open", of="HOST")


@pytest.mark.signal_emulator(handler=lambda event, context: {"statusCode": 200})
async def test_a_server_without_hello_is_told_with_what_came(signal_peer: ConnectPeer) -> None:
    """A handler of the user's own need not know it."""
    alice = await signal_peer("Alice")
    with pytest.raises(NotHeard, match=r"awaited the “welcome” within 0\.01 s; heard no"):
        await alice.hello(within=0.01)
