"""Who must be refused, and how it is found out that nobody is."""

from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from poker_signal.emulator.client.check.runner import FIRST, RULES
from tests.emulator.client.check.broken import Fault, failures, found, url_of
from tests.emulator.client.check.faults import Admits, OtherStatus

REFUSALS = {
    "no playerId is refused with 400",
    "no gameId is refused with 400",
    "impossible names are refused with 400",
    "malformed sessions are refused with 400",
}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Admits(400), REFUSALS),
        (Admits(409), {"a protected HOST: others get 409"}),
        (OtherStatus(), {*REFUSALS, "a protected HOST: others get 409"}),
    ],
    ids=["400 never", "409 never", "500 always"],
)
def test_a_missing_refusal_is_found(fault: Fault, expected: set[str]) -> None:
    """In the rows that are about it, and in no other."""
    assert found(fault).keys() == expected


async def test_what_is_refused_once_and_then_is_found() -> None:
    """A server that admits the first and refuses the rest."""
    served = 0

    async def refuse_the_rest(client: ServerConnection, request: Request) -> Response | None:
        nonlocal served
        served += 1
        return None if served == 1 else client.respond(HTTPStatus.TOO_MANY_REQUESTS, "")

    async with serve(
        ServerConnection.wait_closed, "127.0.0.1", 0, process_request=refuse_the_rest
    ) as server:
        rows = await failures(url_of(server), RULES[:2])
    assert FIRST.name not in rows
    assert "429 Too Many Requests: throttled" in rows["connects again"].came
