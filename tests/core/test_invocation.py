"""One event and all its effects, with a host that performs and reports them."""

import json
from collections.abc import Callable, Iterator
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
)
from poker_signal.core.event_parser import response_for
from poker_signal.core.invocation import Invocation, Outcome
from poker_signal.core.model import (
    HOST,
    ROW_LIFETIME_S,
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
    Signal,
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


def play(invocation: Invocation, answer: Callable[[Effect], Any]) -> list[Effect]:
    """Act as the host; ``answer`` returns the outcome of an effect.

    It is the sender's row for a Wait, the room for a ReadAgain, and for others whether the
    connection is open (None: the call was throttled).
    """
    performed: list[Effect] = []
    for effect in invocation.effects():
        performed.append(effect)
        match effect:
            case Wait():
                invocation.waited(effect, answer(effect))
            case ReadAgain():
                invocation.read_again(effect, answer(effect))
            case Post() | Probe() | LookAgain():
                is_open = answer(effect)
                if is_open is None:
                    invocation.throttled(effect)
                elif not is_open:
                    invocation.gone(effect)
                elif isinstance(effect, Post):
                    invocation.delivered(effect)
                else:
                    invocation.alive(effect)
    return performed


def kinds(effects: list[Effect]) -> list[type]:
    """Return the types of effects."""
    return [type(effect) for effect in effects]


def is_tablets(effect: Effect) -> bool:
    """Return whether an effect is for the tablet's connection."""
    assert isinstance(effect, Post | Probe | LookAgain)
    return effect.connection_id == TABLET.connection_id


# --- delivered ---


def test_a_message_that_arrives_is_delivered() -> None:
    """A delivered message is one post; the host can log its type and its outcome."""
    invocation = Invocation(message(ALICE, JOIN), ROOM)
    assert invocation.signal is None
    assert perform(invocation) == [Post(TABLET.connection_id, JOINED, signal(ALICE, "join"), HOST)]
    assert invocation.signal == signal(ALICE, "join")
    assert invocation.outcome == Outcome("delivered")


def test_a_ping_ends_as_a_pong() -> None:
    """A ping gets a pong, even without a row, and whatever other members it has."""
    invocation = Invocation(message(ALICE, '{"type":"ping","id":"7","targetId":7}'), Room())
    assert heard(perform(invocation)) == [(ALICE.connection_id, '{"type":"pong"}')]
    assert invocation.outcome == Outcome("pong")


# --- dead rows ---


def test_a_dead_row_costs_no_live_player_a_message() -> None:
    """A dead row is deleted, the next owner of the name gets the message, and an ack is sent."""
    second, third = row("Bob", 8), row("Bob", 9)
    invocation = Invocation(message(ALICE, OFFER_WITH_ID), Room([ALICE, BOB, second, third]))
    cause = signal(ALICE, "offer", "Bob", id_="7")
    bob = PlayerId("Bob")
    assert perform(invocation, gone=[BOB, second, ALICE]) == [
        Post(BOB.connection_id, OFFERED, cause, bob),
        Forget(BOB.connection_id),
        Post(second.connection_id, OFFERED, cause, bob),
        Forget(second.connection_id),
        Post(third.connection_id, OFFERED, cause, bob),
        Post(ALICE.connection_id, ACK),
        Forget(ALICE.connection_id),
    ]
    assert invocation.outcome == Outcome("delivered")


def test_a_pong_to_a_closed_connection_is_not_tried_again() -> None:
    """Even a young row is deleted: its connection has sent a message, so it was open."""
    alice = young(ALICE)
    invocation = Invocation(message(alice, '{"type":"ping"}'), ROOM.adding(alice))
    assert perform(invocation, gone=[alice]) == [
        Post(alice.connection_id, messages.PONG),
        Forget(alice.connection_id),
    ]
    assert invocation.outcome == Outcome("pong")


# --- connecting and leaving ---


@pytest.mark.parametrize(
    ("event", "effect", "outcome"),
    [
        (connect(BOB), Save(BOB), "connected"),
        (Disconnect(BOB.connection_id), Forget(BOB.connection_id), "disconnected"),
    ],
    ids=["connects", "disconnects"],
)
def test_who_comes_is_saved_and_who_leaves_is_forgotten(
    event: Connect | Disconnect, effect: Effect, outcome: str
) -> None:
    """Peers get no message about it: they notice by their own data channels."""
    invocation = Invocation(event, Room([TABLET, ALICE]))
    assert invocation.needs_room()
    assert perform(invocation) == [effect]
    assert invocation.outcome == Outcome(outcome)


def test_a_ghost_makes_room_for_a_newcomer() -> None:
    """The ghost is deleted, and no further connection is probed."""
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


SENTENCES = {
    "offer": "undelivered",
    "answer": "undelivered",
    "ice-candidate": "undelivered",
    "player-connected": "undelivered",
    "join": "error",
}


@pytest.mark.parametrize(("type_", "frame_type"), SENTENCES.items(), ids=SENTENCES)
def test_a_post_that_is_throttled_is_told_to_its_sender(type_: str, frame_type: str) -> None:
    """No row is deleted, nothing is noted as reached, and nothing is retried."""
    body = json.dumps({"type": type_, "targetId": "Bob"})
    alice = ALICE._replace(reached=frozenset({BOB.connection_id}))
    invocation = Invocation(message(ALICE, body), ROOM.adding(alice))
    performed = play(invocation, lambda effect: None)
    assert kinds(performed) == [Post, Post]
    frame = json.loads(heard(performed)[-1][1])
    assert frame["type"] == frame_type
    assert frame["payload"]["message"] == (
        "There is too much going on at the moment. Please try again."
    )
    assert invocation.outcome.name == frame_type


def test_a_probe_that_is_throttled_refuses_the_handshake_for_now() -> None:
    """The connection that could not be probed keeps its seat; the newcomer gets 429."""
    protected = row("HOST", 0, session="s1")
    invocation = Invocation(connect(row("HOST", 9)), Room([protected]))
    assert kinds(play(invocation, lambda effect: None)) == [Probe]
    assert response_for(invocation.outcome) == {
        "statusCode": 429,
        "body": "There is too much going on at the moment. Please try again.",
    }


# --- connections that may not be open yet ---


def young(member: Row) -> Row:
    """Return a row as if it was just stored: its WebSocket handshake may still be going on."""
    return member._replace(ttl=AT + ROW_LIFETIME_S)


@pytest.mark.parametrize("opens", ["HOST-9", "HOST-8", "none", "throttled"])
def test_a_connection_that_still_opens_is_passed_over_and_looked_for_later(opens: str) -> None:
    """A row that answers 410 but may be opening is skipped; the next owner gets the message.

    The row is probed one second later: it is deleted if it is gone, but not if that is throttled.
    """
    newest, ghost = young(row("HOST", 9)), young(row("HOST", 8))
    invocation = Invocation(message(ALICE, JOIN), Room([TABLET, ghost, newest, ALICE]))
    looks = [LookAgain(1.0, ghost.connection_id), LookAgain(0, newest.connection_id)]

    def answer(effect: Effect) -> bool | None:
        if effect not in looks:
            return is_tablets(effect)
        return None if opens == "throttled" else effect.connection_id == opens

    effects = play(invocation, answer)
    assert [connection_id for connection_id, _ in heard(effects)] == ["HOST-9", "HOST-8", "HOST-0"]
    assert effects[3:] == [
        looks[0],
        *([] if opens in ("HOST-8", "throttled") else [Forget(ghost.connection_id)]),
        looks[1],
        *([] if opens in ("HOST-9", "throttled") else [Forget(newest.connection_id)]),
    ]
    assert invocation.outcome == Outcome("delivered")


def test_a_protected_host_that_is_still_connecting_keeps_its_row() -> None:
    """The second host, without the session, is let in and owns nothing."""
    protected, newcomer = young(row("HOST", 0, session="s1")), row("HOST", 9)
    effects = perform(Invocation(connect(newcomer), Room([protected])), gone=[protected])
    assert [type(effect) for effect in effects] == [Probe, Save]


@pytest.mark.parametrize("opens_after", [1, 3])
def test_a_message_waits_for_whoever_is_connecting(opens_after: int) -> None:
    """A target whose handshake ends a moment later gets the message once."""
    invocation = Invocation(message(ALICE, JOIN), Room([young(TABLET), ALICE]))

    def answer(effect: Effect) -> Row | bool:
        if isinstance(effect, Wait):
            return ALICE
        assert isinstance(effect, Post)
        assert isinstance(effect.cause, Signal)
        return effect.cause.waits == opens_after

    assert kinds(play(invocation, answer)) == [*([Post, Wait] * opens_after), Post]
    assert invocation.outcome == Outcome("delivered")


def test_whoever_never_comes_is_not_found() -> None:
    """After one second the sender gets an error, and the target's row is deleted."""
    invocation = Invocation(message(ALICE, JOIN), Room([young(TABLET), ALICE]))
    effects = play(
        invocation, lambda effect: ALICE if isinstance(effect, Wait) else not is_tablets(effect)
    )
    assert kinds(effects) == [*([Post, Wait] * MAX_WAITS), Post, Post, LookAgain, Forget]
    assert isinstance(invocation.outcome.error, HostNotFound)


def test_whoever_has_just_connected_is_found_when_the_game_is_read_again() -> None:
    """The index lags behind the table; a ghost that it still returns is not tried again."""
    ghost = row("HOST", 9)
    invocation = Invocation(message(ALICE, JOIN), Room([ghost, ALICE]))
    rooms = iter([Room([ghost, ALICE]), Room([ghost, ALICE, TABLET])])
    effects = play(
        invocation,
        lambda effect: next(rooms) if isinstance(effect, ReadAgain) else is_tablets(effect),
    )
    assert kinds(effects) == [Post, Forget, ReadAgain, ReadAgain, Post]
    assert invocation.outcome == Outcome("delivered")


# --- any event ---

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


def sent_to(effects: list[Effect]) -> Iterator[ConnectionId]:
    """Return the connections that a host had to post to or to probe."""
    return (effect.connection_id for effect in effects if isinstance(effect, Post | Probe))


@given(events, rooms, topologies, st.data())
def test_any_event_comes_to_an_end_whatever_hosts_report(
    event: Connect | Message | Disconnect, room: Room, topology: Topology, data: st.DataObject
) -> None:
    """Only connections of the game are contacted; one found gone is deleted, not tried again."""
    found_gone: list[ConnectionId] = []

    def is_open(connection_id: ConnectionId) -> bool:
        assert connection_id not in found_gone
        if data.draw(st.booleans()):
            return True
        found_gone.append(connection_id)
        return False

    effects = perform_if(is_open, Invocation(event, room, Rules(topology)))
    known = {member.connection_id for member in room}
    if isinstance(event, Message):
        known.add(event.connection_id)
    assert set(sent_to(effects)) <= known
    assert len(effects) <= 2 * len(room) + 4
    assert {Forget(connection_id) for connection_id in found_gone} <= set(effects)


@given(said, rooms, topologies, st.data())
def test_any_message_ends_in_one_outcome_which_its_sender_hears(
    event: Message, room: Room, topology: Topology, data: st.DataObject
) -> None:
    """Every message has an answer or a delivery, and the logged outcome agrees with it."""
    invocation = Invocation(event, room, Rules(topology))
    effects = perform_if(lambda _: data.draw(st.booleans()), invocation)
    posts = [effect for effect in effects if isinstance(effect, Post)]
    answers = {json.loads(post.data)["type"] for post in posts if post.cause is None}
    outcome, error = invocation.outcome
    assert outcome in OUTCOMES_OF_MESSAGES
    assert (error is None) is (outcome in {"delivered", "pong"})
    assert posts
    assert all(len(post.data.encode()) <= MAX_FRAME_BYTES for post in posts)
    assert all(isinstance(json.loads(post.data)["type"], str) for post in posts)
    if outcome == "delivered":
        with_id = invocation.signal is not None and invocation.signal.id is not None
        assert answers == ({"ack"} if with_id else set())
    else:
        assert answers == {outcome}


@given(
    st.sampled_from(["HOST", "Alice"]),
    st.sampled_from(sorted(messages.DIRECTED)),
    st.lists(rows, max_size=8),
    st.sets(st.sampled_from([f"c{number}" for number in range(6)])),
)
def test_a_message_reaches_the_first_owner_whose_connection_is_open(
    target_id: str, type_: str, members: list[Row], dead: set[str]
) -> None:
    """Dead rows before the owner are skipped, however many there are."""
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
    """No ghost of a player or a host keeps a player out of a game."""
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
    """Ghosts do not count, however many there are, and no connection is probed twice."""
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


CANDIDATE = '{"type":"ice-candidate","targetId":"Bob"}'


def test_a_candidate_is_sent_as_soon_as_its_offer_has_arrived() -> None:
    """A candidate is sent once the sender's row shows that its offer was delivered."""
    invocation = Invocation(message(ALICE, CANDIDATE), ROOM)
    rows = iter([ALICE, ALICE, ALICE._replace(reached=frozenset([BOB.connection_id]))])
    effects = play(invocation, lambda effect: not isinstance(effect, Wait) or next(rows))
    assert kinds(effects) == [Wait, Wait, Wait, Post]
    assert invocation.outcome.name == "delivered"


@pytest.mark.parametrize("is_young", [True, False], ids=["young", "old"])
def test_a_candidate_does_not_wait_for_the_offer_to_a_ghost(is_young: bool) -> None:
    """The offer found a ghost and went to the next owner of the name, so the candidate does too."""
    ghost, again = young(BOB) if is_young else BOB, row("Bob", 9)
    alice = ALICE._replace(reached=frozenset([again.connection_id]))
    invocation = Invocation(message(ALICE, CANDIDATE), Room([ALICE, ghost, again]))
    effects = play(
        invocation, lambda effect: alice if isinstance(effect, Wait) else isinstance(effect, Post)
    )
    of_a_young_one = [Wait, Probe, Post, LookAgain, Forget]
    assert kinds(effects) == (of_a_young_one if is_young else [Wait, Probe, Forget, Post])
    assert [connection_id for connection_id, _ in heard(effects)] == [again.connection_id]


def test_a_candidate_whose_sender_vanished_while_it_waited_is_answered() -> None:
    """A sender without a row has no name to send as, and gets NOT_CONNECTED."""
    invocation = Invocation(message(ALICE, CANDIDATE), ROOM)
    effects = play(invocation, lambda effect: None if isinstance(effect, Wait) else True)
    [(connection_id, frame)] = heard(effects)
    assert connection_id == ALICE.connection_id
    assert "NOT_CONNECTED" in frame


# --- reads that a host may skip ---


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
    """A message that does not need the room gets the same answer with it and without it."""
    invocation = Invocation(message(ALICE, body), Room())
    assert invocation.needs_room() is is_needed
    invocation.enter(ROOM)
    entered = heard(perform(invocation))
    assert entered == heard(perform(Invocation(message(ALICE, body), ROOM)))
    without = heard(perform(Invocation(message(ALICE, body), Room())))
    assert (entered == without) is not is_needed
