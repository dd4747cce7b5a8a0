"""Keys from SSM: read once, and again for an unknown key, at most once a minute."""

import json
from typing import Any

import pytest

from poker_signal.core.errors import InvalidTicket, MissingTicket, SignalError, UnknownTicketKey
from poker_signal.core.model import Connect
from poker_signal.core.tickets import BadKeys, read_keys, sign
from poker_signal.lambda_app.ticket_keys import REREAD_S, RETRY_S, TicketKeys
from tests.core.build import AT
from tests.lambda_app.build import ALICE, BOB, Ssm

OLD = {"old": "a-secret-of-october-with-entropy"}
NEW = {"new": "a-secret-of-november-with-entropy"}
PARAMETER = "/poker-signaling/tickets"

CONNECT = Connect(ALICE, AT)


class Container:
    """The key cache of a container, with its clock."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self.ssm = Ssm(json.dumps(secrets))
        self.now_s = 1000.0
        self.keys = TicketKeys(self.ssm, PARAMETER, lambda: self.now_s)

    def verify(self, ticket: str | None) -> None:
        """Verify a ticket of Alice."""
        self.keys.verify(ticket, CONNECT)

    def refuses(self, ticket: str | None) -> SignalError:
        """Return the error with which a ticket of Alice is refused."""
        with pytest.raises(SignalError) as refused:
            self.verify(ticket)
        return refused.value


def ticket(secrets: dict[str, str], kid: str, row: Any = ALICE) -> str:
    """Return a ticket."""
    return sign(read_keys(json.dumps(secrets)), kid, row.game_id, row.player_id, AT + 60)


def test_the_secret_is_read_once_when_the_first_ticket_comes() -> None:
    """The parameter is read once, decrypted, at the first ticket and not before."""
    container = Container(OLD)
    assert container.ssm.calls == []
    for _ in range(3):
        container.verify(ticket(OLD, "old"))
    container.now_s += 10 * REREAD_S
    container.verify(ticket(OLD, "old"))
    assert container.ssm.calls == [{"Name": PARAMETER, "WithDecryption": True}]


@pytest.mark.parametrize("none", [None, ""])
def test_who_has_no_ticket_costs_no_read(none: str | None) -> None:
    """A connect without a ticket, as scanners send, reads no parameter."""
    container = Container(OLD)
    assert isinstance(container.refuses(none), MissingTicket)
    assert container.ssm.calls == []


@pytest.mark.parametrize("is_old_kept", [True, False], ids=["added", "replaced"])
def test_a_key_that_was_added_is_found_and_one_that_was_removed_is_forgotten(
    is_old_kept: bool,
) -> None:
    """One more read finds an added key and drops a removed one, without a deployment."""
    container = Container(OLD)
    container.verify(ticket(OLD, "old"))
    container.ssm.value = json.dumps(OLD | NEW if is_old_kept else NEW)
    container.now_s += REREAD_S
    container.verify(ticket(NEW, "new"))
    if is_old_kept:
        container.verify(ticket(OLD, "old"))
    else:
        assert isinstance(container.refuses(ticket(OLD, "old")), UnknownTicketKey)
    assert len(container.ssm.calls) == 2


def test_made_up_keys_make_it_read_once_a_minute() -> None:
    """Unknown kids cause one read a minute, because SSM allows 40 reads a second per account."""
    container = Container(OLD)
    container.verify(ticket(OLD, "old"))
    for _ in range(100):
        assert isinstance(container.refuses(ticket(NEW, "new")), UnknownTicketKey)
    assert len(container.ssm.calls) == 1
    container.now_s += REREAD_S
    for _ in range(100):
        assert isinstance(container.refuses(ticket(NEW, "new")), UnknownTicketKey)
    container.now_s += REREAD_S
    # These keys are known, so another read would not help.
    assert type(container.refuses(ticket(OLD, "old", BOB))) is InvalidTicket
    assert type(container.refuses(ticket(OLD, "old").replace("e", "f", 1))) is InvalidTicket
    assert len(container.ssm.calls) == 2
    container.verify(ticket(OLD, "old"))


def test_an_ssm_that_fails_is_asked_again_after_a_while() -> None:
    """A failed read raises for each ticket, but tickets cause a read every RETRY_S only."""
    container = Container(OLD)
    container.ssm.failure = ConnectionError("SSM is down")
    for seconds in (0, RETRY_S):
        container.now_s += seconds
        for _ in range(100):
            with pytest.raises(ConnectionError):
                container.verify(ticket(OLD, "old"))
    assert len(container.ssm.calls) == 2
    container.ssm.failure = None
    container.now_s += RETRY_S
    container.verify(ticket(OLD, "old"))
    assert len(container.ssm.calls) == 3


def test_an_ssm_that_fails_later_costs_nobody_with_a_known_key_anything() -> None:
    """While SSM fails, known keys work, and unknown ones cause no further reads."""
    container = Container(OLD)
    container.verify(ticket(OLD, "old"))
    container.ssm.failure = ConnectionError("SSM is down")
    container.now_s += REREAD_S
    with pytest.raises(ConnectionError):
        container.verify(ticket(NEW, "new"))
    assert isinstance(container.refuses(ticket(NEW, "new")), UnknownTicketKey)
    container.verify(ticket(OLD, "old"))
    assert len(container.ssm.calls) == 2


@pytest.mark.parametrize("value", ["", "secret", '{"old":"too-short"}'])
def test_a_parameter_without_keys_lets_nobody_in(value: str) -> None:
    """A parameter without keys raises, and works once it is corrected, without a deployment."""
    container = Container(OLD)
    container.ssm.value = value
    with pytest.raises(BadKeys):
        container.verify(ticket(OLD, "old"))
    container.ssm.value = json.dumps(OLD)
    container.now_s += RETRY_S
    container.verify(ticket(OLD, "old"))
