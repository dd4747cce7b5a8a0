"""Who connects, who says what, and who must hear what: the same bytes on every host."""

from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager

import pytest

from poker_signal.core.rules import Rules
from tests.signaling.hosts import core_host, event_host, lambda_host
from tests.signaling.sockets import Host
from tests.signaling.transcripts import CASES, Step, hold
from tests.support.dynamodb import moto_server

HOSTS: dict[str, Callable[..., AbstractAsyncContextManager[Host]]] = {
    "core": core_host,
    "lambda": lambda_host,
    "events": event_host,
}


@pytest.fixture(scope="module")
def endpoint() -> Generator[str, None, None]:
    """A DynamoDB for all transcripts: each plays in games of its own."""
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture(params=HOSTS, autouse=True)
def make_host(
    request: pytest.FixtureRequest,
) -> Callable[[Rules, str], AbstractAsyncContextManager[Host]]:
    """Each host in turn."""
    return HOSTS[request.param]


@pytest.mark.parametrize(
    ("rules", "steps"), [case[::2] for case in CASES], ids=[case[1] for case in CASES]
)
async def test_a_transcript_is_the_same_on_every_host(
    rules: Rules,
    steps: list[Step],
    make_host: Callable[[Rules, str], AbstractAsyncContextManager[Host]],
    endpoint: str,
) -> None:
    """Byte for byte; and nobody hears anything that is not in it."""
    async with make_host(rules, endpoint) as host:
        await hold(steps, host)
