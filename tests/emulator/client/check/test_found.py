"""Faults of a server, and the rules of the check that find them."""

import itertools

import pytest

from poker_signal.emulator.client.check.runner import FIRST, RULES
from tests.emulator.client.check import faults
from tests.emulator.client.check.broken import Fault, failures, found, refusing
from tests.emulator.client.check.faults import admits, answers, drops, forgets

REFUSALS = {
    "no playerId is refused with 400",
    "no gameId is refused with 400",
    "impossible names are refused with 400",
    "malformed sessions are refused with 400",
}
UNDELIVERED = {
    "no message reaches another game",
    "for a missing target: undelivered",
    "for a player that left: undelivered",
}
ERRORS = {
    "an unknown type is an error",
    "an invalid message is an error",
    "a join without HOST is an error",
    "HOST cannot join itself",
    "a client cannot send to itself",
    "a name is refused while its player lives",
}
FREED = {
    "for a player that left: undelivered",
    "a name is free once its player left",
    "a ghost does not lock its player out",
}
HANDSHAKE = {
    "candidates are relayed",
    "no candidate overtakes its offer",
    "a whole handshake, from join to candidates",
}
RESERVED = {
    "another session takes no seat over",
    "a protected HOST: others get 409",
    "a HOST restarts with its session",
    "without sessions the newest HOST gets joins",
}
"""Rules whose names the sessions of earlier rules still reserve, if all rules share one game."""

DEPARTURES = {"a departure is told after 5 s", "a HOST that leaves is told after 5 s"}

BY_ITSELF = {
    "a hello is answered with the roster",
    "arrivals are told",
    "an unanswered join is delivered again",
} | DEPARTURES

SESSIONS = {
    "malformed sessions are refused with 400",
    "a session takes its seat over",
    "a protected HOST: others get 409",
    "a HOST restarts with its session",
}

FOUND: dict[str, tuple[Fault, set[str]]] = {
    # Handshakes that must be refused.
    "400 never": (admits(400), REFUSALS),
    "409 never": (admits(409), {"a protected HOST: others get 409"}),
    "500 always": (faults.OTHER_STATUS, REFUSALS | {"a protected HOST: others get 409"}),
    # Names that are taken from their owners.
    "sessions ignored": (forgets("session"), SESSIONS | {"arrivals are told"}),
    "sessions mixed": (
        faults.ONE_SESSION,
        {"another session takes no seat over", "a protected HOST: others get 409"},
    ),
    "hosts mixed": (faults.FIRST_HOST, {"without sessions the newest HOST gets joins"}),
    # Messages that are lost, changed or late.
    "no candidates": (drops("ice-candidate"), HANDSHAKE),
    "no player-connected": (drops("player-connected"), {"player-connected is relayed"}),
    "senders believed": (faults.believes_sender(), {"senderId is the connection's"}),
    "overtaking": (faults.overtaking(), {"no candidate overtakes its offer"}),
    "payloads rewritten": (faults.REWRITES, {"a payload arrives as it was written"}),
    "games mixed": (faults.ONE_GAME, {"no message reaches another game"} | RESERVED | BY_ITSELF),
    # answers that are missing or wrong.
    "no acks": (drops("ack"), {"an id is acknowledged"}),
    "acks for nothing": (faults.ACKS_ALL, {"an id is acknowledged"}),
    "no pongs": (drops("pong"), {"an id is acknowledged", "ping is answered", "arrivals are told"}),
    "no errors": (drops("error"), ERRORS),
    "no undelivereds": (drops("undelivered"), UNDELIVERED),
    "errors for undelivereds": (faults.ERRS_AT_UNDELIVERED, UNDELIVERED),
    "no sentences": (faults.NO_SENTENCE, UNDELIVERED | ERRORS),
    "unknown type": (answers("UNKNOWN_TYPE"), {"an unknown type is an error"}),
    "invalid message": (answers("INVALID_MESSAGE"), {"an invalid message is an error"}),
    "no host": (answers("HOST_NOT_FOUND"), {"a join without HOST is an error"}),
    "host joins": (answers("INVALID_JOIN"), {"HOST cannot join itself"}),
    "oneself": (answers("NOT_ALLOWED"), {"a client cannot send to itself"}),
    "duplicate": (answers("DUPLICATE_NAME"), {"a name is refused while its player lives"}),
    "half a star": (faults.HALF_A_STAR, {"a player's offer: mesh or star"}),
    "no player leaves": (faults.KEEPS, FREED | DEPARTURES),
    # What the server does by itself.
    "wishes ignored": (forgets("wants"), {"arrivals are told"} | DEPARTURES),
    "no welcome": (drops("welcome"), BY_ITSELF),
    "no roster": (faults.NO_ROSTER, {"a hello is answered with the roster"}),
    "joins once": (faults.joins_once(), {"an unanswered join is delivered again"}),
    "one reason": (faults.ONE_REASON, {"arrivals are told", "a departure is told after 5 s"}),
}

SAID: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "overtaking": (('"type":"offer"',), ('"type":"ice-candidate"',)),
    "no player leaves": ((), ("still", "DUPLICATE_NAME")),
}
"""Parts of the expected and of the actual text, in the failed rows of a fault."""


# Each takes most of a second: one in three, and all of them nightly.
CASES = [
    name if number % 3 == 0 else pytest.param(name, marks=pytest.mark.nightly)
    for number, name in enumerate(FOUND)
]


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_found(name: str) -> None:
    """Each fault fails the rules that are about it, and no other."""
    fault, expected = FOUND[name]
    rows = found(fault)
    assert rows.keys() == expected
    for text in SAID.get(name, ((), ()))[0]:
        assert any(text in row.expected for row in rows.values())
    for text in SAID.get(name, ((), ()))[1]:
        assert any(text in row.came for row in rows.values())


def test_players_that_hear_each_other_badly_are_neither_mesh_nor_star() -> None:
    """An offer between players without an answer leaves the topology unknown."""
    rows = found(drops("answer"))
    row = rows["player to player: mesh or star"]
    assert "(mesh)" in row.expected
    assert "(star)" in row.expected
    assert row.came == "nothing within 1 s"
    assert row.star is None


def test_a_relayed_message_has_its_sender_and_exactly_three_keys() -> None:
    """A wrong sender and an extra key are both found and shown."""
    row = found(faults.SWAPS_SENDER)["a join reaches HOST"]
    assert '"senderId":"Alice"' in row.expected
    assert '"senderId": "Mallory"' in row.came
    rows = found(faults.MORE_KEYS)
    assert {"a join reaches HOST", "offer and answer are relayed"} <= rows.keys()


async def test_what_is_refused_once_and_then_is_found() -> None:
    """A server that admits only the first client fails the second rule."""
    served = itertools.count()
    async with refusing(429, admits=lambda _: next(served) == 0) as url:
        rows = await failures(url, RULES[:2])
    assert FIRST.name not in rows
    assert "429 Too Many Requests: throttled" in rows["connects again"].came
