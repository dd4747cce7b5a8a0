"""The function of `$disconnect`: the time of its call, and its event."""

import asyncio
import threading

import pytest

from tests.conformance.handlers import Event
from tests.conformance.harness import Api, Serve, assert_echo
from tests.conformance.items import item
from tests.support.client import PATIENCE_S, closed
from tests.support.frames import CLOSE


def told(event: Event) -> tuple[int, str]:
    """Return code and reason of a `$disconnect` event."""
    context = event["requestContext"]
    return context["disconnectStatusCode"], context["disconnectReason"]


def connection_of(event: Event) -> str:
    """Return the connection id of an event."""
    return str(event["requestContext"]["connectionId"])


async def told_after_close_frame(api: Api, payload: bytes) -> tuple[int, str]:
    """Close with a close frame; return code and reason in the `$disconnect` event."""
    async with api.wire() as wire:
        await wire.upgrade(api.path)
        wire.send_frame(CLOSE, payload)
        assert await wire.frame() == (CLOSE, payload)
    return told(await api.script.called("disconnect"))


async def stop_with_the_last_disconnect(api: Api, connection_id: str) -> None:
    """Stop an API with one client left; it has to wait for the function of that client."""
    gate = threading.Event()

    def linger(event: Event) -> object:
        assert gate.wait(PATIENCE_S)
        raise RuntimeError("no table")

    api.script.on("disconnect", linger)
    stopping = asyncio.ensure_future(api.stop())
    assert connection_of(await api.script.called("disconnect")) == connection_id
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await api.handshake()
    assert not stopping.done()
    gate.set()
    await stopping


@item("CONFIRMED", "4.2", "integration requests")
async def test_079_a_close_without_a_code_is_1005(api: Api) -> None:
    """A close frame without a code is reported as 1005, with a reason that says so."""
    expected = (1005, "Client-side close frame status not set")
    assert await told_after_close_frame(api, b"") == expected


@item("CONFIRMED", "4.2")
async def test_080_a_page_that_is_left_is_1001(api: Api) -> None:
    """A close frame with 1001 and no reason is reported as 1001 and an empty reason."""
    assert await told_after_close_frame(api, b"\x03\xe9") == (1001, "")


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1000, ""), (1000, "bye"), (3000, "fold"), (4999, "Zoë 🂡")],
    ids=["normal", "reason", "registered", "private"],
)
@item("UNKNOWN", "4.2")
async def test_081_what_a_client_says_is_passed_on(api: Api, code: int, reason: str) -> None:
    """Any other code and reason of a client are reported unchanged."""
    payload = code.to_bytes(2, "big") + reason.encode()
    assert await told_after_close_frame(api, payload) == (code, reason)


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
@item("CONFIRMED", "4.2", "overview")
async def test_082_a_connection_that_breaks_is_1006(api: Api, reset: bool) -> None:
    """A TCP connection that ends without a close frame is reported as 1006."""
    async with api.wire() as wire:
        await wire.upgrade(api.path)
        wire.abort(reset=reset)
        assert told(await api.script.called("disconnect"))[0] == 1006


@item("CONFIRMED", "4.2")
async def test_083_an_idle_connection_is_1001_going_away(api: Api) -> None:
    """An idle connection is reported as 1001 and `Going away`."""
    async with api.client() as client:
        api.clock.advance(600)
        assert await closed(client) == (1001, "Going away")
    assert told(await api.script.called("disconnect")) == (1001, "Going away")


@item("REPORTED", "4.2")
async def test_084_a_deleted_connection_is_1000(api: Api) -> None:
    """DELETE closes with 1000, and is reported as 1000 and `Connection Closed Normally`."""
    async with api.client() as client:
        await api.backend.delete(await api.connected())
        assert (await closed(client))[0] == 1000
    assert told(await api.script.called("disconnect")) == (1000, "Connection Closed Normally")


@item("CONFIRMED", "2.5", "integration requests")
async def test_085_the_handshakes_headers_do_not_come_back(serve: Serve) -> None:
    """A `$disconnect` event has four headers: the host and three empty ones."""
    api = await serve(domain_name="cards.example")
    async with api.client(additional_headers={"X-Seat": "3", "x-api-key": "secret"}):
        pass
    event = await api.script.called("disconnect")
    headers = {"Host": "cards.example", "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    assert event["headers"] == headers
    assert event["multiValueHeaders"] == {name: [headers[name]] for name in headers}


@item("CONFIRMED", "2.1")
async def test_086_a_disconnect_is_a_request_of_its_own(api: Api) -> None:
    """A `$disconnect` event has its own request id, and neither a message id nor a body."""
    async with api.client("?x=1"):
        connect = await api.script.called("connect")
    event = await api.script.called("disconnect")
    context, before = event["requestContext"], connect["requestContext"]
    assert (context["routeKey"], context["eventType"]) == ("$disconnect", "DISCONNECT")
    assert context["requestId"] == context["extendedRequestId"] != before["requestId"]
    assert context["connectionId"] == before["connectionId"]
    assert "messageId" not in context
    assert event.keys() == {"headers", "multiValueHeaders", "requestContext", "isBase64Encoded"}


@item("UNKNOWN", "4.2")
async def test_087_every_connection_disconnects_once(api: Api) -> None:
    """Every connection causes one `$disconnect`; a failure of it affects no other client."""
    api.script.raising("disconnect", "no table")
    async with api.client() as witness:
        witness_id = await api.connected()
        gone: list[str] = []
        async with api.client():
            gone.append(await api.connected())
        async with api.wire() as wire:
            await wire.upgrade(api.path)
            gone.append(await api.connected())
            wire.abort()
        async with api.client() as deleted:
            gone.append(await api.connected())
            await api.backend.delete(gone[-1])
            await closed(deleted)
        ended = {connection_of(await api.script.called("disconnect")) for _ in gone}
        assert ended == set(gone)
        await assert_echo(witness)
        await stop_with_the_last_disconnect(api, witness_id)
    assert len(api.script.events("disconnect")) == len(gone) + 1
