"""The event of `$connect`."""

import json
import re
import time
from collections.abc import Generator
from datetime import UTC, datetime

import pytest

from tests.conformance.handlers import Event
from tests.conformance.harness import Api, Serve
from tests.conformance.items import item

ID = re.compile("[A-Za-z0-9_-]{15}=")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


async def connect_event(api: Api, query: str = "", headers: dict[str, str] | None = None) -> Event:
    """Return the event of a handshake."""
    answer = await api.handshake(query, headers or {})
    assert answer.status == 101
    return await api.script.called("connect")


@item("CONFIRMED", "2.1", "integration requests")
async def test_023_it_says_what_it_is(api: Api) -> None:
    """The event has `routeKey` `$connect`, `eventType` CONNECT and `messageDirection` IN."""
    context = (await connect_event(api))["requestContext"]
    told = context["routeKey"], context["eventType"], context["messageDirection"]
    assert told == ("$connect", "CONNECT", "IN")


@item("CONFIRMED", "2.1")
async def test_024_what_does_not_apply_is_left_out(api: Api) -> None:
    """A `$connect` event has no body, no message id, and no null values."""
    event = await connect_event(api)
    assert "body" not in event
    assert "messageId" not in event["requestContext"]
    assert "null" not in json.dumps(event)


@item("CONFIRMED", "1.6")
async def test_025_without_a_query_string_there_are_no_parameters(api: Api) -> None:
    """Without a query string, both maps of parameters are absent."""
    event = await connect_event(api)
    assert not event.keys() & {"queryStringParameters", "multiValueQueryStringParameters"}


@item("REPORTED", "1.6")
async def test_026_of_a_repeated_parameter_the_last_value_counts(api: Api) -> None:
    """If a parameter repeats, the simple map has the last value, the other map all in order."""
    event = await connect_event(api, "?x=1&x=2")
    assert event["queryStringParameters"] == {"x": "2"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}


@pytest.mark.parametrize(
    ("sent", "seen"),
    [("a%20b", "a b"), ("Zo%C3%AB", "Zoë"), ("a%2526", "a%26")],
    ids=["space", "unicode", "once"],
)
@item("REPORTED", "1.6", "known issues", but="for REST APIs")
async def test_027_parameters_are_decoded(api: Api, sent: str, seen: str) -> None:
    """Percent-encoding in parameters is decoded once."""
    event = await connect_event(api, f"?q={sent}")
    assert event["queryStringParameters"] == {"q": seen}


@pytest.mark.parametrize("query", ["?flag", "?flag="], ids=["bare", "equals"])
@item("UNKNOWN", "1.6")
async def test_028_a_parameter_without_a_value_is_empty(api: Api, query: str) -> None:
    """A parameter without a value is an empty string."""
    event = await connect_event(api, query)
    assert event["queryStringParameters"] == {"flag": ""}
    assert event["multiValueQueryStringParameters"] == {"flag": [""]}


@item("CONFIRMED", "2.4")
async def test_029_headers_keep_their_casing(api: Api) -> None:
    """Header names keep the letter case that the client sent, in both maps."""
    sent = {"x-lower": "1", "X-UPPER": "2", "Cookie": "seat=3", "AuThOrIzAtIoN": "me"}
    event = await connect_event(api, headers=sent)
    for name, value in sent.items():
        assert event["headers"][name] == value
        assert event["multiValueHeaders"][name] == [value]
    assert event["headers"].keys() == event["multiValueHeaders"].keys()


@item("CONFIRMED", "2.4")
async def test_030_hop_by_hop_headers_are_removed(api: Api) -> None:
    """The headers Connection, Upgrade and Content-Length are removed."""
    event = await connect_event(api, headers={"Content-Length": "0"})
    for headers in event["headers"], event["multiValueHeaders"]:
        assert not {name.lower() for name in headers} & {"connection", "upgrade", "content-length"}


@item("CONFIRMED", "2.4")
async def test_031_the_gateway_adds_where_the_request_came_from(api: Api) -> None:
    """Headers with the client's address, port 443, https and a trace id are added."""
    headers = (await connect_event(api))["headers"]
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert (headers["X-Forwarded-Port"], headers["X-Forwarded-Proto"]) == ("443", "https")
    assert re.fullmatch("Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["X-Amzn-Trace-Id"])


@item("CONFIRMED", "2.1")
async def test_032_a_user_agent_is_told_only_if_there_is_one(api: Api) -> None:
    """`identity` always has the source address, and a user agent only if the client sent one."""
    event = await connect_event(api)
    assert event["requestContext"]["identity"] == {"sourceIp": "127.0.0.1"}
    event = await connect_event(api, headers={"User-Agent": "Phone/1.0"})
    identity = event["requestContext"]["identity"]
    assert identity == {"sourceIp": "127.0.0.1", "userAgent": "Phone/1.0"}


@item("CONFIRMED", "2.1")
async def test_033_the_request_has_one_id_under_two_names(api: Api) -> None:
    """`requestId` and `extendedRequestId` are equal."""
    context = (await connect_event(api))["requestContext"]
    assert context["requestId"] == context["extendedRequestId"]


@item("CONFIRMED", "2.6")
async def test_034_ids_look_like_the_real_ones(api: Api) -> None:
    """Connection and request ids are 15 URL-safe characters and an equals sign."""
    context = (await connect_event(api))["requestContext"]
    assert ID.fullmatch(context["connectionId"])
    assert ID.fullmatch(context["requestId"])


@item("CONFIRMED", "2.1")
async def test_035_times_are_milliseconds(serve: Serve) -> None:
    """`connectedAt` and `requestTimeEpoch` are whole milliseconds, close to each other."""
    before_ms = time.time_ns() // 1_000_000
    for api in (await serve(real_time=True), await serve()):
        context = (await connect_event(api))["requestContext"]
        connected_at, requested_at = context["connectedAt"], context["requestTimeEpoch"]
        assert type(connected_at) is type(requested_at) is int
        if api.clock.now_ms() < before_ms:
            # Only with the virtual clock: on a busy machine real times may be far apart.
            assert 0 <= requested_at - connected_at < 1000
        else:
            assert before_ms <= connected_at <= requested_at <= time.time_ns() // 1_000_000


@pytest.fixture
def zone(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Generator[None, None, None]:
    """Set the machine's time zone to the parameter."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "days"),
    [("UTC0", 17), ("Asia/Kolkata", 50), ("America/St_Johns", 200)],
    indirect=["zone"],
)
@item("CONFIRMED", "2.1")
async def test_036_the_request_time_is_utc(zone: None, days: int, api: Api) -> None:
    """`requestTime` is `requestTimeEpoch` in the format of access logs, always in UTC."""
    for _ in MONTHS:
        api.clock.advance(days * 86_400)
        context = (await connect_event(api))["requestContext"]
        moment = datetime.fromtimestamp(context["requestTimeEpoch"] // 1000, UTC)
        expected = f"{moment:%d}/{MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"
        assert context["requestTime"] == expected


@item("REPORTED", "2.1")
async def test_037_stage_variables_are_told_only_if_there_are_any(serve: Serve) -> None:
    """`stageVariables` has the variables of the stage, and is absent if there are none."""
    assert "stageVariables" not in await connect_event(await serve())
    event = await connect_event(await serve(stage_variables={"table": "seats"}))
    assert event["stageVariables"] == {"table": "seats"}
