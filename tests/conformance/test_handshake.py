"""The WebSocket handshake: accepted clients, and the answers to refused ones."""

import asyncio
import base64
import hashlib
import uuid
from typing import Any

import pytest

from poker_signal.emulator.gateway.config import FunctionConfig
from tests.conformance.harness import FUNCTIONS, Api, Endpoint, Serve, routes_without
from tests.conformance.items import item
from tests.support.client import hear_text as hear
from tests.support.frames import TEXT, upgrade_headers


@item("CONFIRMED", "1.2")
async def test_001_a_valid_upgrade_is_answered_with_101(endpoint: Endpoint) -> None:
    """A valid upgrade that `$connect` accepts becomes a 101 with the right accept hash."""
    headers = upgrade_headers()
    answer = await endpoint.handshake(headers=headers)
    salted = headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    digest = hashlib.sha1(salted.encode()).digest()
    assert answer.status == 101
    assert answer.headers["Sec-WebSocket-Accept"] == base64.b64encode(digest).decode()


@item("CONFIRMED", "1.1", "deployment")
async def test_002_a_slash_after_the_stage_changes_nothing(endpoint: Endpoint) -> None:
    """`/{stage}/` is the same as `/{stage}`."""
    assert (await endpoint.handshake(path=f"{endpoint.path}/")).status == 101


@item("CONFIRMED", "1.2", "$connect and $disconnect")
async def test_003_nothing_is_answered_before_connect_has_returned(api: Api) -> None:
    """The client gets no byte before `$connect` has returned."""
    gate = api.script.stalling("connect")
    async with api.wire() as wire, api.wire() as other:
        wire.send_request(api.path, headers=upgrade_headers())
        await api.script.called("connect")
        first_byte = asyncio.ensure_future(wire.reader.readexactly(1))
        for _ in range(3):
            assert (await other.ask("/")).status == 403
        assert not first_byte.done()
        gate.set()
        async with asyncio.timeout(30):
            assert await first_byte == b"H"


@item("CONFIRMED", "1.2", "$connect and $disconnect")
async def test_004_without_a_connect_route_everybody_is_let_in(serve: Serve) -> None:
    """Without a `$connect` route, clients can connect and no function is called for it."""
    api = await serve(routes=routes_without("$connect"))
    async with api.client() as client:
        await client.send('{"action":"echo"}')
        await hear(client)
    assert api.script.calls[0].function == "echo"


@item("REPORTED", "1.2")
async def test_005_connect_may_return_201(api: Api) -> None:
    """A 201 from `$connect` accepts a client, as 200 does."""
    api.script.returning("connect", {"statusCode": 201})
    assert (await api.handshake()).status == 101


@item("CONFIRMED", "1.5", "subprotocols")
async def test_006_connect_refuses_with_400(endpoint: Endpoint) -> None:
    """If `$connect` returns 400, the client gets 400."""
    assert (await endpoint.handshake("")).status == 400


@pytest.mark.parametrize("status", [301, 304, 401, 501])
@item("REPORTED", "1.5", but="only for 301, 400, 401 and 501")
async def test_007_connect_refuses_with_any_status(api: Api, status: int) -> None:
    """The client also gets any other status from 300 to 599 that `$connect` returns."""
    api.script.returning("connect", {"statusCode": status, "body": "no"})
    assert (await api.handshake()).status == status


@item("REPORTED", "1.5", "Lambda errors", but="the status is reported by users")
async def test_008_a_connect_that_raises_is_a_502(api: Api) -> None:
    """If the function of `$connect` fails, the client gets 502 and `Internal server error`."""
    api.script.raising("connect", "no table")
    answer = await api.handshake()
    assert (answer.status, answer.body) == (502, b'{"message": "Internal server error"}')


@pytest.mark.parametrize(
    "value",
    [
        *(None, "ok", [], {}, {"statusCode": None}, {"status": 200}, {"statusCode": 99}),
        {"statusCode": 101},
        {"statusCode": 200, "unknown": 1},
        {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "two\nlines"}},
    ],
    ids=[
        *("none", "text", "list", "empty", "null", "misspelt", "out-of-range"),
        *("101", "unknown-member", "broken-subprotocol"),
    ],
)
@item("UNKNOWN", "1.5")
async def test_009_a_connect_without_a_status_is_a_502(api: Api, value: object) -> None:
    """If `$connect` returns no status code, or an invalid response, the client gets 502."""
    api.script.on("connect", lambda event: value)
    assert (await api.handshake()).status == 502


@item("CONFIRMED", "1.5", "Lambda errors")
async def test_010_a_connect_that_must_not_be_invoked_is_a_500(serve: Serve) -> None:
    """Without permission to invoke the function of `$connect`, the client gets 500."""
    forbidden = FunctionConfig(handler=FUNCTIONS["connect"].handler, invoke_permission=False)
    api = await serve(functions={**FUNCTIONS, "connect": forbidden})
    assert (await api.handshake()).status == 500
    assert api.script.calls == []


@item("UNKNOWN", "1.5")
async def test_011_a_connect_that_takes_too_long_is_a_504(api: Api) -> None:
    """If `$connect` takes 29 seconds, the client gets 504 and `Endpoint request timed out`."""
    api.script.stalling("connect")
    async with api.wire() as wire:
        wire.send_request(api.path, headers=upgrade_headers())
        await api.script.called("connect")
        api.clock.advance(29)
        answer = await wire.answer()
    assert (answer.status, answer.body) == (504, b'{"message":"Endpoint request timed out"}')


@item("REPORTED", "1.5")
async def test_012_an_unknown_stage_is_forbidden(endpoint: Endpoint) -> None:
    """An unknown stage is answered with 403 `Forbidden` and the error header of AWS's SDKs."""
    answer = await endpoint.handshake(path="/no-such-stage")
    assert (answer.status, answer.body) == (403, b'{"message":"Forbidden"}')
    assert answer.headers["x-amzn-ErrorType"] == "ForbiddenException"


@pytest.mark.parametrize("below", ["", "/", "/deeper"], ids=["stage", "slash", "deeper"])
@item("REPORTED", "1.5")
async def test_013_a_plain_request_is_told_to_upgrade(endpoint: Endpoint, below: str) -> None:
    """A GET without an upgrade to WebSocket is answered with 426."""
    async with endpoint.wire() as wire:
        assert (await wire.ask(endpoint.path + below)).status == 426


@pytest.mark.parametrize("refusal", ["connect", "stage"])
@item("REPORTED", "1.5")
async def test_014_every_refusal_has_a_request_id(endpoint: Endpoint, refusal: str) -> None:
    """A refusal has a UUID as `x-amzn-RequestId`."""
    path = endpoint.path if refusal == "connect" else "/no-such-stage"
    answer = await endpoint.handshake("", path=path)
    request_id = answer.headers["x-amzn-RequestId"]
    assert str(uuid.UUID(request_id)) == request_id


@item("UNKNOWN", "1.5")
async def test_015_a_refused_client_never_disconnects(api: Api) -> None:
    """A refused client causes no `$disconnect`."""
    api.script.returning("connect", {"statusCode": 403})
    assert (await api.handshake()).status == 403
    api.script.raising("connect", "no table")
    assert (await api.handshake()).status == 502
    api.script.returning("connect", {"statusCode": 200})
    async with api.client():
        pass
    event = await api.script.called("disconnect")
    established = api.script.events("connect")[2]["requestContext"]["connectionId"]
    assert event["requestContext"]["connectionId"] == established


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [({"throttle_rate": 2}, 2), ({"enforce_new_connection_rate": True}, 500)],
    ids=["requests", "new-connections"],
)
@item("CONFIRMED", "1.5", "throttling", but="which handshakes count is our default")
async def test_016_too_many_handshakes_are_429(
    serve: Serve, settings: dict[str, Any], allowed: int
) -> None:
    """Above the rate of requests or of new connections, clients get 429 for a while."""
    core = FunctionConfig(handler="core")
    api = await serve(functions=dict.fromkeys(FUNCTIONS, core), **settings)
    async with api.wire() as wire:
        for _ in range(allowed):
            assert (await wire.upgrade(api.path)).status == 400
        assert (await wire.upgrade(api.path)).status == 429
        api.clock.advance(1)
        assert (await wire.upgrade(api.path)).status == 400


@item("CONFIRMED", "1.3", "subprotocols")
async def test_017_connect_chooses_the_subprotocol(api: Api) -> None:
    """The 101 has the subprotocol that `$connect` returns as a header."""
    api.script.on(
        "connect", lambda event: {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "b"}}
    )
    answer = await api.handshake(headers={"Sec-WebSocket-Protocol": "a,b"})
    event = await api.script.called("connect")
    assert event["headers"]["Sec-WebSocket-Protocol"] == "a,b"
    assert answer.headers.get_all("Sec-WebSocket-Protocol") == ["b"]


@item("CONFIRMED", "1.3", "subprotocols")
async def test_018_a_subprotocol_that_nobody_chose_is_not_confirmed(endpoint: Endpoint) -> None:
    """If `$connect` returns no subprotocol, the 101 has none."""
    answer = await endpoint.handshake(headers={"Sec-WebSocket-Protocol": "a, b"})
    assert answer.status == 101
    assert "Sec-WebSocket-Protocol" not in answer.headers


@item("REPORTED", "1.2")
async def test_019_nothing_else_that_connect_returns_is_seen(api: Api) -> None:
    """An accepted client gets neither other headers nor the body that `$connect` returns."""
    headers = {"Set-Cookie": "a=b", "X-Secret": "1", "Content-Type": "text/plain"}
    api.script.returning("connect", {"statusCode": 200, "headers": headers, "body": "welcome"})
    async with api.wire() as wire:
        answer = await wire.upgrade(api.path)
        assert answer.status == 101
        assert not {name.lower() for name in headers} & {name.lower() for name in answer.headers}
        wire.send_frame(TEXT, b'{"action":"echo"}')
        assert await wire.frame() == (TEXT, b'{"action":"echo"}')


@pytest.mark.parametrize("offer", ["", "; client_max_window_bits"], ids=["bare", "browser"])
@item("CONFIRMED", "1.4", but="only once, and with other parameters")
async def test_020_compression_is_accepted(endpoint: Endpoint, serve: Serve, offer: str) -> None:
    """permessage-deflate is negotiated, unless `--no-permessage-deflate` is given."""
    headers = {"Sec-WebSocket-Extensions": f"permessage-deflate{offer}"}
    answer = await endpoint.handshake(headers=headers)
    assert answer.headers["Sec-WebSocket-Extensions"] == "permessage-deflate"
    if not endpoint.is_foreign:
        api = await serve(permessage_deflate=False)
        assert "Sec-WebSocket-Extensions" not in (await api.handshake(headers=headers)).headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "nonsense"])
@item("CONFIRMED", "1.6")
async def test_021_any_origin_is_let_in(endpoint: Endpoint, origin: str) -> None:
    """Every Origin is accepted, unless `$connect` refuses it; here with `--allowed-origins '*'`."""
    answer = await endpoint.handshake(headers={"Origin": origin})
    assert answer.status == 101


@item("CONFIRMED", "7", "quotas", but="the answer is our default")
async def test_022_a_url_above_4096_characters_is_refused(endpoint: Endpoint) -> None:
    """A URL of 4096 characters is accepted; a longer one is refused."""
    query = f"{endpoint.query}&more="
    query += "x" * (4096 - len(endpoint.path + query))
    assert (await endpoint.handshake(query)).status == 101
    assert (await endpoint.handshake(query + "x")).status in range(400, 500)
