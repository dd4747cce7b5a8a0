"""Error codes, status codes and sentences for clients."""

import pytest

from poker_signal.core import errors
from poker_signal.core.errors import SignalError
from poker_signal.core.model import PlayerId

ERRORS: list[tuple[SignalError, str]] = [
    (
        errors.InvalidConnect("gameId", "there"),
        "INVALID_CONNECT 400: Query parameter gameId must be there.",
    ),
    (errors.MissingTicket(), "MISSING_TICKET 401: A ticket is needed to join this game."),
    (
        errors.InvalidTicket("it has expired"),
        "INVALID_TICKET 403: This ticket is not valid: it has expired.",
    ),
    (errors.HostProtected(), "HOST_PROTECTED 409: This game already has another host."),
    (errors.Superseded(), "SUPERSEDED 409: You have connected again meanwhile."),
    (
        errors.OriginNotAllowed(),
        "ORIGIN_NOT_ALLOWED 403: This web page may not connect to this server.",
    ),
    (errors.GameFull(), "GAME_FULL 403: This game is full: every seat is taken."),
    (
        errors.RateLimited("That was too much at once."),
        "RATE_LIMITED 429: That was too much at once.",
    ),
    (
        errors.InvalidMessage("it is not a JSON object"),
        "INVALID_MESSAGE 400: This message cannot be understood: it is not a JSON object.",
    ),
    (errors.UnknownType(), "UNKNOWN_TYPE 400: This kind of message is not known here."),
    (errors.InvalidJoin(), "INVALID_JOIN 400: The host cannot join its own game."),
    (
        errors.HostNotFound(),
        "HOST_NOT_FOUND 400: This game has no host. Please check the code.",
    ),
    (
        errors.DuplicateName(PlayerId("Zoë 🃏")),
        "DUPLICATE_NAME 400: A player named “Zoë 🃏” is in this game already.",
    ),
    (
        errors.NotAllowed("In this game only the host may send offers."),
        "NOT_ALLOWED 400: In this game only the host may send offers.",
    ),
    (
        errors.NotConnected(),
        "NOT_CONNECTED 400: You are no longer in this game. Please connect again.",
    ),
    (errors.NoAnswer(), "NO_ANSWER 400: The host did not answer. Please try again."),
    (errors.TargetNotFound(PlayerId("Bob")), "TARGET_NOT_FOUND 400: “Bob” is not in this game."),
]


@pytest.mark.parametrize(("error", "told"), ERRORS, ids=[error.code for error, _ in ERRORS])
def test_each_error_has_its_code_status_and_sentence(error: SignalError, told: str) -> None:
    """Clients decide by the code and show the sentence, so both are part of the protocol."""
    assert f"{error.code} {error.status_code}: {error}" == told


def test_no_error_is_missing_from_the_table_above_and_no_code_is_there_twice() -> None:
    """Every error class is in the table, and each code belongs to one class."""
    assert {type(error) for error, _ in ERRORS} == set(SignalError.__subclasses__())
    assert len({error.code for error in SignalError.__subclasses__()}) == len(ERRORS)
