"""Join tickets on every host: accepted and refused tickets, and logs without tickets."""

import json
import time
import uuid
from collections.abc import Callable

import jwt
import pytest

from poker_signal.core.configuration import Rules
from tests.signaling.conftest import MakeHost
from tests.support.client import query_of

SECRETS = {
    "2026-11": "a-secret-of-november-with-entropy",
    "2026-10": "a-secret-of-october-with-entropy",
}
SECRET = json.dumps(SECRETS)

PLAYER = "Zoë 🃏"


def ticket(game: str, kid: str = "2026-11", player: str = PLAYER, in_s: int = 60) -> str:
    """Return a ticket as a backend makes it."""
    claims = {"gameId": game, "playerId": player, "exp": int(time.time()) + in_s}
    return jwt.encode(claims, SECRETS[kid], "HS256", {"kid": kid})


def forged(game: str) -> str:
    """Return a ticket without a signature."""
    claims = {"gameId": game, "playerId": PLAYER, "exp": int(time.time()) + 60}
    return jwt.encode(claims, "", "none", {"kid": "2026-11"})


CASES: dict[str, tuple[Callable[[str], str | None], int]] = {
    "a good one": (ticket, 101),
    "of the older key": (lambda game: ticket(game, "2026-10"), 101),
    "none": (lambda game: None, 401),
    "empty": (lambda game: "", 401),
    "another game's": (lambda game: ticket("another"), 403),
    "expired": (lambda game: ticket(game, in_s=-60), 403),
    "alg none": (forged, 403),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_ticket_decides_who_gets_in(
    make_host: MakeHost,
    case: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A ticket gets the same status on every host, and no log contains it or a secret."""
    make, status = CASES[case]
    game = uuid.uuid4().hex
    async with make_host(Rules(), SECRET) as host:
        given = make(game)
        more = "" if given is None else f"&ticket={given.replace(' ', '%20')}"
        assert await host.connect("z", query_of(PLAYER, game, None) + more) == status
        if status == 101:
            await host.say("z", '{"type":"ping"}')
            assert await host.hear("z") == '{"type":"pong"}'
    captured = capsys.readouterr()
    told = captured.out + captured.err + caplog.text
    assert not given or given not in told
    assert not any(secret in told for secret in SECRETS.values())


async def test_bad_names_are_refused_before_tickets(make_host: MakeHost) -> None:
    """A bad name or session is refused with 400 before the ticket is checked."""
    async with make_host(Rules(), SECRET) as host:
        assert await host.connect("x", query_of("", "game", None)) == 400
        assert await host.connect("x", query_of("Zoe", "game", "short")) == 400


async def test_a_protected_seat_is_refused_after_tickets(make_host: MakeHost) -> None:
    """A connect as HOST gets 401 without a ticket, and 409 with a ticket but no session."""
    game = uuid.uuid4().hex
    async with make_host(Rules(), SECRET) as host:
        good = f"&ticket={ticket(game, player='HOST')}"
        assert await host.connect("h", query_of("HOST", game, "secret-of-host") + good) == 101
        assert await host.connect("i", query_of("HOST", game, None)) == 401
        assert await host.connect("i", query_of("HOST", game, None) + good) == 409


async def test_a_ticket_that_nobody_asked_for_is_ignored(make_host: MakeHost) -> None:
    """A ticket is ignored if the server requires none, so clients may send tickets first."""
    async with make_host(Rules()) as host:
        query = query_of(PLAYER, uuid.uuid4().hex, None)
        assert await host.connect("z", f"{query}&ticket=whatever") == 101
