"""@connections: the operations of a backend on a connection."""

import json
import re
from datetime import datetime
from urllib.parse import quote, urlsplit

import boto3
import pytest

from tests.conformance.handlers import Event
from tests.conformance.harness import Api, Backend, Endpoint, Refusal, Serve, refusal_of
from tests.conformance.items import item
from tests.support.client import closed
from tests.support.client import hear_text as hear

NEVER_EXISTED = "AAAAAAAAAAICAAA="


@item("CONFIRMED", "6.2", "@connections")
async def test_088_a_post_is_one_text_message(api: Api) -> None:
    """POST is answered with 200 and no body; the client gets the bytes as one text frame."""
    async with api.wire() as wire:
        await wire.upgrade(api.path)
        path = f"{api.path}/@connections/{quote(await api.connected())}"
        for text in ("Zoë sits 🂡", "x" * 131_072):
            async with api.wire() as backend:
                answer = await backend.ask(path, "POST", body=text)
            assert (answer.status, answer.body) == (200, b"")
            assert await wire.frame() == (1, text.encode())


@pytest.mark.parametrize("at", ["@", "%40"])
@item("CONFIRMED", "6.1", "boto3")
async def test_089_the_at_sign_may_be_encoded(api: Api, at: str) -> None:
    """`@` may be written as `%40`; the id's `=` is written as `%3D`."""
    async with api.client() as client, api.wire() as backend:
        encoded = quote(await api.connected())
        assert encoded.endswith("%3D")
        answer = await backend.ask(f"{api.path}/{at}connections/{encoded}", "POST", body="hello")
        assert answer.status == 200
        assert await hear(client) == "hello"


@item("CONFIRMED", "6.2", "model")
async def test_090_a_connection_can_be_asked_about(api: Api) -> None:
    """GET returns when a connection was made, when it was last active, and its address."""
    async with api.client(user_agent_header="Phone/1.0"), api.wire() as backend:
        connection_id = await api.connected()
        answer = await backend.ask(f"{api.path}/@connections/{quote(connection_id)}")
        parsed = await api.backend.get(connection_id)
    told = json.loads(answer.body)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert told.keys() == {"connectedAt", "identity", "lastActiveAt"}
    assert told["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "Phone/1.0"}
    for name in "connectedAt", "lastActiveAt":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told[name])
    assert parsed["ConnectedAt"] == datetime.fromisoformat(told["connectedAt"])
    assert parsed["Identity"]["SourceIp"] == "127.0.0.1"


@item("CONFIRMED", "6.2", "model")
async def test_091_a_connection_can_be_closed(api: Api) -> None:
    """DELETE is answered with 204 and no body."""
    async with api.client() as client, api.wire() as backend:
        path = f"{api.path}/@connections/{quote(await api.connected())}"
        answer = await backend.ask(path, "DELETE")
        assert (answer.status, answer.body) == (204, b"")
        assert "Content-Length" not in answer.headers
        await closed(client)


async def _all_refusals(backend: Backend, connection_id: str) -> list[Refusal]:
    requests = (
        backend.post(connection_id, "hello"),
        backend.get(connection_id),
        backend.delete(connection_id),
    )
    return [await refusal_of(request) for request in requests]


@item("CONFIRMED", "6.3", "410 Gone", but="its header is reported by users")
async def test_092_who_is_not_there_is_gone(endpoint: Endpoint, serve: Serve) -> None:
    """For an unknown or closed connection the answer is an empty 410: boto3's GoneException."""
    with endpoint.backend() as backend:
        refusals = await _all_refusals(backend, NEVER_EXISTED)
    if not endpoint.is_foreign:
        api = await serve()
        async with api.client():
            connection_id = await api.connected()
        await api.script.called("disconnect")
        refusals += await _all_refusals(api.backend, connection_id)
    for refusal in refusals:
        assert (refusal.exception, refusal.code) == ("GoneException", "GoneException")
        assert (refusal.status, refusal.headers["x-amzn-ErrorType"]) == (410, "GoneException")
        assert refusal.headers["Content-Length"] == "0"


@pytest.mark.parametrize("connection_id", ["not-an-id", "AAAAAAAAAAICAAA", "a/b"])
@item("REPORTED", "6.3")
async def test_093_what_is_no_id_is_a_bad_request(endpoint: Endpoint, connection_id: str) -> None:
    """For an id that the gateway cannot have made, the answer is a 400 that names it."""
    with endpoint.backend() as backend:
        refusal = await refusal_of(backend.post(connection_id, "hello"))
    assert (refusal.status, refusal.code) == (400, "BadRequestException")
    assert refusal.headers["x-amzn-ErrorType"] == "BadRequestException"
    assert refusal.message == f"Invalid connectionId: {connection_id}"


@item("CONFIRMED", "6.4", "410 Gone")
async def test_094_connect_cannot_post_to_itself(api: Api) -> None:
    """While `$connect` runs, a post to its own connection is answered with 410."""
    gone = []

    def post(event: Event) -> object:
        connection_id = event["requestContext"]["connectionId"]
        try:
            api.backend.client.post_to_connection(ConnectionId=connection_id, Data=b"too early")
        except api.backend.client.exceptions.GoneException:
            gone.append(connection_id)
        return {"statusCode": 200}

    api.script.on("connect", post)
    async with api.client() as client:
        connection_id = await api.connected()
        assert gone == [connection_id]
        await api.backend.post(connection_id, "now")
        assert await hear(client) == "now"


@item("CONFIRMED", "6.3", "model")
async def test_095_a_post_above_128_kib_is_too_large(api: Api) -> None:
    """A post above 131,072 bytes is answered with 413, and the client gets none of it."""
    async with api.client() as client:
        connection_id = await api.connected()
        refusal = await refusal_of(api.backend.post(connection_id, "x" * 131_073))
        assert (refusal.status, refusal.exception) == (413, "PayloadTooLargeException")
        await api.backend.post(connection_id, "small")
        assert await hear(client) == "small"


@pytest.mark.parametrize("path", ["/no-such-stage", ""], ids=["unknown", "none"])
@item("REPORTED", "6.3")
async def test_096_the_stage_must_be_right(endpoint: Endpoint, path: str) -> None:
    """With another stage, or without a stage, the answer is 403 `Forbidden`."""
    url = urlsplit(endpoint.management_url)._replace(path=path).geturl()
    with endpoint.backend(url) as backend:
        refusal = await refusal_of(backend.post(NEVER_EXISTED, "hello"))
    assert (refusal.status, refusal.message) == (403, "Forbidden")
    assert refusal.headers["x-amzn-ErrorType"] == "ForbiddenException"


@item("CONFIRMED", "6.5", "@connections", but="the answer is that of REST APIs")
async def test_097_requests_have_to_be_signed(serve: Serve) -> None:
    """With `--strict-sigv4`, a request without a signature is answered with 403."""
    api = await serve(strict_sigv4=True)
    async with api.client() as client, api.wire() as backend:
        connection_id = await api.connected()
        path = f"{api.path}/@connections/{quote(connection_id)}"
        credential = "Credential=x/20260101/us-west-2/s3/aws4_request"
        of_s3 = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature={'0' * 64}"
        for headers in ({}, {"Authorization": "Bearer me"}, {"Authorization": of_s3}):
            assert (await backend.ask(path, "POST", headers, "unsigned")).status == 403
        await api.backend.post(connection_id, "signed")
        assert await hear(client) == "signed"


@item("UNKNOWN", "3.4")
async def test_098_posts_arrive_in_order(api: Api) -> None:
    """Posts that a backend makes one after the other arrive in that order."""
    async with api.client() as client:
        connection_id = await api.connected()
        for n in range(20):
            await api.backend.post(connection_id, str(n))
        assert [await hear(client) for _ in range(20)] == [str(n) for n in range(20)]


@item("CONFIRMED", "6.6", "service-specific endpoints")
async def test_099_handlers_find_the_emulator(api: Api) -> None:
    """boto3 in a handler finds the emulator from the environment, without an `endpoint_url`."""

    def post(event: Event) -> object:
        backend = boto3.session.Session().client("apigatewaymanagementapi")
        try:
            connection_id = event["requestContext"]["connectionId"]
            backend.post_to_connection(ConnectionId=connection_id, Data=b"from the handler")
        finally:
            backend.close()
        return {"statusCode": 200}

    api.script.on("default", post)
    async with api.client() as client:
        await client.send("hello")
        assert await hear(client) == "from the handler"


@item("REPORTED", "5", but="before the first message, AWS does not say")
async def test_100_last_active_is_when_the_client_last_spoke(api: Api) -> None:
    """`lastActiveAt` is the time of the client's last message, or before the first, its connect."""

    async def last_active_ms() -> int:
        told = await backend.ask(f"{api.path}/@connections/{quote(connection_id)}")
        moment = datetime.fromisoformat(json.loads(told.body)["lastActiveAt"])
        return round(moment.timestamp() * 1000)

    async with api.client() as client, api.wire() as backend:
        connect = (await api.script.called("connect"))["requestContext"]
        connection_id = connect["connectionId"]
        api.clock.advance(5)
        await api.backend.post(connection_id, "hello")
        assert await last_active_ms() == connect["connectedAt"]
        await client.send("hello yourself")
        message = (await api.script.called("default"))["requestContext"]
        api.clock.advance(5)
        assert message["requestTimeEpoch"] == connect["connectedAt"] + 5000
        assert await last_active_ms() == message["requestTimeEpoch"]
