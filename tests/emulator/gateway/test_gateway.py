"""Signaling over real sockets: the frames that arrive, and the records for the developer."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from poker_signal.core.model import RESERVED_S
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.gateway.config import ApiConfig, FunctionConfig, RouteConfig
from poker_signal.emulator.gateway.gateway import Gateway
from poker_signal.emulator.protocols.http_connection import HttpConnection
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.testing import ConnectPeer
from poker_signal.emulator.trace.as_json import as_json
from poker_signal.emulator.trace.entries import Opened
from poker_signal.emulator.trace.trace import Trace
from tests.emulator.conftest import Records
from tests.support.client import hear, peer, settle, status_of, tell
from tests.support.frames import HANDSHAKE, answer, raw_connection, read_answer

NO_ROUTES = ApiConfig(functions={}, routes={})


async def until_disconnected(records: Records, other: ClientConnection) -> None:
    """Wait until a $disconnect has been invoked; another connection pings meanwhile."""
    while not any(record.kind == "disconnect" for record in records):
        await settle(other)


async def test_a_handshake_reaches_both_sides(emulator: Emulator) -> None:
    """Join, offer, answer and candidates arrive as the other side sent them, and only there."""
    async with peer(emulator, "HOST") as host, peer(emulator, "Alice") as alice:
        await tell(alice, type="join", targetId="HOST", payload={"playerName": "Alice"})
        assert await hear(host) == {
            "type": "join",
            "senderId": "Alice",
            "payload": {"playerName": "Alice"},
        }
        await tell(host, type="offer", targetId="Alice", payload={"sdp": "v=0"})
        assert await hear(alice) == {"type": "offer", "senderId": "HOST", "payload": {"sdp": "v=0"}}
        await tell(alice, type="answer", targetId="HOST", payload={"sdp": "v=1"})
        await tell(alice, type="ice-candidate", targetId="HOST")
        assert await hear(host) == {
            "type": "answer",
            "senderId": "Alice",
            "payload": {"sdp": "v=1"},
        }
        assert await hear(host) == {"type": "ice-candidate", "senderId": "Alice", "payload": None}


async def test_a_candidate_that_comes_while_its_target_is_being_closed(
    emulator: Emulator, records: Records, clock: VirtualClock
) -> None:
    """The sender gets TARGET_NOT_FOUND after a second, although the last one took the fast path.

    A connection that young may still be opening.
    """
    async with peer(emulator, "HOST") as host, raw_connection(emulator) as (reader, writer):
        # A client that does not answer a close frame.
        writer.write(HANDSHAKE)
        assert (await read_answer(reader))[0] == 101
        await tell(host, type="offer", targetId="raw", payload={})
        await tell(host, type="ice-candidate", targetId="raw", payload={})
        await settle(host)
        opened = [each for _, each in emulator.trace.since(0) if isinstance(each, Opened)]
        path = f"/prod/@connections/{opened[-1].facts.connection_id.replace('=', '%3D')}"
        deletion = f"DELETE {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert (await answer(emulator, deletion.encode()))[0] == 204
        await tell(host, type="ice-candidate", targetId="raw", payload={})
        await settle(host)
        clock.advance(1)
        heard = await hear(host)
        assert (heard["type"], heard["payload"]["code"]) == ("undelivered", "TARGET_NOT_FOUND")
    outcomes = [record.outcome for record in records if record.type == "ice-candidate"]
    assert outcomes == ["delivered", "undelivered TARGET_NOT_FOUND"]


@pytest.mark.parametrize(
    "name",
    ["Zoë 🂡", "a b", "+1%20", "HOST ", "__proto__", "x" * 128, "</script>"],
    ids=["unicode", "space", "percent", "trailing-space", "proto", "longest", "markup"],
)
async def test_a_name_arrives_exactly_as_it_was_typed(emulator: Emulator, name: str) -> None:
    """A name may be any text of a user, and the host can send to exactly that name."""
    async with peer(emulator, "HOST") as host, peer(emulator, name) as player:
        await tell(player, type="join", targetId="HOST")
        assert (await hear(host))["senderId"] == name
        await tell(host, type="offer", targetId=name)
        assert (await hear(player))["type"] == "offer"


async def test_nothing_crosses_games(emulator: Emulator) -> None:
    """The same names in another game are other players."""
    async with (
        peer(emulator, "HOST", "GAME01") as host,
        peer(emulator, "HOST", "GAME02") as other_host,
        peer(emulator, "Alice", "GAME02") as alice,
    ):
        await tell(host, type="offer", targetId="Alice")
        assert (await hear(host))["payload"]["code"] == "TARGET_NOT_FOUND"
        await tell(alice, type="join")
        assert (await hear(other_host))["senderId"] == "Alice"
        await settle(host)


BAD_MESSAGES = {
    "not-json": "offer",
    "array": "[1]",
    "bare-string": '"x"',
    "empty": "",
    "trailing-comma": '{"type":"ping",}',
    "deep-array": "[" * 200 + "]" * 200,
    "bottomless": '{"type":"offer","targetId":"HOST","payload":' + "[" * 30_000,
    "no-type": "{}",
    "type-is-a-number": '{"type":1}',
    "target-is-a-number": '{"type":"offer","targetId":5}',
    "no-target": '{"type":"offer"}',
    "id-is-a-number": '{"type":"ping","id":1}',
    "nan": '{"type":"offer","targetId":"HOST","payload":NaN}',
}


@pytest.mark.parametrize("text", BAD_MESSAGES.values(), ids=BAD_MESSAGES.keys())
async def test_a_message_of_another_shape_is_answered_and_costs_nothing(
    emulator: Emulator, text: str
) -> None:
    """The sender gets INVALID_MESSAGE and stays connected."""
    async with peer(emulator, "Alice") as alice:
        await alice.send(text)
        frame = await hear(alice)
        assert frame["type"] == "error"
        assert frame["payload"]["code"] == "INVALID_MESSAGE"
        await settle(alice)


async def test_a_payload_200_levels_deep_is_delivered_untouched(emulator: Emulator) -> None:
    """Payloads are relayed without interpretation."""
    payload = "[" * 200 + "]" * 200
    async with peer(emulator, "HOST") as host, peer(emulator, "Alice") as alice:
        await alice.send(f'{{"type":"offer","targetId":"HOST","payload":{payload}}}')
        async with asyncio.timeout(10):
            assert await host.recv() == (
                f'{{"type":"offer","senderId":"Alice","payload":{payload}}}'
            )


async def test_of_a_duplicate_key_the_last_one_counts(emulator: Emulator) -> None:
    """The peers' JSON parsers do the same."""
    async with peer(emulator, "HOST") as host, peer(emulator, "Alice") as alice:
        await alice.send('{"type":"ping","type":"answer","targetId":"x","targetId":"HOST"}')
        assert (await hear(host))["type"] == "answer"


@pytest.mark.parametrize(
    ("message", "type_", "code"),
    [
        ({"type": "fold"}, "error", "UNKNOWN_TYPE"),
        ({"type": "offer", "targetId": "Bob"}, "undelivered", "TARGET_NOT_FOUND"),
        ({"type": "offer", "targetId": "alice"}, "undelivered", "TARGET_NOT_FOUND"),
        ({"type": "offer", "targetId": "Alice"}, "error", "NOT_ALLOWED"),
        ({"type": "join"}, "error", "HOST_NOT_FOUND"),
    ],
    ids=["unknown-type", "absent-target", "other-case", "oneself", "no-host"],
)
async def test_what_cannot_be_delivered_is_answered(
    emulator: Emulator, message: dict[str, str], type_: str, code: str
) -> None:
    """Every message is answered, and a late message is never an error."""
    async with peer(emulator, "Alice") as alice:
        await tell(alice, **message, id="7")
        frame = await hear(alice)
        assert (frame["type"], frame["payload"]["code"], frame["id"]) == (type_, code, "7")


async def test_a_message_with_an_id_is_acknowledged(emulator: Emulator) -> None:
    """The ack is sent once the gateway has accepted the frame for a live connection."""
    async with peer(emulator, "HOST") as host, peer(emulator, "Alice") as alice:
        await tell(alice, type="join", id="a1")
        assert await hear(alice) == {"type": "ack", "id": "a1", "payload": {"targetId": "HOST"}}
        assert (await hear(host))["type"] == "join"


async def test_the_second_player_of_a_name_is_told_when_it_joins(emulator: Emulator) -> None:
    """A later connection takes no seat, and the host gets no message about it."""
    async with (
        peer(emulator, "HOST") as host,
        peer(emulator, "Alice") as first,
        peer(emulator, "Alice") as second,
    ):
        await tell(second, type="join")
        frame = await hear(second)
        assert (frame["type"], frame["payload"]["code"]) == ("error", "DUPLICATE_NAME")
        await tell(host, type="offer", targetId="Alice")
        assert (await hear(first))["type"] == "offer"
        await settle(second)


async def test_a_tablet_that_restarts_gets_its_game_back(emulator: Emulator) -> None:
    """Messages to HOST go to the one that connected last."""
    async with peer(emulator, "HOST"), peer(emulator, "HOST") as host:
        async with peer(emulator, "Alice") as alice:
            await tell(alice, type="join")
            assert (await hear(host))["senderId"] == "Alice"


async def test_a_player_who_left_can_come_back_under_the_same_name(emulator: Emulator) -> None:
    """A player's own former connection never locks that player out."""
    async with peer(emulator, "HOST") as host:
        async with peer(emulator, "Alice") as alice:
            await settle(alice)
        async with peer(emulator, "Alice") as alice:
            await tell(alice, type="join")
            assert (await hear(host))["senderId"] == "Alice"


async def test_who_knows_the_session_takes_over(emulator: Emulator) -> None:
    """The old socket is closed, and messages go to the new one."""
    async with (
        peer(emulator, "HOST") as host,
        peer(emulator, "Alice", session="secret-of-alice") as old,
        peer(emulator, "Alice", session="secret-of-alice") as new,
    ):
        async with asyncio.timeout(10):
            await old.wait_closed()
        assert old.close_code == 1000
        await tell(new, type="join")
        assert (await hear(host))["senderId"] == "Alice"


async def test_a_host_with_a_session_is_protected(
    emulator: Emulator, records: Records, clock: VirtualClock
) -> None:
    """A second HOST without the secret is refused while the first is alive, and for a minute."""
    async with peer(emulator, "HOST", session="secret-of-host") as host:
        assert await status_of(peer(emulator, "HOST")) == 409
        await settle(host)
    async with peer(emulator, "Alice") as alice:
        await until_disconnected(records, alice)
        clock.advance(RESERVED_S)
        assert await status_of(peer(emulator, "HOST")) == 409
        clock.advance(1)
        assert await status_of(peer(emulator, "HOST")) == 101


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?playerId=Alice",
        "?gameId=GAME01",
        "?playerId=&gameId=GAME01",
        "?playerId=%20%09&gameId=GAME01",
        f"?playerId={'x' * 129}&gameId=GAME01",
        "?playerId=a%00b&gameId=GAME01",
        "?playerId=a%0Ab&gameId=GAME01",
        "?playerId=a%7Fb&gameId=GAME01",
        "?playerId=a%C2%85b&gameId=GAME01",
        "?playerId=Alice&gameId=GAME01&session=short",
    ],
    ids=[
        *("no-query", "no-game", "no-player", "empty", "blank", "129-characters"),
        *("nul", "newline", "del", "c1", "short-session"),
    ],
)
async def test_a_handshake_without_valid_names_is_refused_with_400(
    emulator: Emulator, query: str
) -> None:
    """A wrong URL must not enter a game that it would share with all other wrong URLs."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(emulator.url + query):
            pass
    assert refused.value.response.status_code == 400
    body = bytes(refused.value.response.body)
    assert b"must be" in body


@pytest.mark.signal_emulator(topology="star")
async def test_in_a_star_players_address_only_the_host(signal_peer: ConnectPeer) -> None:
    """An offer of a player to another player is refused and not relayed."""
    alice, bob = await signal_peer("Alice"), await signal_peer("Bob")
    await alice.send("offer", "Bob")
    assert (await alice.expect()).code == "NOT_ALLOWED"
    await bob.expect_nothing()


async def test_a_client_that_dies_without_a_close_frame_is_forgotten(
    emulator: Emulator, records: Records
) -> None:
    """The client's row is deleted, so the next message to it is undelivered, not lost."""
    async with peer(emulator, "HOST") as host:
        async with peer(emulator, "Alice") as alice:
            await settle(alice)
            alice.transport.abort()
        await until_disconnected(records, host)
        await tell(host, type="offer", targetId="Alice")
        assert (await hear(host))["payload"]["code"] == "TARGET_NOT_FOUND"
    ended = [record.outcome for record in records if record.kind == "disconnect"]
    assert ended[0] == "1006 Connection closed abnormally"


async def test_a_client_that_never_reads_is_cut_off_and_nobody_else_notices() -> None:
    """The buffer for one client is bounded; its senders get TARGET_NOT_FOUND."""
    settings = Settings(port=0, max_unread_bytes=200_000)
    async with Emulator(settings) as emulator, peer(emulator, "HOST") as host:
        request = (
            b"GET /prod?playerId=Deaf&gameId=GAME01 HTTP/1.1\r\nHost: x\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        async with peer(emulator, "Alice") as alice, raw_connection(emulator) as (reader, writer):
            writer.write(request)
            await reader.readuntil(b"\r\n\r\n")
            # The reader's own buffer fills first, then the kernel's, then the emulator's.
            big = json.dumps({"type": "offer", "targetId": "Deaf", "payload": "x" * 30_000})
            for _ in range(2_000):
                await host.send(big)
                await tell(host, type="ping")
                frame = await hear(host)
                if frame["type"] == "undelivered":
                    break
            assert frame["payload"]["code"] == "TARGET_NOT_FOUND"
            await settle(alice)


async def test_every_event_is_told_with_names_and_without_payloads(
    emulator: Emulator, records: Records, clock: VirtualClock
) -> None:
    """The developer sees the sender, the target, the type and the outcome."""
    async with peer(emulator, "HOST") as host, peer(emulator, "Alice") as alice:
        await tell(alice, type="join", payload="secret")
        await hear(host)
        await tell(alice, type="offer", targetId="Bob")
        await hear(alice)
    told = [(r.kind, r.game, r.who, r.whom, r.type, r.outcome) for r in records]
    assert told[:4] == [
        ("connect", "GAME01", "HOST", "", "", "connected"),
        ("connect", "GAME01", "Alice", "", "", "connected"),
        ("message", "GAME01", "Alice", "HOST", "join", "delivered"),
        ("message", "GAME01", "Alice", "Bob", "offer", "undelivered TARGET_NOT_FOUND"),
    ]
    assert "secret" not in repr(records)
    assert records[2].size == len('{"type": "join", "payload": "secret"}')
    assert records[0].at_ms >= clock.now_ms()


async def test_connections_of_one_millisecond_are_in_order(emulator: Emulator) -> None:
    """The first connection owns the name, even if the clock stands still."""
    async with peer(emulator, "HOST") as host:
        for _ in range(20):
            async with peer(emulator, "Alice") as first, peer(emulator, "Alice") as second:
                await tell(host, type="offer", targetId="Alice")
                assert (await hear(first))["type"] == "offer"
                await settle(second)


ODD = """
HALF = chr(0xD83C) + "!"  # of a surrogate pair
REFUSALS = {
    "not-modified": {"statusCode": 304, "body": "x"},
    "half": {"statusCode": 400, "body": HALF},
}
BODIES = {"half": HALF, "largest": "x" * 131_072, "too large": "x" * 131_073}

def handler(event, context):
    if event["requestContext"]["eventType"] == "MESSAGE":
        return {"statusCode": 200, "body": BODIES[event["body"]]}
    refusal = event.get("queryStringParameters", {}).get("refusal")
    return REFUSALS.get(refusal, {"statusCode": 200})
"""


@pytest.fixture
async def odd(tmp_path: Path) -> AsyncGenerator[Emulator, None]:
    """An emulator with a handler whose answers cannot be sent as they are."""
    (tmp_path / "odd.py").write_text(ODD)
    api = ApiConfig(
        functions={"odd": FunctionConfig(handler="odd.py:handler")},
        routes={key: RouteConfig("odd", two_way=True) for key in ("$connect", "$default")},
    )
    async with Emulator(Settings(port=0), api=api, folder=tmp_path) as emulator:
        yield emulator


@pytest.mark.parametrize(
    ("refusal", "status", "body"),
    [("not-modified", 304, b""), ("half", 400, b"?!")],
    ids=["without-body", "half-a-character"],
)
async def test_a_refusal_that_http_cannot_carry_is_sent_as_far_as_it_can(
    odd: Emulator, refusal: str, status: int, body: bytes
) -> None:
    """The connection can be used for another request."""
    refused = HANDSHAKE.replace(b"?", f"?refusal={refusal}&".encode())
    async with raw_connection(odd) as (reader, writer), asyncio.timeout(10):
        writer.write(refused)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
        assert await reader.readexactly(len(body)) == body
        writer.write(HANDSHAKE)
        assert (await read_answer(reader))[0] == 101


async def test_a_body_that_no_message_can_hold_costs_nobody_the_connection(odd: Emulator) -> None:
    """A lone surrogate becomes a question mark; a body over the limit is an error."""
    async with connect(odd.url, compression=None) as client, asyncio.timeout(10):
        await client.send("half")
        assert await client.recv() == "?!"
        await client.send("too large")
        assert json.loads(await client.recv())["message"] == "Internal server error"
        await client.send("largest")
        assert await client.recv() == "x" * 131_072


async def test_who_comes_while_the_emulator_stops_is_sent_away(clock: VirtualClock) -> None:
    """The gateway closes a socket that was accepted just before the stop."""
    gateway, empty = Gateway(Settings(), clock, Trace()), asyncio.Event()
    loop = asyncio.get_running_loop()
    pairs = [socket.socketpair() for _ in range(2)]
    await loop.connect_accepted_socket(lambda: HttpConnection(gateway, Settings()), pairs[0][0])
    gateway.stop(empty.set)
    await loop.connect_accepted_socket(lambda: HttpConnection(gateway, Settings()), pairs[1][0])
    async with asyncio.timeout(10):
        await empty.wait()
        for _, client in pairs:
            client.setblocking(False)
            assert await loop.sock_recv(client, 1) == b""
            client.close()


# Limits

NOWHERE = b"GET /nowhere HTTP/1.1\r\nHost: example.org\r\n\r\n"


async def test_posts_of_the_rules_count_against_the_throttle(
    records: Records, clock: VirtualClock
) -> None:
    """A function's posts count on AWS too; the sender gets an error, and no row is deleted."""
    settings = Settings(port=0, throttle_rate=1, throttle_burst=5)
    async with Emulator(settings, records, clock) as emulator:
        async with peer(emulator, "HOST") as host, peer(emulator, "Alice") as alice:
            await tell(alice, type="player-connected", targetId="HOST")
            assert (await hear(host))["senderId"] == "Alice"
            await tell(alice, type="join")
            # Each request is at least one round of the emulator's loop, and takes no token.
            while not any(record.type == "join" for record in records):
                assert (await answer(emulator, NOWHERE))[0] == 403
            assert [r.outcome for r in records if r.type == "join"] == ["error RATE_LIMITED"]
            clock.advance(60)
            await tell(alice, type="join")
            assert (await hear(host))["type"] == "join"


async def test_a_full_game_is_403_with_a_reason_and_the_host_gets_in(records: Records) -> None:
    """A name in the game needs no second seat; without a host no seat is counted."""
    async with Emulator(Settings(port=0, seats=1), records) as emulator:
        async with peer(emulator, "Alice") as alice, peer(emulator, "Alice") as again:
            await settle(again)
            async with peer(emulator, "Carol"):
                await settle(alice)
            async with peer(emulator, "HOST") as host, peer(emulator, "Bob", "ANOTHER"):
                await settle(host)
                with pytest.raises(InvalidStatus) as refused:
                    await peer(emulator, "Bob")
                assert refused.value.response.status_code == 403
                assert refused.value.response.body == b"This game is full: every seat is taken."
            await settle(alice)


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://a.example", 101), ("http://localhost:5173", 101), ("https://b.example", 403)],
)
@pytest.mark.parametrize("api", [None, NO_ROUTES], ids=["rules", "handlers"])
async def test_only_pages_of_this_machine_and_of_the_list_may_connect(
    records: Records, api: ApiConfig | None, origin: str, status: int
) -> None:
    """Other origins are refused with 403, whatever runs behind; the record names the option."""
    request = HANDSHAKE.replace(b"Host:", f"Origin: {origin}\r\nHost:".encode())
    settings = Settings(port=0, allowed_origins="https://a.example")
    async with Emulator(settings, records, api=api) as emulator:
        found, _, body = await answer(emulator, request)
        assert found == status
        if status == 403:
            assert body == b"This web page may not connect to this server."
            assert f"--allowed-origins {origin}" in records[-1].outcome
            (number, entry) = emulator.trace.since(0)[-1]
            assert as_json(number, entry)["code"] == "ORIGIN_NOT_ALLOWED"
