"""Where the emulator differs from API Gateway on purpose, as far as no other test shows it."""

from urllib.parse import urlsplit

from tests.conformance.harness import Api, Serve
from tests.support.client import hear_text as hear


async def test_the_domain_name_carries_the_port(api: Api) -> None:
    """Handlers make callback URLs of `domainName` and `stage`: they have to work here, too."""
    async with api.client():
        event = await api.script.called("connect")
    parts = urlsplit(api.url)
    assert event["requestContext"]["domainName"] == parts.netloc
    assert event["headers"]["Host"] == parts.hostname


async def test_the_domain_name_is_whatever_it_is_set_to(serve: Serve) -> None:
    """Who wants it exactly as on AWS can have it."""
    api = await serve(domain_name="cards.example")
    async with api.client():
        event = await api.script.called("connect")
    assert event["requestContext"]["domainName"] == event["headers"]["Host"] == "cards.example"


async def test_a_client_with_too_many_invocations_has_to_wait(serve: Serve) -> None:
    """One client cannot start threads without end, and others do not notice."""
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
