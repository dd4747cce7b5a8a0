"""One event and whatever follows from it, with a host that performs and reports."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poker_signal.core import messages
from poker_signal.core.configuration import MAX_FRAME_BYTES, Rules, Topology
from poker_signal.core.errors import (
    DuplicateName,
    GameFull,
    HostNotFound,
    HostProtected,
    InvalidMessage,
    NotConnected,
    TargetNotFound,
)
from poker_signal.core.event_parser import response_for
from poker_signal.core.invocation import Invocation, Outcome
from poker_signal.core.model import (
    HOST,
    ROW_LIFETIME_S,
    Close,
    Connect,
    ConnectionId,
    Disconnect,
    Effect,
    Forget,
    LookAgain,
    Message,
    PlayerId,
    Post,
    Probe,
    ReadAgain,
    Row,
    Save,
    Wait,
)
from poker_signal.core.room import Room
from poker_signal.core.routing import MAX_WAITS
from tests.core.build import (
    AT,
    connect,
    heard,
    json_values,
    message,
    perform,
    perform_if,
    row,
    signal,
)

TABLET = row("HOST", 0)
ALICE = row("Alice", 1)
BOB = row("Bob", 2)
ROOM = Room([TABLET, ALICE, BOB])

JOIN = '{"type":"join"}'
JOINED = '{"type":"join","senderId":"Alice","payload":null}'
OFFER = '{"type":"offer","targetId":"Bob"}'
OFFERED = '{"type":"offer","senderId":"Alice","payload":null}'
OFFER_WITH_ID = '{"type":"offer","targetId":"Bob","id":"7"}'
ACK = '{"type":"ack","id":"7","payload":{"targetId":"Bob"}}'

DUPLICATE_NAME = (
    '{"type":"error","payload":{"code":"DUPLICATE_NAME",'
    r'"message":"A player named \u201cAlice\u201d is in this game already."}}'
)
HOST_NOT_FOUND = (
    '{"type":"error","payload":{"code":"HOST_NOT_FOUND",'
    '"message":"Nobody is hosting this game. Please check the code."}}'
)
BOB_NOT_FOUND = (
    '{"type":"undelivered","payload":{"code":"TARGET_NOT_FOUND",'
    r'"message":"\u201cBob\u201d is not in this game.","type":"offer","targetId":"Bob"}'
)


def told(body: str, *, sender: Row = ALICE, room: Room = ROOM) -> str:
    """Return the one frame that is sent because of a message, which its sender hears."""
    rules = Rules(max_payload_bytes=131_072)
    [(connection_id, frame)] = heard(perform(Invocation(message(sender, body), room, rules)))
    assert connection_id == sender.connection_id
    return frame


def invalid(reason: str, suffix: str = "") -> str:
    """Return the frame that tells why a message could not be understood."""
    text = f"This message cannot be understood: {reason}."
    return (
        f'{{"type":"error","payload":{{"code":"INVALID_MESSAGE",'
        f'"message":{json.dumps(text)}}}{suffix}}}'
    )


# --- delivered ---


def test_a_message_that_arrives_is_delivered() -> None:
    """The usual case: one post, and the log says so."""
    invocation = Invocation(message(ALICE, JOIN), ROOM)
    assert perform(invocation) == [Post(TABLET.connection_id, JOINED, signal(ALICE, "join"), HOST)]
    assert invocation.outcome == Outcome("delivered")


def test_the_message_that_was_read_is_known() -> None:
    """A host logs its type; and it is none as long as nothing was read."""
    invocation = Invocation(message(ALICE, OFFER), ROOM)
    assert invocation.signal is None
    perform(invocation)
    assert invocation.signal == signal(ALICE, "offer", "Bob")


def test_a_ping_ends_as_a_pong() -> None:
    """Also of somebody without a row, and whatever else it says."""
    invocation = Invocation(message(ALICE, '{"type":"ping","id":"7","targetId":7}'), Room())
    assert heard(perform(invocation)) == [(ALICE.connection_id, '{"type":"pong"}')]
    assert invocation.outcome == Outcome("pong")


def test_a_sender_is_who_its_connection_is() -> None:
    """Never who the message says: nobody speaks in another's name."""
    body = '{"type":"offer","senderId":"HOST","targetId":"Bob","payload":{"senderId":"HOST"}}'
    assert heard(perform(Invocation(message(ALICE, body), ROOM))) == [
        (
            BOB.connection_id,
            '{"type":"offer","senderId":"Alice","payload":{"senderId":"HOST"}}',
        )
    ]


@pytest.mark.parametrize(
    "payload",
    ["1e400", "9" * 5000, '{"b":1,"a":[1.0,-0]}', r'"\u00e4\/"', '"🃏"', "[" * 200 + "]" * 200],
    ids=["1e400", "5000 digits", "key order", "escapes", "emoji", "200 levels"],
)
def test_a_payload_arrives_as_it_was_written(payload: str) -> None:
    """From the text that was sent to the text that is heard, nothing parses and prints it."""
    body = f'{{"payload":{payload},"type":"offer","targetId":"Bob"}}'
    assert heard(perform(Invocation(message(ALICE, body), ROOM))) == [
        (BOB.connection_id, f'{{"type":"offer","senderId":"Alice","payload":{payload}}}')
    ]


def test_the_topology_holds() -> None:
    """A host sets it once for all its games."""
    invocation = Invocation(message(ALICE, OFFER), ROOM, Rules(Topology.STAR))
    assert heard(perform(invocation)) == [
        (
            ALICE.connection_id,
            '{"type":"error","payload":{"code":"NOT_ALLOWED",'
            '"message":"In this game players may send messages only to the host."}}',
        )
    ]
    assert invocation.outcome.name == "error"


# --- acknowledged ---


def test_a_message_with_an_id_is_acknowledged_after_it_arrived() -> None:
    """The ack says that the gateway took it for a live connection."""
    invocation = Invocation(message(ALICE, OFFER_WITH_ID), ROOM)
    assert heard(perform(invocation)) == [
        (BOB.connection_id, OFFERED),
        (ALICE.connection_id, ACK),
    ]
    assert invocation.outcome == Outcome("delivered")


def test_a_join_with_an_id_is_acknowledged() -> None:
    """Its target is the host, named or not."""
    invocation = Invocation(message(ALICE, '{"type":"join","id":"7"}'), ROOM)
    assert heard(perform(invocation)) == [
        (TABLET.connection_id, JOINED),
        (ALICE.connection_id, '{"type":"ack","id":"7","payload":{"targetId":"HOST"}}'),
    ]


def test_a_message_without_an_id_is_not_acknowledged() -> None:
    """The client in the field does not ask, and would have to ignore it."""
    assert heard(perform(Invocation(message(ALICE, OFFER), ROOM))) == [(BOB.connection_id, OFFERED)]


def test_a_message_that_arrived_only_at_the_second_try_is_acknowledged_once() -> None:
    """The sender asked whether it arrived, not how."""
    second = row("Bob", 9)
    invocation = Invocation(message(ALICE, OFFER_WITH_ID), ROOM.adding(second))
    assert heard(perform(invocation, gone=[BOB])) == [
        (BOB.connection_id, OFFERED),
        (second.connection_id, OFFERED),
        (ALICE.connection_id, ACK),
    ]


def test_a_message_that_did_not_arrive_is_not_acknowledged() -> None:
    """It is undelivered instead, with the same id."""
    invocation = Invocation(message(ALICE, OFFER_WITH_ID), ROOM)
    assert heard(perform(invocation, gone=[BOB])) == [
        (BOB.connection_id, OFFERED),
        (ALICE.connection_id, BOB_NOT_FOUND + ',"id":"7"}'),
    ]
    assert invocation.outcome == Outcome("undelivered", invocation.outcome.error)
    assert isinstance(invocation.outcome.error, TargetNotFound)


def test_a_sender_that_is_gone_before_its_ack_is_forgotten() -> None:
    """The message was delivered nevertheless."""
    invocation = Invocation(message(ALICE, OFFER_WITH_ID), ROOM)
    assert perform(invocation, gone=[ALICE])[-1] == Forget(ALICE.connection_id)
    assert invocation.outcome == Outcome("delivered")


# --- healed ---


def test_a_dead_row_costs_no_live_player_a_message() -> None:
    """It is forgotten, and the message goes to the next owner of the name."""
    second, third = row("Bob", 8), row("Bob", 9)
    invocation = Invocation(message(ALICE, OFFER), Room([ALICE, BOB, second, third]))
    cause = signal(ALICE, "offer", "Bob")
    bob = PlayerId("Bob")
    assert perform(invocation, gone=[BOB, second]) == [
        Post(BOB.connection_id, OFFERED, cause, bob),
        Forget(BOB.connection_id),
        Post(second.connection_id, OFFERED, cause, bob),
        Forget(second.connection_id),
        Post(third.connection_id, OFFERED, cause, bob),
    ]
    assert invocation.outcome == Outcome("delivered")


def test_a_dead_tablet_costs_no_player_the_game() -> None:
    """The tablet that connected before it is still there."""
    dead = row("HOST", 9)
    invocation = Invocation(message(ALICE, JOIN), ROOM.adding(dead))
    assert heard(perform(invocation, gone=[dead])) == [
        (dead.connection_id, JOINED),
        (TABLET.connection_id, JOINED),
    ]


def test_only_when_nobody_is_left_the_target_is_not_found() -> None:
    """And no dead row survives that."""
    second = row("Bob", 9)
    effects = perform(Invocation(message(ALICE, OFFER), ROOM.adding(second)), gone=[BOB, second])
    assert heard(effects)[-1] == (ALICE.connection_id, BOB_NOT_FOUND + "}")
    assert [effect for effect in effects if isinstance(effect, Forget)] == [
        Forget(BOB.connection_id),
        Forget(second.connection_id),
    ]


def test_only_when_nobody_is_left_the_host_is_not_found() -> None:
    """The final answer to a join is an error: its screen waits for it."""
    restarted = row("HOST", 9)
    invocation = Invocation(message(ALICE, JOIN), ROOM.adding(restarted))
    effects = perform(invocation, gone=[TABLET, restarted])
    assert heard(effects)[-1] == (ALICE.connection_id, HOST_NOT_FOUND)
    assert {Forget(TABLET.connection_id), Forget(restarted.connection_id)} <= set(effects)
    assert isinstance(invocation.outcome.error, HostNotFound)
    assert invocation.outcome.name == "error"


def test_a_sender_that_cannot_be_answered_is_forgotten() -> None:
    """Nothing is left to be told, and nobody to tell it."""
    invocation = Invocation(message(ALICE, JOIN), Room([ALICE]))
    assert perform(invocation, gone=[ALICE]) == [
        Post(ALICE.connection_id, HOST_NOT_FOUND),
        Forget(ALICE.connection_id),
    ]
    assert invocation.outcome.name == "error"


def test_a_pong_that_finds_nobody_is_not_tried_again() -> None:
    """The row goes, and that is all."""
    invocation = Invocation(message(ALICE, '{"type":"ping"}'), ROOM)
    assert perform(invocation, gone=[ALICE]) == [
        Post(ALICE.connection_id, messages.PONG),
        Forget(ALICE.connection_id),
    ]
    assert invocation.outcome == Outcome("pong")


# --- joining ---


def test_a_ghost_does_not_lock_its_player_out() -> None:
    """A phone that lost its connection joins again under its own name."""
    again = row("Alice", 9)
    joins = signal(again, "join")
    invocation = Invocation(message(again, JOIN), ROOM.adding(again))
    assert perform(invocation, gone=[ALICE]) == [
        Probe(ALICE.connection_id, ALICE.player_id, cause=joins),
        Forget(ALICE.connection_id),
        Post(TABLET.connection_id, JOINED, joins, HOST),
    ]
    assert invocation.outcome == Outcome("delivered")


def test_every_ghost_is_found_out() -> None:
    """A phone in bad reception leaves more than one."""
    second, again = row("Alice", 8), row("Alice", 9)
    invocation = Invocation(message(again, JOIN), Room([TABLET, ALICE, second, again]))
    effects = perform(invocation, gone=[ALICE, second])
    assert [type(effect) for effect in effects] == [Probe, Forget, Probe, Forget, Post]
    assert heard(effects) == [(TABLET.connection_id, JOINED)]


def test_a_name_whose_owner_is_alive_is_a_duplicate_and_nobody_else_hears() -> None:
    """Neither the owner nor the host is disturbed by who mistypes a name."""
    again = row("Alice", 9)
    invocation = Invocation(message(again, JOIN), ROOM.adding(again))
    assert perform(invocation) == [
        Probe(ALICE.connection_id, ALICE.player_id, cause=signal(again, "join")),
        Post(again.connection_id, DUPLICATE_NAME),
    ]
    assert invocation.outcome.name == "error"
    assert isinstance(invocation.outcome.error, DuplicateName)


def test_a_ghost_before_an_owner_that_is_alive_is_forgotten_all_the_same() -> None:
    """The next owner of the name is asked, and answers."""
    second, again = row("Alice", 8), row("Alice", 9)
    invocation = Invocation(message(again, JOIN), Room([TABLET, ALICE, second, again]))
    effects = perform(invocation, gone=[ALICE])
    assert Forget(ALICE.connection_id) in effects
    assert heard(effects) == [(again.connection_id, DUPLICATE_NAME)]


def test_ghosts_of_player_and_host_are_found_out_by_one_join() -> None:
    """After a power cut both devices have one."""
    again, restarted = row("Alice", 9), row("HOST", 8)
    invocation = Invocation(message(again, JOIN), Room([TABLET, restarted, ALICE, again]))
    effects = perform(invocation, gone=[ALICE, restarted])
    assert heard(effects) == [(restarted.connection_id, JOINED), (TABLET.connection_id, JOINED)]
    assert {Forget(ALICE.connection_id), Forget(restarted.connection_id)} <= set(effects)


# --- what senders are told ---


@pytest.mark.parametrize(
    ("body", "frame"),
    [
        ("hello", invalid("it is not a JSON object")),
        ("[]", invalid("it is not a JSON object")),
        ('{"type":"offer","payload":NaN}', invalid("it is not a JSON object")),
        ("{}", invalid("“type” must be a string")),
        (
            '{"type":"join","id":""}',
            invalid("“id” must be a string of 1 to 64 characters"),
        ),
        (
            '{"type":"offer","id":"7"}',
            invalid(
                "“targetId” must be a string of "
                "1 to 128 characters, no control characters, not only white space",
                ',"id":"7"',
            ),
        ),
        (
            '{"type":"offer","payload":' + "[" * 100_000 + "]" * 100_000 + "}",
            invalid("it is nested too deeply"),
        ),
        (
            '{"type":"hello","id":"7"}',
            '{"type":"error","payload":{"code":"UNKNOWN_TYPE",'
            '"message":"This kind of message is not known here."},"id":"7"}',
        ),
        (
            '{"type":"offer","targetId":"Alice","id":"7"}',
            '{"type":"error","payload":{"code":"NOT_ALLOWED",'
            '"message":"A player cannot send messages to itself."},"id":"7"}',
        ),
        (
            '{"type":"ice-candidate","targetId":"Zoë","payload":{"candidate":"a=1"},"id":"7"}',
            '{"type":"undelivered","payload":{"code":"TARGET_NOT_FOUND",'
            r'"message":"\u201cZo\u00eb\u201d is not in this game.",'
            r'"type":"ice-candidate","targetId":"Zo\u00eb"},"id":"7"}',
        ),
    ],
    ids=[
        "no JSON",
        "no object",
        "NaN",
        "no type",
        "bad id",
        "no target",
        "too deep",
        "unknown type",
        "to oneself",
        "late candidate",
    ],
)
def test_a_sender_is_told_what_became_of_its_message(body: str, frame: str) -> None:
    """Nothing is silent; and nobody else hears of it."""
    assert told(body) == frame


@pytest.mark.parametrize(
    "body",
    ['{"id":"7"}', '{"type":7,"id":"7"}', '{"id":"7","type":null}'],
    ids=["absent", "number", "null"],
)
def test_an_error_repeats_the_id_even_of_a_message_without_a_type(body: str) -> None:
    """An id that was given comes back: the sender waits for the answer to that message."""
    assert told(body) == invalid("“type” must be a string", ',"id":"7"')


@pytest.mark.parametrize(
    ("body", "frame"),
    [
        (
            JOIN,
            '{"type":"error","payload":{"code":"NOT_CONNECTED",'
            '"message":"You are no longer in this game. Please connect again."}}',
        ),
        (
            OFFER,
            '{"type":"undelivered","payload":{"code":"NOT_CONNECTED",'
            '"message":"You are no longer in this game. Please connect again.",'
            '"type":"offer","targetId":"Bob"}}',
        ),
    ],
    ids=["join", "offer"],
)
def test_a_sender_whose_row_is_gone_is_told_so(body: str, frame: str) -> None:
    """A join waits for an error; a live game must not be torn down by one."""
    invocation = Invocation(message(ALICE, body), Room([TABLET, BOB]))
    assert heard(perform(invocation)) == [(ALICE.connection_id, frame)]
    assert isinstance(invocation.outcome.error, NotConnected)


def test_the_host_that_joins_is_told_that_it_cannot() -> None:
    """It would wait for its own offer."""
    assert told('{"type":"join","id":"7"}', sender=TABLET) == (
        '{"type":"error","payload":{"code":"INVALID_JOIN",'
        '"message":"The host cannot join its own game."},"id":"7"}'
    )


@pytest.mark.parametrize("type_", ["join", "offer"], ids=str)
def test_a_message_that_its_senders_name_makes_too_long_is_an_error(type_: str) -> None:
    """What API Gateway took, it would not post; only the sender can make it shorter."""
    sender = row("🃏" * 128, 5)
    body = f'{{"type":"{type_}","targetId":"Bob","id":"7","payload":"{"x" * 130_700}"}}'
    assert len(body) < 131_072
    assert told(body, sender=sender, room=ROOM.adding(sender)) == invalid(
        "it is longer than 131072 bytes when it is passed on", ',"id":"7"'
    )


def test_what_could_not_be_read_ends_as_an_error_without_a_signal() -> None:
    """A host logs the outcome even then."""
    invocation = Invocation(message(ALICE, "hello"), ROOM)
    perform(invocation)
    assert invocation.signal is None
    assert invocation.outcome.name == "error"
    assert isinstance(invocation.outcome.error, InvalidMessage)
    assert response_for(invocation.outcome) == {"statusCode": 200}


# --- connecting and leaving ---


def test_a_newcomer_is_connected() -> None:
    """Saved, and let in."""
    invocation = Invocation(connect(BOB), Room([TABLET, ALICE]))
    assert perform(invocation) == [Save(BOB)]
    assert invocation.outcome == Outcome("connected")
    assert response_for(invocation.outcome) == {"statusCode": 200}


def test_a_newcomer_takes_over_its_own_former_connection() -> None:
    """A phone that changes from Wi-Fi to mobile keeps its seat."""
    old, new = row("Alice", 1, session="s1"), row("Alice", 9, session="s1")
    invocation = Invocation(connect(new), Room([TABLET, old]))
    assert perform(invocation) == [
        Save(new._replace(seat=old.rank)),
        Close(old.connection_id),
        Forget(old.connection_id),
    ]
    assert invocation.outcome == Outcome("connected")


@pytest.mark.parametrize("session", [None, "s2"], ids=["none", "another"])
def test_a_protected_host_that_is_alive_keeps_its_game(session: str | None) -> None:
    """The newcomer is refused, and nothing is saved, posted or closed."""
    protected = row("HOST", 0, session="s1")
    asks = connect(row("HOST", 9, session=session))
    invocation = Invocation(asks, Room([ALICE, protected]))
    assert perform(invocation) == [Probe(protected.connection_id, HOST, cause=asks)]
    assert invocation.outcome.name == "refused"
    assert isinstance(invocation.outcome.error, HostProtected)
    assert response_for(invocation.outcome) == {
        "statusCode": 409,
        "body": "Somebody else is hosting this game already.",
    }


def test_a_protected_host_that_is_gone_protects_nothing() -> None:
    """A tablet whose storage was wiped must be able to host again."""
    protected, newcomer = row("HOST", 0, session="s1"), row("HOST", 9)
    asks = connect(newcomer)
    invocation = Invocation(asks, Room([ALICE, protected]))
    assert perform(invocation, gone=[protected]) == [
        Probe(protected.connection_id, HOST, cause=asks),
        Forget(protected.connection_id),
        Save(newcomer),
    ]
    assert invocation.outcome == Outcome("connected")


def test_every_protected_host_is_asked() -> None:
    """One that is gone says nothing about the other."""
    first, second = row("HOST", 0, session="s1"), row("HOST", 1, session="s2")
    invocation = Invocation(connect(row("HOST", 9)), Room([first, second]))
    effects = perform(invocation, gone=[first])
    assert [type(effect) for effect in effects] == [Probe, Forget, Probe]
    assert invocation.outcome.name == "refused"


def test_a_ghost_makes_room_for_a_newcomer() -> None:
    """It is forgotten, and nobody else is asked."""
    carol = row("Carol", 9)
    asks = connect(carol)
    found = asks._replace(seated=frozenset({ALICE.player_id}))
    invocation = Invocation(asks, ROOM, Rules(seats=2))
    assert perform(invocation, gone=[BOB]) == [
        Probe(ALICE.connection_id, ALICE.player_id, cause=asks),
        Probe(BOB.connection_id, BOB.player_id, cause=found),
        Forget(BOB.connection_id),
        Save(carol),
    ]
    assert invocation.outcome == Outcome("connected")


def test_a_name_keeps_its_seat_as_long_as_one_of_its_rows_is_alive() -> None:
    """A player's own ghost does not cost it the seat."""
    ghost, again = row("Alice", 0), row("Alice", 5)
    room = Room([TABLET, ghost, again])
    invocation = Invocation(connect(row("Carol", 9)), room, Rules(seats=1))
    effects = perform(invocation, gone=[ghost])
    assert [type(effect) for effect in effects] == [Probe, Forget, Probe]
    assert isinstance(invocation.outcome.error, GameFull)
    assert response_for(invocation.outcome) == {
        "statusCode": 403,
        "body": "This game is full: every seat is taken.",
    }


SENTENCES = {
    "offer": "undelivered",
    "answer": "undelivered",
    "ice-candidate": "undelivered",
    "player-connected": "undelivered",
    "join": "error",
}


@pytest.mark.parametrize(("type_", "frame_type"), SENTENCES.items(), ids=SENTENCES)
def test_a_message_too_many_is_told_to_its_sender(type_: str, frame_type: str) -> None:
    """A join is answered for good, anything else must not tear a game down."""
    body = json.dumps({"type": type_, "targetId": "Bob", "id": "7"})
    event = message(ALICE, body)._replace(is_over_limit=True)
    invocation = Invocation(event, ROOM)
    [(connection_id, text)] = heard(perform(invocation))
    frame = json.loads(text)
    assert connection_id == ALICE.connection_id
    assert (frame["type"], frame["id"]) == (frame_type, "7")
    assert frame["payload"]["code"] == "RATE_LIMITED"
    assert frame["payload"]["message"] == (
        "That was too much at once. Please wait a moment and try again."
    )
    assert ("targetId" in frame["payload"]) is (frame_type == "undelivered")
    assert invocation.outcome.name == frame_type


@pytest.mark.parametrize(("type_", "frame_type"), SENTENCES.items(), ids=SENTENCES)
def test_a_post_that_is_throttled_is_told_to_its_sender(type_: str, frame_type: str) -> None:
    """Nobody is taken for gone, nothing is noted as reached, nothing is tried again."""
    body = json.dumps({"type": type_, "targetId": "Bob"})
    invocation = Invocation(message(ALICE, body), ROOM)
    performed: list[Effect] = []
    for effect in invocation.effects():
        if isinstance(effect, Wait):
            invocation.waited_enough(effect)
            continue
        performed.append(effect)
        if isinstance(effect, Post) and effect.cause is not None:
            invocation.throttled(effect)
    assert [type(effect) for effect in performed] == [Post, Post]
    frame = json.loads(heard(performed)[-1][1])
    assert frame["type"] == frame_type
    assert frame["payload"]["message"] == (
        "There is too much going on at the moment. Please try again."
    )
    assert invocation.outcome.name == frame_type


def test_an_answer_that_is_throttled_is_lost_and_nothing_follows() -> None:
    """What the message came to is still what the log says."""
    invocation = Invocation(message(ALICE, '{"type":"player-connected","targetId":"Nobody"}'), ROOM)
    performed: list[Effect] = []
    for effect in invocation.effects():
        if isinstance(effect, ReadAgain):
            invocation.waited_enough(effect)
            continue
        performed.append(effect)
        assert isinstance(effect, Post)
        invocation.throttled(effect)
    assert len(performed) == 1
    assert invocation.outcome.name == "undelivered"


def test_a_probe_that_is_throttled_refuses_the_handshake_for_now() -> None:
    """Whoever is there must not lose the seat for want of an answer."""
    protected = row("HOST", 0, session="s1")
    invocation = Invocation(connect(row("HOST", 9)), Room([protected]))
    for effect in invocation.effects():
        assert isinstance(effect, Probe)
        invocation.throttled(effect)
    assert response_for(invocation.outcome) == {
        "statusCode": 429,
        "body": "There is too much going on at the moment. Please try again.",
    }


# --- connections that may not be open yet ---


def young(member: Row) -> Row:
    """Return a row that was stored a moment ago: its handshake may still be going on."""
    return member._replace(ttl=AT + ROW_LIFETIME_S)


@pytest.mark.parametrize("opens", [True, False], ids=["opens", "does not"])
def test_whoever_is_still_connecting_is_passed_over_and_looked_for_later(opens: bool) -> None:
    """API Gateway says gone of it; the next owner hears what was to be said, without a delay.

    Who is not there a second later was a ghost: a dead row never survives being found out.
    """
    newest, ghost = young(row("HOST", 9)), young(row("HOST", 8))
    invocation = Invocation(message(ALICE, JOIN), Room([TABLET, ghost, newest, ALICE]))
    effects: list[Effect] = []
    for effect in invocation.effects():
        effects.append(effect)
        if isinstance(effect, LookAgain):
            is_there = opens and effect.connection_id == newest.connection_id
            (invocation.alive if is_there else invocation.gone)(effect)
        elif isinstance(effect, Post):
            is_open = effect.connection_id == TABLET.connection_id
            (invocation.delivered if is_open else invocation.gone)(effect)
    assert [connection_id for connection_id, _ in heard(effects)] == ["HOST-9", "HOST-8", "HOST-0"]
    assert effects[3:] == [
        LookAgain(1.0, ghost.connection_id),
        Forget(ghost.connection_id),
        LookAgain(0, newest.connection_id),
        *([] if opens else [Forget(newest.connection_id)]),
    ]
    assert invocation.outcome == Outcome("delivered")


def test_nobody_is_forgotten_for_want_of_an_answer() -> None:
    """API Gateway is too busy to say whether it is there."""
    newest = young(row("HOST", 9))
    invocation = Invocation(message(ALICE, JOIN), Room([TABLET, newest, ALICE]))
    seen: list[type] = []
    for effect in invocation.effects():
        seen.append(type(effect))
        if isinstance(effect, LookAgain):
            invocation.throttled(effect)
        else:
            assert isinstance(effect, Post)
            is_open = effect.connection_id == TABLET.connection_id
            (invocation.delivered if is_open else invocation.gone)(effect)
    assert seen == [Post, Post, LookAgain]


def test_a_young_ghost_delays_nobody() -> None:
    """A phone that reconnects after a second joins at once, in spite of its own ghost."""
    ghost, again = young(row("Alice", 1)), row("Alice", 9)
    joins = signal(again, "join")
    invocation = Invocation(message(again, JOIN), Room([TABLET, ghost, again]))
    assert perform(invocation, gone=[ghost]) == [
        Probe(ghost.connection_id, ghost.player_id, joins),
        Post(TABLET.connection_id, JOINED, joins, HOST),
        Forget(ghost.connection_id),
    ]


def test_a_protected_host_that_is_still_connecting_keeps_its_row() -> None:
    """Two hosts at once: the one without the session is let in, and owns nothing."""
    protected, newcomer = young(row("HOST", 0, session="s1")), row("HOST", 9)
    effects = perform(Invocation(connect(newcomer), Room([protected])), gone=[protected])
    assert [type(effect) for effect in effects] == [Probe, Save]


@pytest.mark.parametrize("opens_after", [1, 3])
def test_a_message_waits_for_whoever_is_connecting(opens_after: int) -> None:
    """Its handshake ends a moment later, and it hears the message once."""
    tablet = young(TABLET)
    invocation = Invocation(message(ALICE, JOIN), Room([tablet, ALICE]))
    seen: list[type] = []
    for effect in invocation.effects():
        seen.append(type(effect))
        if isinstance(effect, Wait):
            invocation.waited(effect, ALICE)
        elif isinstance(effect, Post):
            is_open = seen.count(Wait) == opens_after
            (invocation.delivered if is_open else invocation.gone)(effect)
    assert seen == [*([Post, Wait] * opens_after), Post]
    assert invocation.outcome == Outcome("delivered")


def test_whoever_never_comes_is_not_found() -> None:
    """After a second; and then its row goes."""
    tablet = young(TABLET)
    invocation = Invocation(message(ALICE, JOIN), Room([tablet, ALICE]))
    seen: list[type] = []
    for effect in invocation.effects():
        seen.append(type(effect))
        if isinstance(effect, Wait):
            invocation.waited(effect, ALICE)
        elif isinstance(effect, Post):
            (invocation.gone if effect.cause else invocation.delivered)(effect)
    assert seen == [*([Post, Wait] * MAX_WAITS), Post, Post, LookAgain, Forget]
    assert isinstance(invocation.outcome.error, HostNotFound)


def test_whoever_has_just_connected_is_found_when_the_game_is_read_again() -> None:
    """The index follows the table; a ghost that it still knows is not tried a second time."""
    ghost = row("HOST", 9)
    invocation = Invocation(message(ALICE, JOIN), Room([ghost, ALICE]))
    seen: list[Effect] = []
    for effect in invocation.effects():
        seen.append(effect)
        if isinstance(effect, ReadAgain):
            rows = [ghost, ALICE] if len(seen) < 4 else [ghost, ALICE, TABLET]
            invocation.read_again(effect, Room(rows))
        elif isinstance(effect, Post):
            is_open = effect.connection_id == TABLET.connection_id
            (invocation.delivered if is_open else invocation.gone)(effect)
    assert [type(effect) for effect in seen] == [Post, Forget, ReadAgain, ReadAgain, Post]
    assert invocation.outcome == Outcome("delivered")


def test_a_sender_that_is_gone_is_forgotten_however_young() -> None:
    """It has sent a message, so it was open."""
    alice = young(ALICE)
    effects = perform(Invocation(message(alice, '{"type":"ping"}'), Room([alice])), gone=[alice])
    assert Forget(alice.connection_id) in effects


@pytest.mark.parametrize("type_", sorted(messages.DIRECTED))
def test_whoever_speaks_in_anothers_name_is_told_so(type_: str) -> None:
    """Never with an error: it may be a ghost's successor, in a live game."""
    again = row("Alice", 9)
    body = json.dumps({"type": type_, "targetId": "HOST"})
    frame = json.loads(told(body, sender=again, room=ROOM.adding(again)))
    assert (frame["type"], frame["payload"]["code"]) == ("undelivered", "DUPLICATE_NAME")


def test_who_disconnects_is_forgotten() -> None:
    """Nobody is told: peers notice by their own data channels."""
    invocation = Invocation(Disconnect(BOB.connection_id), ROOM)
    assert perform(invocation) == [Forget(BOB.connection_id)]
    assert invocation.outcome == Outcome("disconnected")
    assert response_for(invocation.outcome) == {"statusCode": 200}


# --- anything ---

NAMES = ["HOST", "Alice", "Bob", "Zoë 🃏"]
OUTCOMES_OF_MESSAGES = {"delivered", "pong", "undelivered", "error"}

names = st.sampled_from(NAMES) | st.text(max_size=8).filter(messages.is_name)
rows = st.builds(
    row,
    names,
    st.integers(0, 3),
    connection_id=st.sampled_from([f"c{number}" for number in range(6)]),
    session=st.sampled_from([None, "s1", "s2"]),
    ttl=st.sampled_from([AT - 1, AT, AT + 1]),
)
rooms = st.lists(rows, max_size=6).map(Room)

well_formed = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(messages.TYPES))},
    optional={"targetId": names, "payload": json_values, "id": st.sampled_from(["7", "a" * 64])},
)
ill_formed = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(sorted(messages.TYPES)) | json_values,
        "targetId": names | json_values,
        "payload": json_values,
        "id": st.text() | json_values,
    },
)
bodies = well_formed.map(json.dumps) | (ill_formed | json_values).map(json.dumps) | st.text()

said = st.builds(message, rows, bodies)
events = said | st.builds(connect, rows) | st.builds(Disconnect, st.just(ConnectionId("c0")))
topologies = st.sampled_from(Topology)


class TableAndSockets:
    """What a host of one game keeps, and how it performs effects on it."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.table: dict[ConnectionId, Row] = {}
        self.sockets: set[ConnectionId] = set()

    def play(self, event: Connect | Message | Disconnect) -> str:
        """Perform whatever follows from an event, and return how it ended."""
        invocation = Invocation(event, Room(self.table.values()), Rules(self.topology))
        known = self.table.keys() | self.sockets
        for effect in perform_if(self.sockets.__contains__, invocation):
            match effect:
                case Save(member):
                    self.table[member.connection_id] = member
                case Forget(connection_id):
                    self.table.pop(connection_id, None)
                case Close(connection_id):
                    self.sockets.discard(connection_id)
                case Post(connection_id) | Probe(connection_id):
                    assert connection_id in known
        return invocation.outcome.name


def sent_to(effects: list[Effect]) -> Iterator[ConnectionId]:
    """Return whom a host was to post to, or to ask for a sign of life."""
    return (effect.connection_id for effect in effects if isinstance(effect, Post | Probe))


@given(events, rooms, topologies, st.data())
def test_any_event_comes_to_an_end_whatever_hosts_report(
    event: Connect | Message | Disconnect, room: Room, topology: Topology, data: st.DataObject
) -> None:
    """Nothing is raised, nobody outside the game is disturbed, and nothing goes round for ever."""
    invocation = Invocation(event, room, Rules(topology))
    effects = perform_if(lambda _: data.draw(st.booleans()), invocation)
    known = {member.connection_id for member in room}
    if isinstance(event, Message):
        known.add(event.connection_id)
    assert set(sent_to(effects)) <= known
    assert len(effects) <= 2 * len(room) + 4


@given(said, rooms, topologies, st.data())
def test_any_message_ends_in_one_outcome_and_at_least_one_post(
    event: Message, room: Room, topology: Topology, data: st.DataObject
) -> None:
    """Nothing is silent."""
    invocation = Invocation(event, room, Rules(topology))
    effects = perform_if(lambda _: data.draw(st.booleans()), invocation)
    posts = [effect for effect in effects if isinstance(effect, Post)]
    assert invocation.outcome.name in OUTCOMES_OF_MESSAGES
    assert (invocation.outcome.error is None) is (invocation.outcome.name in {"delivered", "pong"})
    assert posts
    assert all(len(post.data.encode()) <= MAX_FRAME_BYTES for post in posts)
    assert all(isinstance(json.loads(post.data)["type"], str) for post in posts)


@given(said, rooms, topologies, st.data())
def test_what_is_heard_is_what_the_outcome_says(
    event: Message, room: Room, topology: Topology, data: st.DataObject
) -> None:
    """A log that says delivered where the sender heard an error would lead nobody to the cause."""
    invocation = Invocation(event, room, Rules(topology))
    effects = perform_if(lambda _: data.draw(st.booleans()), invocation)
    answers = {
        json.loads(effect.data)["type"]
        for effect in effects
        if isinstance(effect, Post) and effect.cause is None
    }
    if invocation.outcome.name == "delivered":
        with_id = invocation.signal is not None and invocation.signal.id is not None
        assert answers == ({"ack"} if with_id else set())
    else:
        assert answers == {invocation.outcome.name}


@given(events, rooms, topologies, st.data())
def test_any_row_that_is_found_gone_is_forgotten_and_not_tried_again(
    event: Connect | Message | Disconnect, room: Room, topology: Topology, data: st.DataObject
) -> None:
    """One dead row never survives being found out."""
    found_gone: list[ConnectionId] = []

    def is_open(connection_id: ConnectionId) -> bool:
        assert connection_id not in found_gone
        if data.draw(st.booleans()):
            return True
        found_gone.append(connection_id)
        return False

    effects = perform_if(is_open, Invocation(event, room, Rules(topology)))
    assert {Forget(connection_id) for connection_id in found_gone} <= set(effects)


@given(
    st.sampled_from(["HOST", "Alice"]),
    st.sampled_from(sorted(messages.DIRECTED)),
    st.lists(rows, max_size=8),
    st.sets(st.sampled_from([f"c{number}" for number in range(6)])),
)
def test_a_message_reaches_the_first_owner_whose_connection_is_open(
    target_id: str, type_: str, members: list[Row], dead: set[str]
) -> None:
    """However many dead rows are before it."""
    sender = row("Sender", 5)
    room = Room([*members, sender])
    invocation = Invocation(
        message(sender, json.dumps({"type": type_, "targetId": target_id})), room
    )
    effects = perform_if(lambda connection_id: connection_id not in dead, invocation)
    alive = [
        member for member in room.named(PlayerId(target_id), AT) if member.connection_id not in dead
    ]
    receiver = alive[0].connection_id if alive else sender.connection_id
    assert list(sent_to(effects))[-1] == receiver
    assert invocation.outcome.name == ("delivered" if alive else "undelivered")


@given(st.lists(rows, max_size=8), st.sets(st.sampled_from([f"c{number}" for number in range(6)])))
def test_a_join_is_lost_only_to_a_rival_that_is_alive_or_for_want_of_a_host(
    members: list[Row], dead: set[str]
) -> None:
    """No ghost, of player or host, keeps anybody out of a game."""
    joiner = row("Alice", 2, connection_id="joiner")
    room = Room([*members, joiner])
    invocation = Invocation(message(joiner, JOIN), room)
    perform_if(lambda connection_id: connection_id not in dead, invocation)
    owners = [
        member for member in room.named(joiner.player_id, AT) if member.connection_id not in dead
    ]
    hosts = [member for member in room.named(HOST, AT) if member.connection_id not in dead]
    if owners[0] != joiner:
        assert isinstance(invocation.outcome.error, DuplicateName)
    elif not hosts:
        assert isinstance(invocation.outcome.error, HostNotFound)
    else:
        assert invocation.outcome == Outcome("delivered")


@given(
    st.lists(rows, max_size=8),
    st.sets(st.sampled_from([f"c{number}" for number in range(6)])),
    st.integers(1, 3),
)
def test_a_new_name_is_refused_only_if_every_seat_is_somebodys_who_is_alive(
    members: list[Row], dead: set[str], seats: int
) -> None:
    """However many ghosts there are; and nobody alive is asked twice."""
    room = Room(members)
    newcomer = row("Zoe", 9, connection_id="newcomer")
    invocation = Invocation(connect(newcomer), room, Rules(seats=seats))
    effects = perform_if(lambda connection_id: connection_id not in dead, invocation)
    asked = [effect.connection_id for effect in effects if isinstance(effect, Probe)]
    assert len(asked) == len(set(asked))
    assert len([key for key in asked if key not in dead]) <= len({m.player_id for m in room})
    live = [member for member in room if member.is_live(AT) and member.connection_id not in dead]
    taken = {member.player_id for member in live} - {HOST, newcomer.player_id}
    is_there_already = any(
        member.player_id == newcomer.player_id and member.is_live(AT) for member in room
    )
    is_hosted = any(member.player_id == HOST and member.is_live(AT) for member in room)
    is_refused = isinstance(invocation.outcome.error, GameFull)
    assert is_refused is (len(taken) >= seats and not is_there_already and is_hosted)


@given(json_values, json_values, st.booleans())
def test_any_sender_id_in_a_message_is_ignored(lie: Any, payload: Any, first: bool) -> None:
    """Nobody speaks in another's name, wherever the key stands."""
    claim, rest = {"senderId": lie}, {"type": "offer", "targetId": "Bob", "payload": payload}
    body = json.dumps(claim | rest if first else rest | claim)
    [(connection_id, frame)] = heard(perform(Invocation(message(ALICE, body), ROOM)))
    assert connection_id == BOB.connection_id
    assert json.loads(frame) == {"type": "offer", "senderId": "Alice", "payload": payload}


steps = st.lists(
    st.tuples(st.just("connects"), rows)
    | st.tuples(st.just("says"), bodies)
    | st.tuples(st.sampled_from(["leaves", "dies"]), st.none()),
    max_size=12,
)


@given(steps, topologies, st.data())
def test_any_order_of_events_leaves_a_table_that_can_be_believed(
    history: list[tuple[str, Any]], topology: Topology, data: st.DataObject
) -> None:
    """People connect, talk and leave, and connections die without anybody being told."""
    host = TableAndSockets(topology)
    for number, (what, value) in enumerate(history):
        somebody = ConnectionId(f"c{data.draw(st.integers(0, number))}")
        if what == "connects":
            newcomer = value._replace(connection_id=ConnectionId(f"c{number}"))
            if host.play(connect(newcomer)) == "connected":
                host.sockets.add(newcomer.connection_id)
                saved = host.table[newcomer.connection_id]
                assert saved._replace(seat=None) == newcomer
        elif what == "says" and somebody in host.sockets:
            assert host.play(Message(somebody, value, AT)) in OUTCOMES_OF_MESSAGES
        elif what == "leaves":
            assert host.play(Disconnect(somebody)) == "disconnected"
            assert somebody not in host.table
        host.sockets -= {somebody} if what in {"leaves", "dies"} else set()
    assert all(member.connection_id == key for key, member in host.table.items())


def test_a_candidate_is_sent_as_soon_as_its_offer_has_arrived() -> None:
    """What another invocation did meanwhile is seen in the sender's row."""
    alice, bob = row("Alice", 1), row("Bob", 2)
    candidate = message(alice, '{"type":"ice-candidate","targetId":"Bob"}')
    invocation = Invocation(candidate, Room([alice, bob]))
    seen: list[type] = []
    for effect in invocation.effects():
        seen.append(type(effect))
        if isinstance(effect, Wait):
            reached = frozenset([bob.connection_id] if len(seen) == 3 else [])
            invocation.waited(effect, alice._replace(reached=reached))
        elif isinstance(effect, Post):
            invocation.delivered(effect)
    assert seen == [Wait, Wait, Wait, Post]
    assert invocation.outcome.name == "delivered"


@pytest.mark.parametrize("is_young", [True, False], ids=["young", "old"])
def test_a_candidate_does_not_wait_for_the_offer_to_a_ghost(is_young: bool) -> None:
    """Its pair's offer found nobody there and went to the next owner of the name."""
    ghost, again = row("Alice", 1), row("Alice", 9)
    ghost = young(ghost) if is_young else ghost
    body = '{"type":"ice-candidate","targetId":"Alice","payload":1}'
    invocation = Invocation(message(TABLET, body), Room([TABLET, ghost, again]))
    seen: list[Effect] = []
    for effect in invocation.effects():
        seen.append(effect)
        match effect:
            case Wait():
                invocation.waited(effect, TABLET._replace(reached=frozenset([again[0]])))
            case Probe() | LookAgain():
                invocation.gone(effect)
            case Post():
                invocation.delivered(effect)
    kinds = [Wait, Probe, Post, LookAgain, Forget] if is_young else [Wait, Probe, Forget, Post]
    assert [type(effect) for effect in seen] == kinds
    assert [connection_id for connection_id, _ in heard(seen)] == [again.connection_id]


def test_a_candidate_whose_sender_vanished_while_it_waited_is_answered() -> None:
    """It cannot be delivered in the name of nobody."""
    alice, bob = row("Alice", 1), row("Bob", 2)
    candidate = message(alice, '{"type":"ice-candidate","targetId":"Bob"}')
    invocation = Invocation(candidate, Room([alice, bob]))
    posts: list[Post] = []
    for effect in invocation.effects():
        if isinstance(effect, Wait):
            invocation.waited(effect, None)
        elif isinstance(effect, Post):
            posts.append(effect)
            invocation.delivered(effect)
    assert [post.connection_id for post in posts] == [alice.connection_id]
    assert "NOT_CONNECTED" in posts[0].data


# What a host may spare itself


@pytest.mark.parametrize(
    ("body", "is_needed"),
    [
        (JOIN, True),
        (OFFER, True),
        ('{"type":"ping"}', False),
        ('{"type":"shout","targetId":"Bob"}', False),
        ('{"type":"offer"}', False),
        ("nonsense", False),
    ],
    ids=["join", "offer", "ping", "unknown type", "no target", "no json"],
)
def test_the_game_is_asked_for_where_it_decides(body: str, is_needed: bool) -> None:
    """And where it does not, the answer is the same with it and without it."""
    invocation = Invocation(message(ALICE, body), Room())
    assert invocation.needs_room() is is_needed
    invocation.enter(ROOM)
    entered = heard(perform(invocation))
    assert entered == heard(perform(Invocation(message(ALICE, body), ROOM)))
    without = heard(perform(Invocation(message(ALICE, body), Room())))
    assert (entered == without) is not is_needed


def test_the_game_may_decide_any_event_that_is_no_message() -> None:
    """Which of them need it is the host's affair."""
    assert Invocation(connect(ALICE), Room()).needs_room()
