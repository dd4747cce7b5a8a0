"""A player that a test controls."""

import asyncio

import pytest

from poker_signal.emulator.testing import ConnectPeer, Ended, NotHeard


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
