"""One event and all its effects, with a host that performs and reports them."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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
    Message,
    PlayerId,
    Post,
    Probe,
    Reach,
    Row,
    Save,
    Wait,
    late,
)
from poker_signal.core.room import Room
from poker_signal.core.routing import MAX_SEAT_PROBES, MAX_WAITS, PAUSES_S
from tests.core.build import (
    AT,
    connect,
    heard,
    json_values,
    message,
    perform,
    perform_if,
    reserved,
    row,
    signal,
    young,
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
CANDIDATE = '{"type":"ice-candidate","targetId":"Bob"}'


def play(invocation: Invocation, answer: Callable[[Effect], Any]) -> list[Effect]:
    """Act as the host; ``answer`` returns the outcome of an effect.

    It is what was read for a Wait: the sender's row, or the game with it. For others it is whether
    the connection is open (None: the call was throttled).
    """
    performed: list[Effect] = []
    for effect in invocation.effects():
        performed.append(effect)
        match effect:
            case Wait(_, said):
                read = answer(effect)
                if isinstance(read, Room):
                    invocation.waited(effect, read.row(said.sender, AT), read)
                else:
                    invocation.waited(effect, read)
            case Post() | Probe():
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


def answering(*answers: Any) -> Callable[[Effect], Any]:
    """Return the answers to the effects for the tablet's connection; all others are open."""
    left = iter(answers)

    def answer(effect: Effect) -> Any:
        return next(left) if isinstance(effect, Wait) or is_to(TABLET, effect) else True

    return answer


def is_to(member: Row, effect: Effect) -> bool:
    """Return whether a Post or Probe is for the connection of a row."""
    assert isinstance(effect, Post | Probe)
    return effect.connection_id == member.connection_id


# --- delivered ---


def test_a_message_that_arrives_is_delivered() -> None:
    """A delivered message is one post; the host can log its type and its outcome."""
    invocation = Invocation(message(ALICE, JOIN), ROOM)
    assert invocation.signal is None
    assert perform(invocation) == [Post(TABLET.connection_id, JOINED, signal(ALICE, "join"), HOST)]
    assert invocation.signal == signal(ALICE, "join")
    assert invocation.outcome == Outcome("delivered")


@pytest.mark.parametrize(
    ("body", "others"),
    [
        ('{"type":"join","id":"7"}', [ACK.replace("Bob", "HOST")]),
        (OFFER_WITH_ID, [Reach(ALICE.connection_id, BOB.connection_id), ACK]),
        (OFFER, [Reach(ALICE.connection_id, BOB.connection_id)]),
    ],
    ids=["id", "noted, id", "noted"],
)
def test_a_delivery_is_noted_before_it_is_acknowledged(body: str, others: list[Any]) -> None:
    """A message that did not wait has not waited in vain."""
    invocation = Invocation(message(ALICE, body), ROOM)
    _, *rest = play(invocation, answering(True))
    assert [effect.data if isinstance(effect, Post) else effect for effect in rest] == others
    assert invocation.vain is None


def test_a_ping_ends_as_a_pong() -> None:
    """A ping gets a pong, whatever other members it has, and no other attempt if that is lost."""
    for gone in ([], [ALICE]):
        body = '{"type":"ping","id":"7","targetId":7}'
        invocation = Invocation(message(ALICE, body), Room([ALICE]))
        assert perform(invocation, gone) == [Post(ALICE.connection_id, messages.PONG)]
        assert invocation.outcome == Outcome("pong")


# --- senders without a row ---


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (OFFER_WITH_ID, "undelivered"),
        (CANDIDATE, "undelivered"),
        (JOIN, "error"),
        ('{"type":"ping"}', "error"),
        ('{"type":"fold","targetId":"Bob"}', "error"),
        ('{"type":"offer"}', "error"),
        ('{"type":7}', "error"),
        ("nonsense", "error"),
    ],
)
@pytest.mark.parametrize(
    "room",
    [Room(), Room([TABLET, ALICE._replace(ttl=AT - 1)]), Room([TABLET, reserved(ALICE)])],
    ids=["no row", "expired", "reserved"],
)
def test_a_connection_without_a_row_hears_so_and_is_closed(
    body: str, name: str, room: Room
) -> None:
    """No client may believe that it is in a game, whatever it sends."""
    invocation = Invocation(message(ALICE, body), room)
    post, *rest = perform(invocation, gone=[ALICE])
    assert isinstance(post, Post)
    assert post.connection_id == ALICE.connection_id
    frame = json.loads(post.data)
    assert (frame["type"], frame["payload"]["code"]) == (name, "NOT_CONNECTED")
    assert frame.get("id") == ("7" if body == OFFER_WITH_ID else None)
    assert rest == [Close(ALICE.connection_id)]
    assert invocation.outcome.name == name


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ('{"type":"ping"}', "pong"),
        (JOIN, "RATE_LIMITED"),
        ('{"type":"fold","targetId":"Bob"}', "UNKNOWN_TYPE"),
        ("nonsense", "INVALID_MESSAGE"),
    ],
)
@pytest.mark.parametrize("is_over_limit", [True, False], ids=["above the rate", "connected"])
def test_other_answers_close_no_connection(body: str, answer: str, is_over_limit: bool) -> None:
    """A message above the rate is answered without a read, so it needs no row."""
    event = message(ALICE, body)._replace(is_over_limit=is_over_limit)
    invocation = Invocation(event, Room() if is_over_limit else Room([ALICE]))
    assert invocation.needs_row() is not is_over_limit
    assert invocation.needs_game() is (body == JOIN and not is_over_limit)
    (post,) = play(invocation, answering())
    assert isinstance(post, Post)
    assert post.connection_id == ALICE.connection_id
    assert (answer if is_over_limit or body != JOIN else "HOST_NOT_FOUND") in post.data
    assert invocation.vain is None


# --- dead rows ---


def test_a_dead_row_costs_no_live_player_a_message() -> None:
    """A dead row is deleted, the next owner of the name gets the message, and an ack is sent.

    No call follows an ack that is lost: the sender's $disconnect comes, or the next post tells.
    """
    second, third = row("Bob", 8), row("Bob", 9)
    invocation = Invocation(message(ALICE, OFFER_WITH_ID), Room([ALICE, BOB, second, third]))
    cause = signal(ALICE, "offer", "Bob", id_="7")
    bob = PlayerId("Bob")
    assert perform(invocation, gone=[BOB, second, ALICE]) == [
        Post(BOB.connection_id, OFFERED, cause, bob),
        Probe(BOB.connection_id, bob, cause),
        Forget(BOB.connection_id, left_at=AT),
        Post(second.connection_id, OFFERED, cause, bob),
        Probe(second.connection_id, bob, cause),
        Forget(second.connection_id, left_at=AT),
        Post(third.connection_id, OFFERED, cause, bob),
        Post(ALICE.connection_id, ACK),
    ]
    assert invocation.outcome == Outcome("delivered")


@pytest.mark.parametrize(
    ("answers", "effects", "outcome"),
    [
        ([False, False], [Post, Probe, Forget, Post], "error"),
        ([False, True, True], [Post, Probe, Post], "delivered"),
        ([False, True, False], [Post, Probe, Post, Forget, Post], "error"),
        ([False, None], [Post, Probe, Post], "error"),
    ],
    ids=["gone", "alive", "gone in the end", "throttled"],
)
def test_one_410_deletes_no_row(
    answers: list[bool | None], effects: list[type], outcome: str
) -> None:
    """A second call decides; a target that it finds alive gets the message again."""
    invocation = Invocation(message(ALICE, JOIN), ROOM)
    assert kinds(play(invocation, answering(*answers))) == effects
    assert invocation.outcome.name == outcome


def test_a_dead_row_of_a_session_becomes_a_reservation() -> None:
    """The name stays its own: the message waits for its player, and reaches no stranger."""
    tablet, stranger = TABLET._replace(session="s1"), row("HOST", 9)
    room = Room([tablet, stranger, ALICE])
    invocation = Invocation(message(ALICE, JOIN), room)
    effects = play(invocation, answering(False, False, *[room] * MAX_WAITS))
    assert kinds(effects) == [Post, Probe, Forget, *[Wait] * MAX_WAITS, Post]
    assert effects[2] == Forget(tablet.connection_id, left_at=AT)
    assert isinstance(invocation.outcome.error, HostNotFound)


def test_an_owner_that_is_gone_leaves_its_name_to_the_sender_unless_it_has_a_session() -> None:
    """A reservation refuses the sender until its player comes back or it expires."""
    again = row("Bob", 9)
    for session, outcome in ((None, "delivered"), ("s1", "error")):
        room = Room([TABLET, BOB._replace(session=session), again])
        invocation = Invocation(message(again, JOIN), room)
        effects = perform(invocation, gone=[BOB])
        assert kinds(effects) == [Probe, Probe, Forget, Post]
        assert invocation.outcome.name == outcome
        assert isinstance(invocation.outcome.error, DuplicateName) is (session is not None)


# --- connecting and leaving ---


@pytest.mark.parametrize(
    ("event", "effect", "outcome"),
    [
        (connect(BOB), Save(BOB), "connected"),
        (Disconnect(BOB.connection_id), Forget(BOB.connection_id), "disconnected"),
        (Disconnect(BOB.connection_id, AT), Forget(BOB.connection_id, AT), "disconnected"),
    ],
    ids=["connects", "disconnects", "disconnects at some time"],
)
def test_who_comes_is_saved_and_who_leaves_is_forgotten(
    event: Connect | Disconnect, effect: Effect, outcome: str
) -> None:
    """Peers get no message about it: they notice by their own data channels."""
    invocation = Invocation(event, Room([TABLET, ALICE]))
    assert invocation.needs_row()
    assert invocation.needs_game()
    assert perform(invocation) == [effect]
    assert invocation.outcome == Outcome(outcome)


@pytest.mark.parametrize(
    ("bob", "first", "probed", "ends"),
    [
        (BOB, "e", "BB", [Forget(BOB.connection_id, AT), Save]),
        (BOB, "d", "ABB", [Save]),
        (young(BOB), "e", "BA", []),
        (BOB._replace(session="s1"), "e", "BBA", [Forget(BOB.connection_id, AT)]),
    ],
    ids=["gone", "the last probe", "may be opening", "session"],
)
def test_a_ghost_makes_room_for_a_newcomer_after_two_410s(
    bob: Row, first: str, probed: str, ends: list[Any]
) -> None:
    """The third probe decides alone; a row that may be opening, or is reserved, keeps its seat."""
    carol = row("Carol", 9, connection_id=first)  # ord("d") is 100: it starts at Alice
    invocation = Invocation(connect(carol), ROOM.adding(bob), Rules(seats=2))
    effects = perform(invocation, gone=[bob])
    probes = [effect for effect in effects if isinstance(effect, Probe)]
    assert "".join(probe.player_id[0] for probe in probes) == probed
    rest = [effect for effect in effects if not isinstance(effect, Probe)]
    assert rest == [Save(carol) if effect is Save else effect for effect in ends]
    assert isinstance(invocation.outcome.error, GameFull) is (Save not in ends)


@pytest.mark.parametrize("is_young", [True, False], ids=["young", "old"])
def test_a_protected_host_that_answers_410_keeps_its_game_for_now(is_young: bool) -> None:
    """A young one may be opening and counts as alive; an old one becomes a reservation."""
    host, asks = row("HOST", 0, session="s1"), connect(row("HOST", 9))
    invocation = Invocation(asks, Room([young(host) if is_young else host]))
    probe = Probe(host.connection_id, HOST, asks)
    ends = [] if is_young else [probe, Forget(host.connection_id, left_at=AT)]
    assert perform(invocation, gone=[host]) == [probe, *ends]
    assert isinstance(invocation.outcome.error, HostProtected)


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


def test_a_former_connection_that_cannot_be_closed_still_loses_its_seat() -> None:
    """A Close that is throttled is not repeated: without a row the connection owns no name."""
    old, new = row("Alice", 1, session="s1"), row("Alice", 9, session="s1")
    invocation = Invocation(connect(new), Room([old]))
    performed = []
    for effect in invocation.effects():
        performed.append(effect)
        if isinstance(effect, Close):
            invocation.throttled(effect)
    assert kinds(performed) == [Save, Close, Forget]
    assert invocation.outcome == Outcome("connected")


# --- connections that may not be open yet, and rows that the index may not list yet ---


def test_a_connection_that_still_opens_is_passed_over_and_not_deleted() -> None:
    """A row that answers 410 but may be opening is skipped; the next owner gets the message."""
    newest, next_one = young(row("HOST", 9)), young(row("HOST", 8))
    invocation = Invocation(message(ALICE, JOIN), Room([TABLET, next_one, newest, ALICE]))
    effects = perform(invocation, gone=[newest, next_one])
    assert kinds(effects) == [Post, Post, Post]
    assert [connection_id for connection_id, _ in heard(effects)] == ["HOST-9", "HOST-8", "HOST-0"]
    assert invocation.outcome == Outcome("delivered")


@pytest.mark.parametrize("opens_after", [1, 3, MAX_WAITS])
def test_a_message_waits_for_a_target_that_is_connecting(opens_after: int) -> None:
    """A target whose handshake ends a moment later gets the message once."""
    room = Room([young(TABLET), ALICE])
    invocation = Invocation(message(ALICE, JOIN), room)
    effects = play(invocation, answering(*[False, room] * opens_after, True))
    assert kinds(effects) == [*([Post, Wait] * opens_after), Post]
    assert invocation.outcome == Outcome("delivered")
    assert invocation.vain is None


def test_a_target_that_never_opens_is_not_found() -> None:
    """After one second the sender gets an error; the row stays, because it may be opening."""
    room = Room([young(TABLET), ALICE])
    invocation = Invocation(message(ALICE, JOIN), room)
    effects = play(invocation, answering(*[False, room] * MAX_WAITS, False))
    assert kinds(effects) == [*([Post, Wait] * MAX_WAITS), Post, Post]
    waits = [effect for effect in effects if isinstance(effect, Wait)]
    assert [wait.seconds for wait in waits] == list(PAUSES_S)
    assert all(wait.reads_game for wait in waits)
    assert isinstance(invocation.outcome.error, HostNotFound)
    assert invocation.vain == signal(ALICE, "join", waits=MAX_WAITS)


@pytest.mark.parametrize("session", [None, "s1"], ids=["no session", "session"])
def test_a_target_that_has_just_connected_is_found_when_the_game_is_read_again(
    session: str | None,
) -> None:
    """The index lags behind the table; a ghost that it still returns is not tried again."""
    ghost, again = (row("Bob", second, session=session) for second in (2, 9))
    alice = row("Alice", 1, reached=[ghost, again])
    lagging = Room([ghost, alice]).lagging()
    invocation = Invocation(message(alice, CANDIDATE), lagging)
    rooms = iter([lagging, Room([ghost, alice, again])])
    effects = play(
        invocation,
        lambda effect: next(rooms) if isinstance(effect, Wait) else not is_to(ghost, effect),
    )
    assert kinds(effects) == [Post, Probe, Forget, Wait, Wait, Post]
    assert is_to(again, effects[-1])
    assert invocation.outcome == Outcome("delivered")


# --- any event ---

NAMES = ["HOST", "Alice", "Bob", "Zoë 🃏"]
OUTCOMES_OF_MESSAGES = {"delivered", "undelivered", "error", "pong", "welcomed", "reported"}

names = st.sampled_from(NAMES) | st.text(max_size=8).filter(messages.is_name)
rows = st.builds(
    lambda member, left_at: member._replace(left_at=left_at),
    st.builds(
        row,
        names,
        st.integers(0, 3),
        connection_id=st.sampled_from([f"c{number}" for number in range(6)]),
        session=st.sampled_from([None, "s1", "s2"]),
        ttl=st.sampled_from([AT - 1, AT, AT + 1, AT + ROW_LIFETIME_S]),
    ),
    st.sampled_from([None, None, None, AT - 1]),
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
connects = st.builds(lambda member: connect(member._replace(left_at=None)), rows)
disconnects = st.builds(Disconnect, st.just(ConnectionId("c0")), st.sampled_from([None, AT]))
events = said | connects | disconnects
topologies = st.sampled_from(Topology)


def sent_to(effects: list[Effect]) -> Iterator[ConnectionId]:
    """Return the connections that a host had to post to or to probe."""
    return (effect.connection_id for effect in effects if isinstance(effect, Post | Probe))


@given(events, rooms, topologies, st.data())
def test_any_event_comes_to_an_end_whatever_hosts_report(
    event: Connect | Message | Disconnect, room: Room, topology: Topology, data: st.DataObject
) -> None:
    """Only connections of the game are contacted; a row is deleted after two 410s, not before."""
    found_gone = Counter[ConnectionId]()

    def is_open(connection_id: ConnectionId) -> bool:
        if data.draw(st.booleans()):
            return True
        found_gone[connection_id] += 1
        return False

    effects = perform_if(is_open, Invocation(event, room, Rules(topology)))
    known = {member.connection_id for member in room}
    if isinstance(event, Message):
        known.add(event.connection_id)
    assert set(sent_to(effects)) <= known
    assert len(effects) <= 4 * len(room) + 4
    forgotten = [effect for effect in effects if isinstance(effect, Forget) and effect.left_at]
    if not isinstance(event, Disconnect):
        assert all(found_gone[effect.connection_id] == 2 for effect in forgotten)
        assert all(
            not member.is_young(AT)
            for member in room
            if Forget(member.connection_id, AT) in forgotten
        )
        answers = {event.connection_id} if isinstance(event, Message) else set()
        twice = {connection_id for connection_id, times in found_gone.items() if times > 1}
        assert twice - answers <= {effect.connection_id for effect in forgotten}


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
    assert (error is None) is (outcome in {"delivered", "pong", "welcomed", "reported"})
    assert posts or outcome == "reported"
    assert all(len(post.data.encode()) <= MAX_FRAME_BYTES for post in posts)
    assert all(isinstance(json.loads(post.data)["type"], str) for post in posts)
    if outcome in {"delivered", "reported"}:
        with_id = invocation.signal is not None and invocation.signal.id is not None
        assert answers == ({"ack"} if with_id else set())
    elif outcome == "welcomed":
        assert answers == {"welcome"}
    else:
        assert answers == {outcome}


def left_as_owner(named: Iterable[Row], dead: set[str]) -> Row | None:
    """Return the owner of a name once the dead rows before it have been found gone."""
    for member in named:
        if member.left_at is not None or member.connection_id not in dead:
            return member
        if member.session is not None and not member.is_young(AT):
            return reserved(member)
    return None


@given(
    st.sampled_from(["HOST", "Alice"]),
    st.sampled_from(sorted(messages.DIRECTED)),
    st.lists(rows, max_size=8),
    st.sets(st.sampled_from([f"c{number}" for number in range(6)])),
)
def test_a_message_reaches_the_first_owner_whose_connection_is_open(
    target_id: str, type_: str, members: list[Row], dead: set[str]
) -> None:
    """Dead rows before the owner are skipped, however many there are; reservations are not."""
    sender = row("Sender", 5)
    room = Room([*members, sender])
    invocation = Invocation(
        message(sender, json.dumps({"type": type_, "targetId": target_id})), room
    )
    effects = perform_if(lambda connection_id: connection_id not in dead, invocation)
    owner = left_as_owner(room.named(PlayerId(target_id), AT), dead)
    is_there = owner is not None and owner.left_at is None
    receiver = owner if owner is not None and is_there else sender
    assert list(sent_to(effects))[-1] == receiver.connection_id
    assert invocation.outcome.name == ("delivered" if is_there else "undelivered")


@given(st.lists(rows, max_size=8), st.sets(st.sampled_from([f"c{number}" for number in range(6)])))
def test_a_join_is_lost_only_to_a_rival_that_is_alive_or_for_want_of_a_host(
    members: list[Row], dead: set[str]
) -> None:
    """No ghost of a player or a host keeps a player out of a game, but a reservation does."""
    joiner = row("Alice", 2, connection_id="joiner")
    room = Room([*members, joiner])
    invocation = Invocation(message(joiner, JOIN), room)
    perform_if(lambda connection_id: connection_id not in dead, invocation)
    host = left_as_owner(room.named(HOST, AT), dead)
    if left_as_owner(room.named(joiner.player_id, AT), dead) != joiner:
        assert isinstance(invocation.outcome.error, DuplicateName)
    elif host is None or host.left_at is not None:
        assert isinstance(invocation.outcome.error, HostNotFound)
    else:
        assert invocation.outcome == Outcome("delivered")


@given(
    st.lists(rows, max_size=8),
    st.sets(st.sampled_from([f"c{number}" for number in range(6)])),
    st.integers(1, 3),
)
def test_a_new_name_is_refused_only_if_every_seat_counts_as_taken(
    members: list[Row], dead: set[str], seats: int
) -> None:
    """A ghost counts no more after its second probe, or the third of all; no row is probed thrice.

    Its row is a reservation then if it had a session, and counts.
    """
    room = Room(members)
    newcomer = row("Zoe", 9, connection_id="newcomer")
    invocation = Invocation(connect(newcomer), room, Rules(seats=seats))
    effects = perform_if(lambda connection_id: connection_id not in dead, invocation)
    asked = [effect.connection_id for effect in effects if isinstance(effect, Probe)]
    assert len(asked) <= MAX_SEAT_PROBES
    assert len(asked) - len(set(asked)) <= 1
    left, last = room, asked[MAX_SEAT_PROBES - 1 :]
    for connection_id in {key for key in asked if key in last or asked.count(key) > 1}:
        if connection_id not in dead:
            continue
        member = room.row(connection_id, AT)
        assert member is not None
        if not member.is_young(AT) and (connection_id in last or member.session is None):
            left = left.without(connection_id)
    taken = [owner for owner in left.owners(AT) if owner.player_id != HOST]
    is_refused = isinstance(invocation.outcome.error, GameFull)
    assert is_refused is (
        len(taken) >= seats
        and room.owner(newcomer.player_id, AT) is None
        and room.owner(HOST, AT) is not None
    )
    if is_refused:
        connected = [owner.connection_id for owner in taken if owner.left_at is None]
        assert len(asked) == MAX_SEAT_PROBES or set(connected) <= set(asked)


NEW_ALICE = young(ALICE)
"""Alice has just connected, so her candidates wait for their offers."""


def test_a_candidate_is_sent_as_soon_as_its_offer_has_arrived() -> None:
    """A candidate is sent once the sender's row shows that its offer was delivered."""
    invocation = Invocation(message(ALICE, CANDIDATE), ROOM.adding(NEW_ALICE))
    rows = iter([NEW_ALICE, NEW_ALICE, NEW_ALICE._replace(reached=frozenset([BOB.connection_id]))])
    effects = play(invocation, lambda effect: not isinstance(effect, Wait) or next(rows))
    assert kinds(effects) == [Wait, Wait, Wait, Post]
    assert not any(effect.reads_game for effect in effects if isinstance(effect, Wait))
    assert invocation.outcome.name == "delivered"


def test_a_candidate_that_has_waited_in_vain_is_sent_and_its_pair_noted() -> None:
    """Its offer may have gone another way; no other candidate of the pair waits again."""
    invocation = Invocation(message(ALICE, CANDIDATE), ROOM.adding(NEW_ALICE))
    effects = play(invocation, lambda effect: NEW_ALICE if isinstance(effect, Wait) else True)
    assert kinds(effects) == [*[Wait] * MAX_WAITS, Post, Reach]
    assert effects[-1] == Reach(ALICE.connection_id, late(BOB.connection_id))
    assert (invocation.outcome.name, invocation.vain) == ("delivered", None)
    noted = NEW_ALICE._replace(reached=frozenset([late(BOB.connection_id)]))
    assert kinds(perform(Invocation(message(ALICE, CANDIDATE), ROOM.adding(noted)))) == [Post]


def test_a_message_is_decided_at_once_if_its_host_has_no_time_for_waiting() -> None:
    """A candidate is sent without its offer, and a target that may be opening is missing."""
    candidate = Invocation(message(ALICE, CANDIDATE), ROOM.adding(NEW_ALICE))
    assert kinds(perform(candidate)) == [Post]
    assert candidate.outcome == Outcome("delivered")
    join = Invocation(message(ALICE, JOIN), ROOM.adding(young(TABLET)))
    assert kinds(perform(join, gone=[TABLET])) == [Post, Post]
    assert isinstance(join.outcome.error, HostNotFound)


@pytest.mark.parametrize("is_young", [True, False], ids=["young", "old"])
def test_a_candidate_does_not_wait_for_the_offer_to_a_ghost(is_young: bool) -> None:
    """The offer found a ghost and went to the next owner of the name, so the candidate does too."""
    ghost, again = young(BOB) if is_young else BOB, row("Bob", 9)
    alice = NEW_ALICE._replace(reached=frozenset([again.connection_id]))
    invocation = Invocation(message(ALICE, CANDIDATE), Room([NEW_ALICE, ghost, again]))
    effects = play(
        invocation, lambda effect: alice if isinstance(effect, Wait) else isinstance(effect, Post)
    )
    calls = [Probe] if is_young else [Probe, Probe, Forget]
    assert kinds(effects) == [Wait, *calls, Post]
    assert [connection_id for connection_id, _ in heard(effects)] == [again.connection_id]


@pytest.mark.parametrize("read", [None, reserved(ALICE)], ids=["no row", "reserved"])
def test_a_candidate_whose_sender_vanished_while_it_waited_is_answered(read: Row | None) -> None:
    """A sender without a row has no name to send as, and gets NOT_CONNECTED."""
    invocation = Invocation(message(ALICE, CANDIDATE), ROOM.adding(NEW_ALICE))
    effects = play(invocation, lambda effect: read if isinstance(effect, Wait) else True)
    assert kinds(effects) == [Wait, Post, Close]
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
    """A message that does not need the game gets the same answer with the sender's row alone."""
    invocation = Invocation(message(ALICE, body), Room())
    assert invocation.needs_row()
    assert invocation.needs_game() is is_needed
    invocation.enter(ROOM)
    entered = heard(perform(invocation))
    assert entered == heard(perform(Invocation(message(ALICE, body), ROOM)))
    alone = heard(perform(Invocation(message(ALICE, body), Room([ALICE]))))
    assert (entered == alone) is not is_needed


def test_a_malformed_message_of_a_connection_without_a_row_keeps_its_id() -> None:
    """The client finds the answer to its message by the id."""
    invocation = Invocation(message(ALICE, '{"type":7,"id":"x"}'), Room())
    post, close = perform(invocation)
    assert isinstance(post, Post)
    assert json.loads(post.data)["id"] == "x"
    assert close == Close(ALICE.connection_id)


@pytest.mark.parametrize(
    ("body", "room", "outcome"),
    [
        (CANDIDATE, ROOM.adding(NEW_ALICE), "delivered"),
        (JOIN, Room([ALICE, reserved(TABLET)]), "error"),
    ],
    ids=["candidate", "join"],
)
def test_a_message_that_may_not_wait_has_not_waited_in_vain(
    body: str, room: Room, outcome: str
) -> None:
    """It is decided at once: no pair is noted, and the next message of the pair may wait."""
    invocation = Invocation(message(ALICE, body), room)
    performed = []
    for effect in invocation.effects():
        performed.append(effect)
        if isinstance(effect, Wait):
            invocation.may_not_wait(effect)
        elif isinstance(effect, Post):
            invocation.delivered(effect)
    assert kinds(performed) == [Wait, Post]
    assert (invocation.outcome.name, invocation.vain) == (outcome, None)
