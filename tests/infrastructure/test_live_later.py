"""Notes that come back to the deployed zip, by MiniStack's own SQS and its event source."""

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from poker_signal.core.later import text_of
from poker_signal.core.messages import KEEPALIVE
from poker_signal.core.model import ConnectionId, Lobby
from tests.infrastructure.checks import LATER
from tests.infrastructure.live import LiveHost, deployed, until
from tests.infrastructure.stack import Stack
from tests.infrastructure.tools import Mirror
from tests.support.client import query_of

pytestmark = [
    *(pytest.mark.aws, pytest.mark.timeout(600)),
    pytest.mark.random_order(disabled=True),
]

JOIN = '{"type":"join","senderId":"Alice","payload":{"playerName":"Alice"}}'


@pytest.fixture(scope="module")
def live(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack, None, None]:
    """Yield the module deployed to MiniStack with its defaults."""
    with deployed(tmp_path_factory.mktemp("live"), mirror) as stack:
        yield stack


@pytest_asyncio.fixture
async def host(live: Stack) -> AsyncGenerator[LiveHost, None]:
    """Yield the deployed module, with a host that has connected."""
    async with AsyncExitStack() as clients:
        host = LiveHost(live, clients)
        assert await host.connect("host", query_of("HOST", "4711", None)) == 101
        yield host


async def test_a_join_without_an_offer_is_delivered_again(live: Stack, host: LiveHost) -> None:
    """The host hears the same join again until it has made an offer and got an answer."""
    assert await host.connect("alice", query_of("Alice", "4711", None)) == 101
    await host.say("alice", '{"type":"join","payload":{"playerName":"Alice"}}')
    assert [await host.hear("host") for _ in range(2)] == [JOIN, JOIN]
    await host.say("host", '{"type":"offer","targetId":"Alice"}')
    assert json.loads(await host.hear("alice"))["type"] == "offer"
    await host.say("alice", '{"type":"answer","targetId":"HOST"}')
    heard = JOIN
    while heard == JOIN:
        heard = await host.hear("host")
    assert json.loads(heard)["type"] == "answer"
    # The next look finds both, and plans no other: only the note of the lobby is left.
    await until(lambda: waiting(live) == 1)


async def test_a_lobby_is_kept_open(live: Stack, host: LiveHost) -> None:
    """A lobby's note is in the queue from the connect on; when it is due the host hears it."""
    assert waiting(live) >= 1
    connection = ConnectionId(host.connection("host"))
    body = {"endpoint": "", "note": json.loads(text_of(Lobby(connection)))}
    # The note of the connect is due in nine minutes.
    live.aws.client("sqs").send_message(
        QueueUrl=live.queue_url(LATER), DelaySeconds=1, MessageBody=json.dumps(body)
    )
    assert await host.hear("host") == KEEPALIVE


def waiting(stack: Stack) -> int:
    """Return the number of notes in the queue, due or not."""
    found = stack.queue(LATER)
    kinds = ("", "Delayed", "NotVisible")
    return sum(int(found[f"ApproximateNumberOfMessages{kind}"]) for kind in kinds)
