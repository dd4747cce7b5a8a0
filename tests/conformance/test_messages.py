"""Messages: their routes, the events of the functions, and the answers to the client."""

import re
from typing import Any

import pytest

from poker_signal.emulator.gateway.config import RouteConfig
from tests.conformance.handlers import Event
from tests.conformance.harness import ECHO, Api, Serve, assert_echo, routes_without
from tests.conformance.items import item
from tests.support.client import hear_text as hear


def error_frame(event: Event, message: str) -> str:
    """Return the frame that a client gets after a failed invocation."""
    context = event["requestContext"]
    return (
        f'{{"message": "{message}", "connectionId":"{context["connectionId"]}", '
        f'"requestId":"{context["requestId"]}"}}'
    )


async def route_of(api: Api, text: str, function: str) -> str:
    """Send a message that a function must get; return the route key in its event."""
    async with api.client() as client:
        await client.send(text)
        event = await api.script.called(function)
    assert event["body"] == text
    return str(event["requestContext"]["routeKey"])


@pytest.mark.parametrize(
    "text",
    ['{"action":"join"}', ' { "action" :\t"join", "name": "Zoë \\ud83c\\udca1" }\n'],
    ids=["plain", "spaces-and-escapes"],
)
@item("CONFIRMED", "3.1", "routes")
async def test_048_a_message_reaches_the_route_it_names(api: Api, text: str) -> None:
    """A message goes to the route it names, and its function gets the text exactly as sent."""
    assert await route_of(api, text, "join") == "join"


@item("CONFIRMED", "2.1")
async def test_049_a_message_event_has_no_headers_and_no_query(serve: Serve) -> None:
    """The event has context, body, `isBase64Encoded`, and stage variables if there are any."""
    usual = {"requestContext", "body", "isBase64Encoded"}
    for variables, keys in [({}, usual), ({"table": "seats"}, usual | {"stageVariables"})]:
        api = await serve(stage_variables=variables)
        async with api.client("?x=1") as client:
            await client.send("hello")
            event = await api.script.called("default")
        assert event.keys() == keys
        assert event["isBase64Encoded"] is False


@item("CONFIRMED", "2.1", "$context")
async def test_050_every_message_has_an_id(api: Api) -> None:
    """Each message has its own `messageId`, which differs from the request id."""
    async with api.client() as client:
        ids = set()
        for text in ("one", "two", "three"):
            await client.send(text)
            context = (await api.script.called("default"))["requestContext"]
            ids |= {context["messageId"], context["requestId"]}
    assert len(ids) == 6


@item("CONFIRMED", "2.1")
async def test_051_a_message_knows_its_connection(api: Api) -> None:
    """A message has the `connectionId` and `connectedAt` of its `$connect`, however much later."""
    async with api.client() as client:
        connect = (await api.script.called("connect"))["requestContext"]
        api.clock.advance(300)
        await client.send("hello")
        message = (await api.script.called("default"))["requestContext"]
    assert message["connectionId"] == connect["connectionId"]
    assert message["connectedAt"] == connect["connectedAt"]
    assert message["requestTimeEpoch"] >= connect["requestTimeEpoch"] + 299_000


@pytest.mark.parametrize("text", ["hello", "", "join", "{'action':'join'}"])
@item("CONFIRMED", "3.1", "overview")
async def test_052_what_is_no_json_reaches_default(api: Api, text: str) -> None:
    """A message that is not JSON goes to `$default`."""
    assert await route_of(api, text, "default") == "$default"


@pytest.mark.parametrize("text", ['{"type":"join"}', "[1]", '"join"', '{"action":null}'])
@item("CONFIRMED", "3.1", "routes", but="arrays, strings and null are not mentioned")
async def test_053_what_names_no_route_reaches_default(api: Api, text: str) -> None:
    """JSON without the member that selects the route goes to `$default`."""
    assert await route_of(api, text, "default") == "$default"


@item("CONFIRMED", "3.1", "routes")
async def test_054_what_names_an_unknown_route_reaches_default(api: Api) -> None:
    """A message for an unknown route goes to `$default`, which is its `routeKey` then."""
    assert await route_of(api, '{"action":"fold"}', "default") == "$default"


@item("CONFIRMED", "3.2")
async def test_055_without_a_default_route_it_is_forbidden(serve: Serve) -> None:
    """Without `$default`, an unknown route is answered with `Forbidden`, spaced as by AWS."""
    api = await serve(routes=routes_without("$default"))
    async with api.client() as client:
        connection_id = re.escape(await api.connected())
        await client.send('{"action":"fold"}')
        expected = (
            rf'\{{"message": "Forbidden", "connectionId":"{connection_id}", '
            r'"requestId":"[A-Za-z0-9_-]{15}="\}'
        )
        assert re.fullmatch(expected, await hear(client))
        await assert_echo(client)


@item("CONFIRMED", "3.1", "routes")
async def test_056_an_expression_may_join_several_values(serve: Serve) -> None:
    """`${request.body.service}/${request.body.action}` selects `chat/join`."""
    api = await serve(
        routes=routes_without("join") | {"chat/join": RouteConfig(function="join")},
        route_selection_expression="${request.body.service}/${request.body.action}",
    )
    assert await route_of(api, '{"service":"chat","action":"join"}', "join") == "chat/join"


@item("CONFIRMED", "3.1", "routes")
async def test_057_an_expression_may_look_deeper(serve: Serve) -> None:
    """`$request.body.data.type` selects the route by a nested member."""
    api = await serve(route_selection_expression="$request.body.data.type")
    assert await route_of(api, '{"data":{"type":"join"}}', "join") == "join"


@pytest.mark.parametrize("text", ['{"action":"JOIN"}', '{"action":"Join"}', '{"ACTION":"join"}'])
@item("CONFIRMED", "3.1", "routes")
async def test_058_letter_case_matters(api: Api, text: str) -> None:
    """Route keys, and the member that selects them, are case-sensitive."""
    assert await route_of(api, text, "default") == "$default"


@pytest.mark.parametrize("key", ["$connect", "$disconnect"])
@item("UNKNOWN", "3.1")
async def test_059_clients_cannot_pretend_to_connect(api: Api, key: str) -> None:
    """A message that names `$connect` or `$disconnect` goes to `$default`."""
    assert await route_of(api, f'{{"action":"{key}"}}', "default") == "$default"
    await api.script.called("disconnect")
    assert [call.function for call in api.script.calls] == ["connect", "default", "disconnect"]


@item("CONFIRMED", "3.2")
async def test_060_a_function_that_raises_is_told(api: Api) -> None:
    """If a function fails, the client gets `Internal server error` and stays connected."""
    api.script.raising("join", "no table")
    async with api.client() as client:
        await client.send('{"action":"join"}')
        event = await api.script.called("join")
        assert await hear(client) == error_frame(event, "Internal server error")
        await assert_echo(client)


@item("CONFIRMED", "3.2")
async def test_061_a_function_that_takes_too_long_is_told(api: Api) -> None:
    """After 29 seconds, the client gets `Endpoint request timed out` and stays connected."""
    gate = api.script.stalling("echo", {"statusCode": 200, "body": "late"})
    async with api.client() as client:
        await client.send(ECHO)
        event = await api.script.called("echo")
        api.clock.advance(29)
        assert await hear(client) == error_frame(event, "Endpoint request timed out")
        gate.set()
        api.script.returning("echo", {"statusCode": 200, "body": "in time"})
        await client.send(ECHO)
        assert await hear(client) == "in time"


@item("CONFIRMED", "3.3", "route responses")
async def test_062_a_one_way_route_says_nothing(serve: Serve) -> None:
    """A one-way route sends nothing, whatever its function returns."""
    api = await serve(serial=True)
    async with api.client() as client:
        for status in (200, 404, 500):
            api.script.returning("join", {"statusCode": status, "body": "unheard"})
            await client.send('{"action":"join"}')
            await api.script.called("join")
        await assert_echo(client)


@item("CONFIRMED", "3.3", "route responses")
async def test_063_a_two_way_route_answers_with_the_body(api: Api) -> None:
    """A two-way route sends only the body, as one text frame."""
    answer = {"statusCode": 200, "headers": {"X-Seat": "3"}, "body": "Zoë sits\n{}"}
    api.script.returning("echo", answer)
    async with api.client() as client:
        await client.send(ECHO)
        assert await hear(client) == "Zoë sits\n{}"


@item("REPORTED", "3.3")
async def test_064_a_two_way_route_answers_also_with_500(api: Api) -> None:
    """A two-way route sends the body even if the status code is 500."""
    api.script.returning("echo", {"statusCode": 500, "body": "sorry"})
    async with api.client() as client:
        await client.send(ECHO)
        assert await hear(client) == "sorry"


@pytest.mark.parametrize("rest", [{}, {"body": ""}, {"body": None}], ids=["none", "empty", "null"])
@item("UNKNOWN", "3.3")
async def test_065_without_a_body_nothing_is_sent(serve: Serve, rest: dict[str, Any]) -> None:
    """A two-way route sends nothing if the body is missing or empty."""
    api = await serve(serial=True)
    api.script.returning("echo", {"statusCode": 200, **rest})
    async with api.client() as client:
        await client.send(ECHO)
        await api.script.called("echo")
        api.script.returning("echo", {"statusCode": 200, "body": "next"})
        await client.send(ECHO)
        assert await hear(client) == "next"


@pytest.mark.parametrize("function", ["join", "echo"], ids=["one-way", "two-way"])
@item("REPORTED", "3.3")
async def test_066_a_response_with_other_members_is_an_error(api: Api, function: str) -> None:
    """If a response has unknown members, the client gets `Internal server error`."""
    api.script.returning(function, {"statusCode": 200, "body": "x", "connectionId": "me"})
    async with api.client() as client:
        await client.send(f'{{"action":"{function}"}}')
        event = await api.script.called(function)
        assert await hear(client) == error_frame(event, "Internal server error")


@item("CONFIRMED", "3.4", "routes and integrations", but="AWS may do so, our default always does")
async def test_067_a_slow_message_holds_up_no_other(api: Api) -> None:
    """Messages of one client run at the same time, and each answer is sent when it is ready."""
    gate = api.script.stalling("echo", {"statusCode": 200, "body": "first"})
    async with api.client() as client:
        await client.send(ECHO)
        await api.script.called("echo")
        api.script.returning("echo", {"statusCode": 200, "body": "second"})
        await client.send(ECHO)
        assert await hear(client) == "second"
        gate.set()
        assert await hear(client) == "first"


@item("CONFIRMED", "3.2", "Lambda errors")
async def test_068_nothing_is_tried_twice(api: Api) -> None:
    """A function is invoked once per message, even if it fails."""
    api.script.raising("echo", "no table")
    async with api.client() as client:
        for body in ("1", "2", "3"):
            await client.send(f'{{"action":"echo","n":{body}}}')
            assert "Internal server error" in await hear(client)
            api.clock.advance(60)
    await api.script.called("disconnect")
    bodies = [event["body"] for event in api.script.events("echo")]
    assert bodies == [f'{{"action":"echo","n":{n}}}' for n in (1, 2, 3)]
