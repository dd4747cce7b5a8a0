"""Attackers that know a game's code, over real sockets and on both hosts.

These are claims of SECURITY.md that no other test covers.
"""

import json
import time
import uuid
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from poker_signal.core.configuration import Rules, Topology
from poker_signal.core.model import GameId, PlayerId
from poker_signal.core.tickets import read_keys, sign
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.field.hosts import OURS, Weather, serving
from tests.signaling.hosts import core_host, lambda_host
from tests.signaling.test_tickets import SECRET, ticket
from tests.support.client import hear, peer, query_of, status_of, tell
from tests.support.dynamodb import moto_server

GAME = "GAME01"

LOOK_LIKE_HOST = (
    "HOST\u200b",
    "\u041dOST",
    "\uff28OST",
    "host",
    "\u202eTSOH",
    "HO\u00adST",
    " HOST",
)
"""Zero width space, Cyrillic, full width, case, right to left, soft hyphen, a space."""


@asynccontextmanager
async def game_of(
    weather: Weather, *players: str
) -> AsyncGenerator[dict[str, ClientConnection], None]:
    """Connect several players, one after the other."""
    async with AsyncExitStack() as stack:
        yield {player: await stack.enter_async_context(peer(weather, player)) for player in players}


@pytest.mark.parametrize("handler", OURS)
async def test_who_looks_like_the_host_is_not_the_host(handler: str) -> None:
    """A name that looks like HOST gets no join, and differs from HOST as senderId."""
    async with serving(handler) as weather, game_of(weather, "HOST", "Alice") as game:
        for name in LOOK_LIKE_HOST:
            async with peer(weather, name) as imitation:
                await tell(imitation, type="offer", targetId="Alice", payload=name)
                assert await hear(game["Alice"]) == {
                    "type": "offer", "senderId": name, "payload": name,
                }  # fmt: skip
                await tell(game["Alice"], type="join", payload=name)
                assert (await hear(game["HOST"]))["payload"] == name


@pytest.mark.parametrize("handler", OURS)
async def test_in_a_star_nobody_learns_who_is_there(handler: str) -> None:
    """In a star, a player gets the same answer about players that exist and that do not."""
    async with (
        serving(handler, topology=Topology.STAR) as weather,
        game_of(weather, "HOST", "Alice", "Mallory") as game,
    ):
        heard = []
        for target in ("Alice", "Absent"):
            await tell(game["Mallory"], type="ice-candidate", targetId=target, payload=1)
            answer = await hear(game["Mallory"])
            heard.append((answer["type"], answer["payload"]["code"]))
        assert heard[0] == heard[1] == ("error", "NOT_ALLOWED")


@pytest.mark.parametrize("handler", OURS)
async def test_a_session_is_worth_nothing_under_another_name_or_code(handler: str) -> None:
    """A session takes over only the seat of the name and game that it was used for."""
    secret = "secret-of-the-tablet"
    async with serving(handler) as weather:
        async with (
            peer(weather, "HOST", session=secret) as host,
            peer(weather, "Alice", session=secret),
        ):
            async with peer(weather, "HOST", "GAME02", secret):
                await tell(host, type="ping")
                assert await hear(host) == {"type": "pong"}
                assert await status_of(peer(weather, "HOST")) == 409


@pytest.mark.parametrize("handler", OURS)
async def test_a_table_full_of_ghosts_is_an_empty_table(handler: str) -> None:
    """Ghosts take no seat for long, a name one with any number of connections, and HOST none."""
    clock = VirtualClock()

    async def is_let_in(weather: Weather, player: str) -> bool:
        for _ in range(10):
            if await status_of(peer(weather, player)) == 101:
                return True
            # A young row may be opening, a session's is reserved, and the game was full just now.
            clock.advance(31)
        return False

    async with serving(handler, "miss-disconnect:Ghost", seats=2, clock=clock) as weather:
        async with game_of(weather, "Alice", "HOST"):
            async with peer(weather, "Ghost"), peer(weather, "Ghost", session="of-a-ghost"):
                assert await status_of(peer(weather, "Bob")) == 403
                assert await status_of(peer(weather, "Alice")) == 101
                assert await status_of(peer(weather, "HOST")) == 101
            assert await is_let_in(weather, "Bob")
            assert await is_let_in(weather, "Carol")


GIANTS: dict[str, tuple[str, str]] = {
    "as large as it may be": (json.dumps({"type": "join", "payload": "x" * 65_534}), "join"),
    "a byte more": (json.dumps({"type": "join", "payload": "x" * 65_535}), "error"),
    "few letters, many bytes": ('{"type":"join","payload":"' + "🃏" * 16_384 + '"}', "error"),
    "half letters": ('{"type":"join","payload":"' + "\\ud83c" * 5_000 + '"}', "join"),
    "nested": ('{"type":"join","payload":' + "[" * 30_000 + "]" * 30_000 + "}", "error"),
    "a number": ('{"type":"join","payload":' + "9" * 60_000 + "}", "join"),
    "keys": (json.dumps({"type": "join", "payload": {f"k{n}": 1 for n in range(5_000)}}), "join"),
    "an id": (json.dumps({"type": "join", "id": "x" * 100_000}), "error"),
    "a target": (json.dumps({"type": "offer", "targetId": "x" * 100_000}), "error"),
    "a type": (json.dumps({"type": "x" * 100_000}), "error"),
    "not JSON": ("{" * 120_000, "error"),
}


@pytest.mark.parametrize("handler", OURS)
async def test_giants_arrive_or_are_refused(handler: str) -> None:
    """A huge message is delivered or gets an error, and its connection works after that."""
    async with serving(handler) as weather, game_of(weather, "HOST", "Alice") as game:
        for name, (text, expected) in GIANTS.items():
            pieces = [text[start : start + 5_000] for start in range(0, len(text), 5_000)]
            await game["Alice"].send(pieces)
            hearer = game["HOST" if expected == "join" else "Alice"]
            assert (await hear(hearer))["type"] == expected, name
        await tell(game["Alice"], type="ping")
        assert await hear(game["Alice"]) == {"type": "pong"}


@pytest.mark.parametrize("handler", OURS)
async def test_what_a_message_says_about_itself_is_ignored(handler: str) -> None:
    """Sender, game and route come from the connection, not from members of a message."""
    async with serving(handler) as weather, game_of(weather, "HOST", "Alice", "Mallory") as game:
        await game["Mallory"].send(
            '{"type":"offer","targetId":"Alice","senderId":"HOST","playerId":"HOST",'
            '"gameId":"GAME02","action":"$disconnect","__proto__":{"senderId":"HOST"},"payload":1}'
        )
        assert await hear(game["Alice"]) == {"type": "offer", "senderId": "Mallory", "payload": 1}


# Tickets.

TICKETS: dict[str, tuple[str, int]] = {
    "after a bad one": ("&ticket=bad&ticket={good}", 101),
    "before a bad one": ("&ticket={good}&ticket=bad", 403),
    "before an empty one": ("&ticket={good}&ticket=", 401),
    "under another name": ("&Ticket={good}", 401),
    "in a list": ("&ticket[]={good}", 401),
    "with a zero byte": ("&ticket={good}%00", 403),
    "with a line end": ("&ticket={good}%0A", 403),
    "after a space": ("&ticket=%20{good}", 403),
    "padded": ("&ticket={good}=", 403),
    "of another who is named as well": ("&playerId=HOST&ticket={good}", 403),
    "of another game that is named as well": ("&gameId=another&ticket={good}", 403),
    "endless": ("&ticket=" + "A" * 3_000, 403),
}


@pytest.fixture(scope="module")
def endpoint() -> Generator[str, None, None]:
    """Yield the endpoint of a DynamoDB and an SSM for all cases."""
    with moto_server() as endpoint:
        yield endpoint


@pytest.mark.aws
@pytest.mark.parametrize("serve", [core_host, lambda_host], ids=OURS)
async def test_a_ticket_counts_where_it_belongs_and_nowhere_else(serve: Any, endpoint: str) -> None:
    """Only an exact ticket in its parameter counts; of a repeated parameter, the last."""
    async with serve(Rules(), endpoint, SECRET) as host:
        for case, (more, status) in TICKETS.items():
            game = uuid.uuid4().hex
            good = ticket(game, player="Alice")
            query = query_of("Alice", game) + more.format(good=good)
            assert await host.connect(case, query) == status, case


HEADERS = {
    "Authorization": "Bearer {good}",
    "Cookie": "ticket={good}",
    "Sec-WebSocket-Protocol": "{good}",
    "ticket": "{good}",
}


@pytest.mark.parametrize("header", HEADERS)
async def test_a_ticket_in_a_header_is_none(header: str) -> None:
    """A ticket in a header is ignored, also in a cookie, which other pages could make use of."""
    keys = read_keys(SECRET)
    player, expires_at = PlayerId("Alice"), int(time.time()) + 60
    good = sign(keys, next(iter(keys)), GameId(GAME), player, expires_at)
    async with Emulator(Settings(port=0, ticket_keys=keys)) as emulator:
        url = emulator.url + query_of(player, GAME)
        async with connect(f"{url}&ticket={good}"):
            pass
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, additional_headers={header: HEADERS[header].format(good=good)})
    assert refused.value.response.status_code == 401
