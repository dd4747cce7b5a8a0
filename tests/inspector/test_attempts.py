"""Whose attempt something belongs to, where a name has several connections or begins anew."""

import pytest

from tests.inspector.inspected import Inspected
from tests.inspector.scenes import HOST, Scene, sdp

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OFFER = {"type": "offer", "sdp": sdp("h0St", "actpass")}


def two_hosts() -> Scene:
    """A second connection is HOST before Alice joins."""
    scene = Scene().connect("old", HOST).wait(100).connect(HOST).wait(100)
    return scene.join().wait(20)


async def test_a_host_that_reconnects_has_not_left(inspected: Inspected) -> None:
    """It takes over with its session, and goes on where it was."""
    scene = Scene().connect("old", HOST).connect("Alice").wait(1000)
    request_id = scene.message("Alice", "join", HOST, {"playerName": "Alice"})
    scene.post("old", {"type": "join", "senderId": "Alice", "payload": {}})
    scene.returned("Alice", request_id).wait(200)
    scene.ask(HOST).close("old", 1000).wait(1).add("opened", HOST)
    scene.offer().trickle(HOST, "Alice", "192.168.1.10").wait(30).answer()
    (told,) = await inspected.verdicts(scene.trickle("Alice", HOST, "192.168.1.23").wait(3000))
    assert (told["code"], told["findings"]) == ("COMPLETE", [])


@pytest.mark.parametrize(
    ("who", "verdict"), [("old", "NO_OFFER"), (HOST, "LEFT")], ids=["another", "its own"]
)
async def test_only_the_host_that_took_part_is_missed(
    inspected: Inspected, who: str, verdict: str
) -> None:
    """The other one has nothing to do with the attempt."""
    scene = two_hosts().close(who, 1001).wait(6000)
    (told,) = await inspected.verdicts(scene, now=scene.now_ms)
    assert told["code"] == verdict
