"""Intended differences from API Gateway that no other test shows."""

from urllib.parse import urlsplit

from tests.conformance.harness import Serve
from tests.support.client import hear_text as hear


async def test_the_domain_name_carries_the_port(serve: Serve) -> None:
    """`domainName` and `Host` have the port, for callback URLs, unless `domain_name` is set."""
    for name in (None, "cards.example"):
        api = await serve(domain_name=name)
        assert (await api.handshake()).status == 101
        event = await api.script.called("connect")
        told = event["requestContext"]["domainName"], event["headers"]["Host"]
        here = name or urlsplit(api.url).netloc
        assert told == (here, here)


async def test_a_client_with_too_many_invocations_has_to_wait(serve: Serve) -> None:
    """A client at its limit of invocations has to wait, while others are served."""
    api = await serve(max_in_flight=2)
    gate = api.script.stalling("join")
    async with api.client() as busy, api.client() as other:
        for _ in range(2):
            await busy.send('{"action":"join"}')
            await api.script.called("join")
        await busy.send('{"action":"join"}')
        for text in ('{"action":"echo"}', '{"action":"echo","again":true}'):
            await other.send(text)
            assert await hear(other) == text
        assert len(api.script.events("join")) == 2
        gate.set()
        await api.script.called("join")
