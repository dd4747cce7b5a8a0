"""Host and player connect to the deployed zip, over real connections.

MiniStack takes the place of AWS: its API Gateway takes WebSockets, its Lambda runs the zip, its
DynamoDB stores the rows. The tests of this file depend on their order.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, nullcontext
from typing import Any

import pytest
import pytest_asyncio

from poker_signal.core.configuration import Rules, Topology
from tests.infrastructure.checks import FUNCTION_LOG, PREFIX
from tests.infrastructure.live import PATIENCE_S, LiveHost, deployed, texts
from tests.infrastructure.stack import Stack
from tests.infrastructure.tools import Mirror
from tests.signaling.transcripts import CASES, hold
from tests.support.client import query_of

pytestmark = [
    *(pytest.mark.aws, pytest.mark.timeout(600)),
    pytest.mark.random_order(disabled=True),
]

MESH, STAR = (
    {name: steps for rules, name, steps in CASES if rules == wanted}
    for wanted in (Rules(), Rules(Topology.STAR))
)

# MiniStack answers every refused $connect with 403, whatever status the function returned, and it
# runs the events of a connection one after the other, so that an offer waits for the candidate
# before it. If a later MiniStack behaves like AWS, a test fails and its entry has to go.
DEVIATIONS = {
    "a candidate before its offer": r"Hears\(key='a', text='.\"type\":\"offer\"",
    "a protected host": r"status=409, origin=None\)\nassert 403 == 409",
    "no names, no connection": r"status=400, origin=None\)\nassert 403 == 400",
}

# Transcripts on a busy machine take so long that joins would be delivered again between their
# steps. test_live_later.py has the queue.
LATER_OFF = "-var=later={enabled=false}"
CANARY = "-var=canary={enabled=true}"

# This mark is in no text of ours: if a log contains it, the log has data of a client.
MARK = "Zq7"
ALICE, GAME, SESSION = f"Alice {MARK} 🂡", f"GAME-{MARK}", f"session-{MARK}"


@pytest.fixture(scope="module")
def live(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack, None, None]:
    """Yield the module deployed to MiniStack."""
    with deployed(tmp_path_factory.mktemp("live"), mirror, LATER_OFF, CANARY) as stack:
        yield stack


@pytest.fixture(scope="module")
def star(live: Stack) -> None:
    """Deploy the module as a star; no change after the test that does the same."""
    live.workspace.apply("-var=topology=star", LATER_OFF)


@pytest_asyncio.fixture
async def clients() -> AsyncGenerator[AsyncExitStack, None]:
    """Yield a stack that closes clients at the end of a test."""
    async with AsyncExitStack() as clients:
        yield clients


@pytest.fixture
def host(live: Stack, clients: AsyncExitStack) -> LiveHost:
    """Return the deployed module as a host for transcripts."""
    return LiveHost(live, clients)


@pytest.mark.nightly
@pytest.mark.parametrize("name", MESH)
async def test_a_transcript_is_the_same_where_it_is_deployed(name: str, host: LiveHost) -> None:
    """A transcript is byte for byte as on the hosts of tests/signaling, but for DEVIATIONS."""
    deviation = DEVIATIONS.get(name)
    with pytest.raises(AssertionError, match=deviation) if deviation else nullcontext():
        await hold(MESH[name], host)


async def test_ghosts_and_a_takeover_do_not_stop_a_handshake(live: Stack, host: LiveHost) -> None:
    """A handshake succeeds although both names have a ghost, and after a takeover."""
    as_host, as_alice = query_of("HOST", GAME, None), query_of(ALICE, GAME, None)
    with_session = query_of(ALICE, GAME, SESSION)
    # The first connection owns a player's name, the last one the name HOST.
    await haunt(host, "ghost of alice", as_alice)
    assert await host.connect("host", as_host) == 101
    await haunt(host, "ghost of host", as_host)

    assert await host.connect("alice", with_session) == 101
    await host.say("alice", f'{{"type":"join","payload":"{MARK}"}}')
    assert _said(await host.hear("host")) == ("join", ALICE, MARK)
    await say(host, "host", "offer", ALICE)
    assert _said(await host.hear("alice")) == ("offer", "HOST", f"{MARK} 192.0.2.1")

    assert await host.connect("alice again", with_session) == 101
    assert await host.is_closed("alice") == 1000
    await say(host, "host", "offer", ALICE)
    assert _said(await host.hear("alice again")) == ("offer", "HOST", f"{MARK} 192.0.2.1")
    await say(host, "alice again", "answer", "HOST")
    assert _said(await host.hear("host")) == ("answer", ALICE, f"{MARK} 192.0.2.1")
    await say(host, "alice again", "ice-candidate", "HOST")
    assert _said(await host.hear("host")) == ("ice-candidate", ALICE, f"{MARK} 192.0.2.1")

    there = {host.connection(key) for key in ("host", "alice again")}
    found = {name for name, item in host.items().items() if item["gameId"]["S"] == GAME}
    assert found == there, "a ghost is still in the table"
    await _holds_the_log(live, host)


async def haunt(host: LiveHost, key: str, query: str) -> None:
    """Connect and leave, and restore the row."""
    assert await host.connect(key, query) == 101
    await host.leave(key)
    host.become_a_ghost(key)


async def say(host: LiveHost, key: str, type_: str, target: str) -> None:
    """Send a message with an address in it."""
    payload = f"{MARK} 192.0.2.1"
    await host.say(key, json.dumps({"type": type_, "targetId": target, "payload": payload}))


def _said(frame: str) -> tuple[str, str, Any]:
    found = json.loads(frame)
    assert found.keys() == {"type", "senderId", "payload"}
    return found["type"], found["senderId"], found["payload"]


async def logged(
    live: Stack, host: LiveHost, count: int, *connections: str
) -> list[dict[str, Any]]:
    """Return the lines about some connections, once there are `count` of them.

    MiniStack collects the output of a function for 50 ms after its answer. Later output appears
    with the next invocation of that process, which a bystander's pings cause.
    """
    bystander = f"bystander {count}"
    assert await host.connect(bystander, query_of("HOST", f"{GAME}-{count}-PINGS", None)) == 101
    async with asyncio.timeout(PATIENCE_S):
        while True:
            lines = [json.loads(text) for text in texts(live, FUNCTION_LOG)]
            found = [line for line in lines if line["connectionId"] in connections]
            if len(found) >= count:
                return found
            await host.say(bystander, '{"type":"ping"}')
            assert await host.hear(bystander) == '{"type":"pong"}'


async def _holds_the_log(live: Stack, host: LiveHost) -> None:
    """Check that the log has one line for each event, without data of clients."""
    ids = [host.connection(key) for key in ("host", "alice", "alice again")]
    expected = {
        ids[0]: ["connected", "offer", "offer"],
        ids[1]: ["connected", "join", "disconnected"],
        ids[2]: ["connected", "answer", "ice-candidate"],
    }
    found = await logged(live, host, sum(map(len, expected.values())), *ids)
    assert {
        name: [line.get("type", line["outcome"]) for line in found if line["connectionId"] == name]
        for name in ids
    } == expected
    (join,) = (line for line in found if line.get("type") == "join")
    assert (join["outcome"], join["GhostsHealed"]) == ("delivered", 2)
    # Each ghost is found by two calls.
    assert join["effects"] == {"Probe": 3, "Gone": 4, "Forget": 2, "Post": 2}
    assert {(line["level"], line["function"], line["stage"]) for line in found} == {
        ("INFO", PREFIX, "prod")
    }
    everything = "\n".join(texts(live, FUNCTION_LOG))
    assert not re.search(rf"{MARK}|192\.0\.2|127\.0\.0\.1|playerId|payload", everything)


def test_the_canary_plays_a_handshake_where_it_is_deployed(live: Stack) -> None:
    """The deployed canary connects with the zip's own client and plays a whole handshake."""
    client = live.aws.client("lambda")
    answer = client.invoke(FunctionName=f"{PREFIX}-canary", Payload=b"{}")
    result = json.loads(answer["Payload"].read())
    assert (result["passed"], result["step"]) == (True, "both leave")


@pytest.mark.nightly
async def test_a_version_is_rolled_back_under_open_connections(live: Stack, host: LiveHost) -> None:
    """Code and setting change at once, and go back at once; open connections stay open."""
    game = f"{GAME}-2"
    assert await host.connect("host", query_of("HOST", game, None)) == 101
    assert await host.connect("alice", query_of(ALICE, game, None)) == 101
    connection = host.connection("alice")
    await host.say("alice", '{"type":"offer","targetId":"HOST"}')
    assert _said(await host.hear("host")) == ("offer", ALICE, None)
    # The change of code ends the process, which may not have written its log line yet.
    await logged(live, host, 2, connection)
    log = live.workspace.root / "lambda_app" / "log.py"
    text = log.read_text(encoding="utf-8")
    assert text.count('"poker-signal"') == 1
    log.write_text(text.replace('"poker-signal"', '"another-namespace"'), encoding="utf-8")

    said = await asyncio.to_thread(
        live.workspace.apply, "-var=topology=star", LATER_OFF, "-var=canary={enabled=false}"
    )

    changed = set(re.findall(r"(\S+) will be updated in-place", said))
    assert {name.removeprefix("module.signaling.") for name in changed} >= {
        *("aws_lambda_alias.live", "aws_lambda_function.this"),
    }
    replaced = re.findall(r"(\S+) must be replaced", said)
    assert replaced == ["module.signaling.aws_lambda_runtime_management_config.this"]
    await host.say("alice", '{"type":"offer","targetId":"HOST"}')
    assert json.loads(await host.hear("alice"))["payload"]["code"] == "NOT_ALLOWED"

    # In an incident only the alias is changed; the rest of the plan can wait.
    alias = "-target=module.signaling.aws_lambda_alias.live"
    rollback = ("-var=topology=star", "-var=live_version=1", LATER_OFF, alias)
    said = await asyncio.to_thread(live.workspace.apply, *rollback)
    assert "0 added, 1 changed, 0 destroyed" in said
    await host.say("alice", '{"type":"offer","targetId":"HOST"}')
    assert _said(await host.hear("host")) == ("offer", ALICE, None)
    assert [
        line["_aws"]["CloudWatchMetrics"][0]["Namespace"]
        for line in await logged(live, host, 4, connection)
        if line["_aws"]["CloudWatchMetrics"]
    ] == ["poker-signal", "poker-signal"]
    log.write_text(text, encoding="utf-8")


@pytest.mark.nightly
@pytest.mark.usefixtures("star")
@pytest.mark.parametrize("name", STAR)
async def test_a_transcript_in_a_star_is_the_same_where_it_is_deployed(
    name: str, host: LiveHost
) -> None:
    """A transcript in a star is byte for byte as on the other hosts of tests/signaling."""
    await hold(STAR[name], host)
