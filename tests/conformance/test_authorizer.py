"""REQUEST authorizers, which are called once per connection."""

import pytest

from poker_signal.emulator.gateway.config import AuthorizerConfig
from tests.conformance.handlers import Event, policy
from tests.conformance.harness import AUTHORIZER, Api, Serve, assert_echo
from tests.conformance.items import item

SOURCES = ("route.request.header.Auth", "route.request.querystring.token")


@pytest.fixture
async def guarded(serve: Serve) -> Api:
    """Return an API whose authorizer needs no identity source."""
    return await serve(authorizer=AUTHORIZER)


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?token=t", {}), ("", {"Auth": "a"}), ("?token=", {"Auth": "a"}), ("?token=t", {"Auth": ""})],
    ids=["no-header", "no-parameter", "empty-parameter", "empty-header"],
)
@item("CONFIRMED", "8.2", "Lambda authorizers")
async def test_038_without_an_identity_nobody_is_asked(
    serve: Serve, query: str, headers: dict[str, str]
) -> None:
    """If an identity source is missing or empty, the client gets 401 without an authorizer call."""
    sources = AuthorizerConfig(function="authorizer", identity_sources=list(SOURCES))
    api = await serve(authorizer=sources)
    assert (await api.handshake(query, headers)).status == 401
    assert (await api.handshake("?token=good", {"auth": "a"})).status == 101
    (event,) = api.script.events("authorizer")
    assert event["queryStringParameters"] == {"token": "good"}


@item("CONFIRMED", "1.5", "Lambda authorizers of REST APIs")
async def test_039_unauthorized_is_a_401(guarded: Api) -> None:
    """If the authorizer raises exactly `Unauthorized`, the client gets 401."""
    guarded.script.raising("authorizer", "Unauthorized")
    assert (await guarded.handshake()).status == 401


def _denied(event: Event) -> object:
    return policy(event, "Deny")


def _allowed_elsewhere(event: Event) -> object:
    return policy({"methodArn": event["methodArn"].replace("/prod/", "/test/")})


def _allowed_and_denied(event: Event) -> object:
    everything = {"Action": "*", "Resource": "arn:aws:execute-api:*"}
    statements = [{**everything, "Effect": effect} for effect in ("Allow", "Deny")]
    return {"principalId": "user-1", "policyDocument": {"Statement": statements}}


@pytest.mark.parametrize(
    "behaviour",
    [_denied, _allowed_elsewhere, _allowed_and_denied],
    ids=["deny", "another-stage", "both"],
)
@item("CONFIRMED", "1.5", "$connect and $disconnect")
async def test_040_who_is_not_allowed_gets_403(guarded: Api, behaviour: object) -> None:
    """If the policy denies this connection, or does not allow it, the client gets 403."""
    assert callable(behaviour)
    guarded.script.on("authorizer", behaviour)
    assert (await guarded.handshake()).status == 403
    assert guarded.script.events("connect") == []


def _raises(event: Event) -> object:
    raise RuntimeError("unauthorized")


@pytest.mark.parametrize(
    "behaviour",
    [
        _raises,
        lambda event: None,
        lambda event: "Unauthorized",
        lambda event: {"statusCode": 401},
        lambda event: {"principalId": "me", "policyDocument": {}},
        lambda event: policy(event, "allow"),
        lambda event: policy(event, context={"roles": ["player"]}),
        lambda event: policy(event, context={"seat": {"number": 3}}),
        lambda event: policy(event, context={"long": "x" * 8192}),
    ],
    ids=[
        *("raises", "nothing", "text", "response", "no-statement", "no-such-effect"),
        *("list-in-context", "object-in-context", "above-8-kib"),
    ],
)
@item("REPORTED", "1.5", but="documented for REST APIs")
async def test_041_a_broken_authorizer_is_a_500(guarded: Api, behaviour: object) -> None:
    """After any other error, or an invalid answer, of the authorizer the client gets 500."""
    assert callable(behaviour)
    guarded.script.on("authorizer", behaviour)
    assert (await guarded.handshake()).status == 500
    assert guarded.script.events("connect") == []


@item("CONFIRMED", "2.3", "Lambda authorizers")
async def test_042_the_authorizer_sees_the_whole_request(guarded: Api) -> None:
    """An authorizer's event has a type, the ARN of `$connect`, and also hop-by-hop headers."""
    await guarded.handshake(headers={"X-Seat": "3"})
    event = await guarded.script.called("authorizer")
    assert event["type"] == "REQUEST"
    assert event["methodArn"].startswith("arn:aws:execute-api:us-west-2:123456789012:")
    assert event["methodArn"].endswith(f"{event['requestContext']['apiId']}/prod/$connect")
    hop_by_hop = {"Connection": "upgrade", "Upgrade": "websocket", "content-length": "0"}
    assert event["headers"].items() >= ({"X-Seat": "3"} | hop_by_hop).items()
    assert event["headers"].keys() == event["multiValueHeaders"].keys()
    assert not event.keys() & {"body", "isBase64Encoded", "pathParameters"}


@item("CONFIRMED", "2.1", "Lambda authorizers")
async def test_043_the_authorizer_always_sees_stage_variables(guarded: Api) -> None:
    """In an authorizer's event, `stageVariables` is an empty object if the stage has none."""
    await guarded.handshake()
    assert (await guarded.script.called("authorizer"))["stageVariables"] == {}


@item("CONFIRMED", "8.2", "model")
async def test_044_the_authorizer_is_asked_every_time(guarded: Api) -> None:
    """The authorizer is called for every handshake; its answers are not cached."""
    for _ in range(3):
        assert (await guarded.handshake("?token=same")).status == 101
    assert len(guarded.script.events("authorizer")) == 3


@item("CONFIRMED", "8.3", "$context")
async def test_045_connect_sees_what_the_authorizer_said(guarded: Api) -> None:
    """`$connect` gets the authorizer's context as strings, its principal, and its latency."""
    context = {"seat": 3, "stake": 2.5, "host": True, "name": "Zoë"}
    guarded.script.on("authorizer", lambda event: policy(event, context=context))
    assert (await guarded.handshake()).status == 101
    told = (await guarded.script.called("connect"))["requestContext"]["authorizer"]
    latency_ms = told.pop("integrationLatency")
    assert type(latency_ms) is int
    assert told == {
        "principalId": "user-1",
        **{"seat": "3", "stake": "2.5", "host": "true", "name": "Zoë"},
    }


@item("CONFIRMED", "8.3")
async def test_046_later_events_repeat_it_without_the_latency(guarded: Api) -> None:
    """Events of messages and of the disconnect have that authorizer object without the latency."""
    guarded.script.on("authorizer", lambda event: policy(event, context={"seat": 3}))
    async with guarded.client() as client:
        await client.send("hello")
        message = await guarded.script.called("default")
    disconnect = await guarded.script.called("disconnect")
    for event in message, disconnect:
        assert event["requestContext"]["authorizer"] == {"principalId": "user-1", "seat": "3"}


@item("CONFIRMED", "8.1", "$connect and $disconnect")
async def test_047_open_connections_are_not_judged_again(guarded: Api) -> None:
    """An open connection stays open when the authorizer would refuse it now."""
    async with guarded.client() as client:
        guarded.script.on("authorizer", _denied)
        assert (await guarded.handshake()).status == 403
        await assert_echo(client)


async def test_a_throttled_handshake_asks_no_authorizer(serve: Serve) -> None:
    """A throttled handshake invokes neither the authorizer nor `$connect`."""
    api = await serve(authorizer=AUTHORIZER, throttle_rate=1)
    assert [(await api.handshake()).status for _ in range(2)] == [101, 429]
    assert [call.function for call in api.script.calls[:2]] == ["authorizer", "connect"]
    assert len(api.script.events("authorizer")) == 1
