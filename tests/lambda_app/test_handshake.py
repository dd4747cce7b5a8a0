"""The id of a handshake on each of its lines, and the metric of its duration."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from poker_signal.core.configuration import Rules
from poker_signal.core.model import Row, Watch
from poker_signal.lambda_app import handler as module
from poker_signal.lambda_app.handshake import id_of
from tests.core.build import AT, row
from tests.lambda_app.build import (
    ALICE,
    BOB,
    CANDIDATE,
    HOST,
    JOIN,
    OFFER,
    Capture,
    Container,
    ScriptedQueue,
    batch,
    connect,
    disconnect,
    due_record,
    logged,
    message,
)

ANSWER = '{"type":"answer","targetId":"HOST","payload":1}'
PING = '{"type":"ping"}'
AT_ALICE_MS = (AT - 59) * 1000
"""Time at which Alice connected."""


def answer(sender: Row, ms: int = 1234, target: str = "HOST") -> Any:
    """Return the event of an answer, some milliseconds after Alice's connect."""
    event = message(sender, ANSWER.replace("HOST", target))
    event["requestContext"]["requestTimeEpoch"] = AT_ALICE_MS + ms
    return event


def test_the_lines_of_a_handshake_have_one_id(capsys: Capture) -> None:
    """Each relayed message has the id, in both directions and in every container."""
    ids = []
    for event in (
        message(ALICE, JOIN),
        message(HOST, OFFER),
        message(ALICE, ANSWER),
        message(HOST, CANDIDATE),
    ):
        Container(HOST, ALICE, BOB)(event)
        ids.append(logged(capsys)["handshake"])
    assert ids == [id_of(HOST.connection_id, ALICE.connection_id)] * 4
    assert re.fullmatch("[0-9a-f]{8}", ids[0])
    Container(HOST, ALICE, BOB)(message(BOB, JOIN))
    assert logged(capsys)["handshake"] != ids[0]
    # Another connection of the same name makes another handshake.
    again = row("Alice", 9)
    Container(HOST, again)(message(again, JOIN))
    assert logged(capsys)["handshake"] != ids[0]


def test_a_join_that_is_delivered_again_has_its_id(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second delivery of a join is found with the same filter."""
    clock = SimpleNamespace(time_ns=lambda: AT * 1_000_000_000, perf_counter=lambda: 0.0)
    monkeypatch.setattr(module, "time", clock)
    container = Container(HOST, ALICE, rules=Rules(later=True), queue=ScriptedQueue())
    container(batch(due_record(Watch(ALICE.connection_id, HOST.connection_id, "null", None))))
    line = logged(capsys)
    assert line["handshake"] == id_of(ALICE.connection_id, HOST.connection_id)
    assert "HandshakeMs" not in line


def test_what_is_not_relayed_has_no_id(capsys: Capture) -> None:
    """Connects, pings, and messages that reached no other connection belong to no handshake."""
    for event in (
        connect(BOB),
        disconnect(BOB),
        message(ALICE, PING),
        message(ALICE, "?"),
        message(ALICE, ANSWER.replace("HOST", "Absent")),
    ):
        Container(HOST, ALICE)(event)
        assert "handshake" not in logged(capsys)


def test_a_message_past_a_ghost_belongs_to_who_got_it(capsys: Capture) -> None:
    """The id is that of the connection that the message reached, not of the ghost before it."""
    ghost = row("HOST", 9)
    container = Container(HOST, ALICE, ghost)
    container.connections.gone.add(ghost.connection_id)
    container(message(ALICE, JOIN))
    assert logged(capsys)["handshake"] == id_of(ALICE.connection_id, HOST.connection_id)


def test_the_answer_has_the_time_since_the_connect(capsys: Capture) -> None:
    """The metric is in the line of the answer only: its time minus the player's connect."""
    container = Container(HOST, ALICE)
    container(message(HOST, OFFER))
    assert "HandshakeMs" not in logged(capsys)
    container(answer(ALICE))
    assert logged(capsys)["HandshakeMs"] == 1234
    # A later answer negotiates again, which is no handshake of a player who waits.
    container(answer(ALICE, 3_600_000))
    line = logged(capsys)
    assert line["type"] == "answer"
    assert "HandshakeMs" not in line


def test_the_time_begins_with_the_later_of_the_two(capsys: Capture) -> None:
    """A host that came after the player could not answer before; clocks never go backwards."""
    host = row("HOST", 5)
    Container(host, ALICE)(answer(ALICE, 4100))
    assert logged(capsys)["HandshakeMs"] == 100
    Container(host, ALICE)(answer(ALICE, 3900))
    assert logged(capsys)["HandshakeMs"] == 0
    # In a mesh, the joiner may offer.
    Container(HOST, ALICE)(answer(HOST, 700, "Alice"))
    assert logged(capsys)["HandshakeMs"] == 700


def test_an_answer_that_did_not_arrive_is_not_counted(capsys: Capture) -> None:
    """An answer to a host that is gone ends no handshake."""
    container = Container(HOST, ALICE)
    container.connections.gone.add(HOST.connection_id)
    container(answer(ALICE))
    line = logged(capsys)
    assert line["outcome"] == "undelivered"
    assert not {"HandshakeMs", "handshake"} & line.keys()
