"""What a client is told of its own mistakes."""

import pytest

from poker_signal.core.errors import (
    DuplicateName,
    GameFull,
    HostNotFound,
    HostProtected,
    InvalidConnect,
    InvalidJoin,
    InvalidMessage,
    InvalidTicket,
    MissingTicket,
    NotAllowed,
    NotConnected,
    OriginNotAllowed,
    RateLimited,
    SignalError,
    Superseded,
    TargetNotFound,
    UnknownType,
)
from poker_signal.core.model import PlayerId

ERRORS = [
    (
        InvalidConnect("gameId", "there"),
        "INVALID_CONNECT",
        400,
        "Query parameter gameId must be there.",
    ),
    (MissingTicket(), "MISSING_TICKET", 401, "A ticket is needed to join this game."),
    (
        InvalidTicket("it has expired"),
        "INVALID_TICKET",
        403,
        "This ticket is not valid: it has expired.",
    ),
    (HostProtected(), "HOST_PROTECTED", 409, "Somebody else is hosting this game already."),
    (Superseded(), "SUPERSEDED", 409, "You have connected again meanwhile."),
    (
        OriginNotAllowed(),
        "ORIGIN_NOT_ALLOWED",
        403,
        "This web page may not connect to this server.",
    ),
    (GameFull(), "GAME_FULL", 403, "This game is full: every seat is taken."),
    (RateLimited("That was too much at once."), "RATE_LIMITED", 429, "That was too much at once."),
    (
        InvalidMessage("it is not a JSON object"),
        "INVALID_MESSAGE",
        400,
        "This message cannot be understood: it is not a JSON object.",
    ),
    (UnknownType(), "UNKNOWN_TYPE", 400, "This kind of message is not known here."),
    (InvalidJoin(), "INVALID_JOIN", 400, "The host cannot join its own game."),
    (HostNotFound(), "HOST_NOT_FOUND", 400, "Nobody is hosting this game. Please check the code."),
    (
        DuplicateName(PlayerId("Zoë 🃏")),
        "DUPLICATE_NAME",
        400,
        "A player named “Zoë 🃏” is in this game already.",
    ),
    (
        NotAllowed("In this game only the host may send offers."),
        "NOT_ALLOWED",
        400,
        "In this game only the host may send offers.",
    ),
    (NotConnected(), "NOT_CONNECTED", 400, "You are no longer in this game. Please connect again."),
    (TargetNotFound(PlayerId("Bob")), "TARGET_NOT_FOUND", 400, "“Bob” is not in this game."),
]


@pytest.mark.parametrize(
    ("error", "code", "status_code", "sentence"),
    ERRORS,
    ids=[code for _, code, _, _ in ERRORS],
)
def test_each_error_has_its_code_status_and_sentence(
    error: SignalError, code: str, status_code: int, sentence: str
) -> None:
    """Clients decide by the code and show the sentence: both are part of the protocol."""
    assert (error.code, error.status_code, str(error)) == (code, status_code, sentence)


def test_no_error_is_missing_from_the_table_above_and_no_code_is_there_twice() -> None:
    """A new error is a new promise; two meanings of one code could not be told apart."""
    assert {type(error) for error, *_ in ERRORS} == set(SignalError.__subclasses__())
    assert len({error.code for error in SignalError.__subclasses__()}) == len(ERRORS)
