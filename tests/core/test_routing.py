"""The rules: the effects of an event in a given room."""

import pytest

from poker_signal.core import messages
from poker_signal.core.configuration import Rules, Topology
from poker_signal.core.errors import (
    DuplicateName,
    GameFull,
    HostNotFound,
    HostProtected,
    InvalidJoin,
    InvalidMessage,
    NotAllowed,
    NotConnected,
    OriginNotAllowed,
    RateLimited,
    SignalError,
    Superseded,
    TargetNotFound,
    UnknownType,
)
from poker_signal.core.model import (
    HOST,
    Alive,
    Close,
    Delivered,
    Disconnect,
    Event,
    Forget,
    Gone,
    PlayerId,
    Post,
    Probe,
    Reach,
    ReadAgain,
    Row,
    Save,
    Signal,
    Wait,
)
from poker_signal.core.room import Room
from poker_signal.core.routing import MAX_WAITS, WAIT_S, route
from tests.core.build import AT, connect, row, signal

TABLET = row("HOST", 0)
ALICE = row("Alice", 1)
BOB = row("Bob", 2)
ROOM = Room([TABLET, ALICE, BOB])

STAR = Rules(Topology.STAR)

DIRECTED = sorted(messages.DIRECTED)


def relay(cause: Signal, sender: Row, target: Row) -> Post:
    """Return the Post that relays a message without payload."""
    frame = f'{{"type":"{cause.type}","senderId":"{sender.player_id}","payload":null}}'
    return Post(target.connection_id, frame, cause, target.player_id)


def expired(member: Row) -> Row:
    """Return the row a second after its expiry, as DynamoDB may still return it."""
    return row(member.player_id, connection_id=member.connection_id, ttl=AT - 1)


# --- messages ---


def at_last(said: Signal) -> Signal:
    """Return a signal that has waited and looked as often as it may."""
    return said._replace(waits=MAX_WAITS, looks=MAX_WAITS)


@pytest.mark.parametrize("type_", DIRECTED, ids=str)
@pytest.mark.parametrize(
    ("sender", "target"),
    [(TABLET, ALICE), (ALICE, TABLET), (ALICE, BOB)],
    ids=["host to player", "player to host", "player to player"],
)
def test_a_directed_message_goes_to_its_target_only(type_: str, sender: Row, target: Row) -> None:
    """A WebRTC handshake is between two devices, so no other connection gets its messages."""
    waits = MAX_WAITS if type_ == "ice-candidate" else 0
    sends = signal(sender, type_, target.player_id, waits=waits)
    assert route(sends, ROOM) == [relay(sends, sender, target)]


@pytest.mark.parametrize(
    ("type_", "target_id", "others", "receiver"),
    [
        ("join", "HOST", [TABLET, BOB], TABLET),
        ("join", "HOST", [TABLET, row("Alice", 9)], TABLET),
        ("join", "HOST", [row("HOST", 9), TABLET], row("HOST", 9)),
        ("offer", "Bob", [row("Bob", 9), BOB], BOB),
        ("offer", "Bob", [expired(BOB), row("Bob", 9)], row("Bob", 9)),
    ],
    ids=["join", "owner of its name", "last HOST", "first Bob", "first Bob that is live"],
)
def test_a_message_goes_to_who_owns_the_name(
    type_: str, target_id: str, others: list[Row], receiver: Row
) -> None:
    """A tablet that restarts gets its game back; no player loses the seat to a later one."""
    sends = signal(ALICE, type_, target_id)
    assert route(sends, Room([*others, ALICE])) == [relay(sends, ALICE, receiver)]


def test_the_same_names_in_another_game_hear_nothing() -> None:
    """A room has the rows of one game: each game has its own HOST and its own Alice."""
    tablet, alice = row("HOST", 0, connection_id="h2"), row("Alice", 1, connection_id="a2")
    joins = signal(alice, "join")
    assert route(joins, Room([tablet, alice])) == [relay(joins, alice, tablet)]


@pytest.mark.parametrize(
    ("type_", "target", "error"),
    [
        ("offer", BOB, TargetNotFound),
        ("answer", TABLET, TargetNotFound),
        ("join", TABLET, HostNotFound),
    ],
    ids=["player", "host", "join"],
)
def test_a_target_that_is_not_there_is_not_found(
    type_: str, target: Row, error: type[SignalError]
) -> None:
    """The sender gets an error and may try again; only a join asks for a host of any kind."""
    for others in ([], [expired(target)]):
        with pytest.raises(error) as caught:
            route(at_last(signal(ALICE, type_, target.player_id)), Room([ALICE, *others]))
        assert getattr(caught.value, "target_id", HOST) == target.player_id


@pytest.mark.parametrize("type_", ["join", *DIRECTED], ids=str)
def test_nobody_is_missed_before_the_game_has_been_read_again(type_: str) -> None:
    """A new connection may not be in the index yet: four more reads within one second.

    A candidate and its offer may look for the same player at once; neither may be lost.
    """
    said, delays = signal(ALICE, type_, "HOST"), []
    while said.looks < MAX_WAITS:
        (effect,) = route(said, Room([ALICE]))
        assert isinstance(effect, ReadAgain)
        delays.append(effect.seconds)
        said = said._replace(looks=said.looks + round(effect.seconds / WAIT_S))
    assert delays == pytest.approx([0.1, 0.2, 0.3, 0.4])
    met = ALICE._replace(reached=frozenset({TABLET.connection_id}))
    assert route(said, Room([met, TABLET])) == [relay(said, met, TABLET)]


@pytest.mark.parametrize("type_", ["join", *DIRECTED], ids=str)
@pytest.mark.parametrize(
    "room", [Room([TABLET, BOB]), Room([TABLET, BOB, expired(ALICE)])], ids=["forgotten", "expired"]
)
def test_a_sender_without_a_row_is_not_connected(type_: str, room: Room) -> None:
    """A sender whose row was taken over or has expired has no name to send as."""
    with pytest.raises(NotConnected):
        route(signal(ALICE, type_, "Bob"), room)


@pytest.mark.parametrize(
    "type_",
    ["", "JOIN", "Join", " join", "pong", "ack", "error", "undelivered", "$connect", "offer\n"],
    ids=repr,
)
def test_an_unknown_type_is_refused(type_: str) -> None:
    """Clients must not be able to send the types that only the server sends."""
    with pytest.raises(UnknownType):
        route(signal(ALICE, type_, "Bob"), ROOM)


@pytest.mark.parametrize("type_", DIRECTED, ids=str)
def test_a_directed_message_needs_a_target(type_: str) -> None:
    """Nothing is broadcast, so a message without a target is refused."""
    with pytest.raises(InvalidMessage) as caught:
        route(signal(ALICE, type_, None), ROOM)
    assert caught.value.reason == (
        "“targetId” must be a string of "
        "1 to 128 characters, no control characters, not only white space"
    )


# --- join ---


def test_the_host_cannot_join() -> None:
    """A join of HOST would make it send an offer to itself."""
    with pytest.raises(InvalidJoin):
        route(signal(TABLET, "join"), ROOM)


@pytest.mark.parametrize("type_", ["join", *DIRECTED], ids=str)
def test_whoever_does_not_own_its_name_speaks_after_a_probe_of_the_owner(type_: str) -> None:
    """The owner is probed first, or a stranger named Alice could answer the host as Alice."""
    again, newest = row("Alice", 9), row("HOST", 9)
    says = signal(again, type_, "HOST", waits=MAX_WAITS)
    assert route(says, Room([TABLET, ALICE, again])) == [
        Probe(ALICE.connection_id, PlayerId("Alice"), cause=says)
    ]
    if type_ == "join":
        return
    says = signal(TABLET, type_, "Alice", waits=MAX_WAITS)
    assert route(says, Room([TABLET, ALICE, newest])) == [
        Probe(newest.connection_id, HOST, cause=says)
    ]


@pytest.mark.parametrize("type_", ["join", "answer"])
def test_whoever_may_still_be_connecting_is_waited_for(type_: str) -> None:
    """A tablet that restarts is back in a moment; after one second it counts as gone."""
    room = Room([TABLET, ALICE]).doubting(TABLET.connection_id)
    early = signal(ALICE, type_, "HOST", waits=MAX_WAITS - 1)
    assert route(early, room) == [Wait(WAIT_S, early)]
    with pytest.raises(HostNotFound if type_ == "join" else TargetNotFound):
        route(early._replace(waits=MAX_WAITS), room)


def test_a_rival_that_is_alive_is_a_duplicate_name() -> None:
    """The host could not tell two players of one name apart."""
    with pytest.raises(DuplicateName) as caught:
        route(Alive(PlayerId("Alice"), signal(row("Alice", 9), "join")), ROOM)
    assert caught.value.player_id == "Alice"


# --- topology ---

TO_HOST = "In this game players may send messages only to the host."


@pytest.mark.parametrize("topology", Topology, ids=str)
@pytest.mark.parametrize("type_", DIRECTED, ids=str)
@pytest.mark.parametrize("sender", [ALICE, TABLET], ids=["player", "host"])
def test_nobody_addresses_itself(topology: Topology, type_: str, sender: Row) -> None:
    """A player cannot send to itself, not even from another connection."""
    again = row(sender.player_id, 9)
    for members, speaks in ((ROOM, sender), (Room([ALICE, again]), again)):
        with pytest.raises(NotAllowed, match="to itself"):
            route(signal(speaks, type_, sender.player_id), members, Rules(topology))


@pytest.mark.parametrize(
    ("sender", "types", "target"),
    [
        (ALICE, ["answer", "ice-candidate", "player-connected", "join"], TABLET),
        (TABLET, DIRECTED, BOB),
    ],
    ids=["player to host", "host to player"],
)
def test_in_a_star_the_host_is_the_centre(sender: Row, types: list[str], target: Row) -> None:
    """HOST sends offers, and the other players answer."""
    for type_ in types:
        sends = signal(sender, type_, target.player_id, waits=MAX_WAITS)
        assert route(sends, ROOM, STAR) == [relay(sends, sender, target)]


@pytest.mark.parametrize(
    ("type_", "target_id", "says"),
    [
        *((type_, target_id, TO_HOST) for type_ in DIRECTED for target_id in ("Bob", "Carol")),
        ("offer", "HOST", "In this game only the host may send offers."),
    ],
)
def test_in_a_star_players_may_not(type_: str, target_id: str, says: str) -> None:
    """Players may not send to players, present or not, nor send offers, which would cross."""
    with pytest.raises(NotAllowed) as caught:
        route(signal(ALICE, type_, target_id), ROOM, STAR)
    assert str(caught.value) == says


# --- connecting ---


@pytest.mark.parametrize("name", ["Alice", "HOST"], ids=["player", "host"])
def test_a_newcomer_with_the_same_session_takes_over(name: str) -> None:
    """The new row is saved first, so the name always has an owner; no old row is probed."""
    first, second = (row(name, at, session="s1") for at in (1, 2))
    new = row(name, 9, session="s1")
    assert route(connect(new), Room([BOB, first, second])) == [
        Save(new._replace(seat=first.rank)),
        Close(second.connection_id),
        Forget(second.connection_id),
        Close(first.connection_id),
        Forget(first.connection_id),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (row("Alice", 1, session="s1"), row("Alice", 9, session="s2")),
        (row("Alice", 1, session="s1"), row("Alice", 9)),
        (row("Alice", 1), row("Alice", 9, session="s1")),
        (row("Alice", 1), row("Alice", 9)),
        (row("Alice", 1, session="s1"), row("Bob", 9, session="s1")),
        (row("Alice", 1, session="s1", ttl=AT - 1), row("Alice", 9, session="s1")),
        (row("HOST", 1), row("HOST", 9)),
        (row("HOST", 1), row("HOST", 9, session="s1")),
        (row("HOST", 1, session="s1", ttl=AT - 1), row("HOST", 9, session="s2")),
    ],
    ids=[
        "another session",
        "newcomer without session",
        "old row without session",
        "both without session",
        "another name",
        "expired",
        "hosts without session",
        "host without session, newcomer with one",
        "expired host",
    ],
)
def test_who_does_not_know_the_secret_takes_nothing_over(old: Row, new: Row) -> None:
    """The session proves that two connections are one player."""
    assert route(connect(new), Room([old])) == [Save(new)]


def test_a_seat_is_passed_on_and_on() -> None:
    """A seat keeps its first rank over takeovers, ahead of connections made in between."""
    second = row("Alice", 5, session="s1")._replace(seat=row("Alice", 1).rank)
    third = row("Alice", 9, session="s1")
    saves, *_ = route(connect(third), Room([second, row("Alice", 3)]))
    assert saves == Save(third._replace(seat=second.seat))


def test_a_newcomer_that_was_overtaken_by_its_next_self_is_refused() -> None:
    """A late invocation undoes no takeover: its own connection is the older one."""
    newer, late = row("Alice", 9, session="s1"), row("Alice", 5, session="s1")
    with pytest.raises(Superseded):
        route(connect(late), Room([newer]))


@pytest.mark.parametrize("other", [ALICE, row("HOST", 5)], ids=["player", "unprotected host"])
@pytest.mark.parametrize("session", [None, "s2"], ids=["none", "another"])
def test_a_newcomer_without_a_protected_hosts_session_is_decided_by_a_probe(
    session: str | None, other: Row
) -> None:
    """Only a live host is protected, so it is probed, whatever other rows there are."""
    protected, newcomer = row("HOST", 0, session="s1"), row("HOST", 9, session=session)
    asks = connect(newcomer)
    assert route(asks, Room([other, protected])) == [
        Probe(protected.connection_id, HOST, cause=asks)
    ]


def test_a_protected_host_that_is_alive_refuses_the_newcomer() -> None:
    """A running game cannot be stolen: the newcomer gets 409."""
    with pytest.raises(HostProtected) as caught:
        route(Alive(HOST, connect(row("HOST", 9))), ROOM)
    assert caught.value.status_code == 409


@pytest.mark.parametrize("name", ["Alice", "HOST"], ids=["player", "host"])
def test_a_connect_that_is_handled_twice_does_not_throw_itself_out(name: str) -> None:
    """A retry does no harm: the row that it finds is the newcomer's own."""
    newcomer, former = row(name, 9, session="s1"), row(name, 1, session="s1")
    assert route(connect(newcomer), Room([newcomer, former])) == [
        Save(newcomer._replace(seat=former.rank)),
        Close(former.connection_id),
        Forget(former.connection_id),
    ]


# --- leaving, and what hosts report ---


@pytest.mark.parametrize(
    "event",
    [Disconnect(BOB.connection_id), Gone(BOB.connection_id)],
    ids=["disconnected", "found gone"],
)
@pytest.mark.parametrize("room", [ROOM, Room()], ids=["known", "unknown"])
def test_who_is_gone_is_forgotten(event: Event, room: Room) -> None:
    """A dead row is deleted as soon as it is found, and deleting it twice does no harm."""
    assert route(event, room) == [Forget(BOB.connection_id)]


@pytest.mark.parametrize("type_", ["join", *DIRECTED], ids=str)
@pytest.mark.parametrize("is_known", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("id_", [None, "7"], ids=["no id", "id"])
def test_a_delivery_is_noted_once_and_acknowledged(
    type_: str, is_known: bool, id_: str | None
) -> None:
    """Only offers and answers let candidates through, and only messages with an id get an ack."""
    told = signal(ALICE, type_, "Bob", id_=id_)
    room = Room([TABLET, row("Alice", 1, reached=[BOB] if is_known else []), BOB])
    is_noted = type_ in ("offer", "answer") and not is_known
    ack = '{"type":"ack","id":"7","payload":{"targetId":"Bob"}}'
    assert route(Delivered(told, BOB.connection_id, BOB.player_id), room) == [
        *([Reach(ALICE.connection_id, BOB.connection_id)] if is_noted else []),
        *([Post(ALICE.connection_id, ack)] if id_ else []),
    ]


# --- offer before ICE ---


@pytest.mark.parametrize(
    ("reached", "waits"),
    [([], True), ([BOB], False), ([row("Bob", 0)], True)],
    ids=["no offer", "after its offer", "target has connected anew"],
)
def test_a_candidate_waits_for_the_offer_of_its_pair(reached: list[Row], waits: bool) -> None:
    """Deployed clients drop candidates that came before the offer."""
    alice = row("Alice", 1, reached=reached)
    assert pytest.approx(1) == WAIT_S * MAX_WAITS
    early = signal(alice, "ice-candidate", "Bob", looks=MAX_WAITS)
    expected = Wait(WAIT_S, early) if waits else relay(early, alice, BOB)
    assert route(early, Room([TABLET, alice, BOB])) == [expected]


def test_a_candidate_whose_offer_went_past_the_owner_asks_whether_the_owner_lives() -> None:
    """The owner is either a ghost, whose offer will never come, or has just connected."""
    ghost, again = row("Bob", 2), row("Bob", 9)
    tablet = row("HOST", 0, reached=[again])
    early = signal(tablet, "ice-candidate", "Bob", waits=1)
    room = Room([tablet, ghost, again])
    assert route(early, room) == [Probe(ghost.connection_id, ghost.player_id, early)]
    assert route(early, room.without(ghost.connection_id)) == [relay(early, tablet, again)]


def test_a_candidate_waits_for_the_offer_to_an_owner_that_lives() -> None:
    """A restarted tablet gets the next answer, so the candidate waits; one probe is enough."""
    started_again = row("HOST", 9)
    alice = row("Alice", 1, reached=[TABLET])
    early = signal(alice, "ice-candidate", waits=1)
    room = Room([TABLET, started_again, alice])
    (wait,) = route(Alive(HOST, early), room)
    assert isinstance(wait, Wait)
    assert wait.signal.waits == 1
    assert route(wait.signal._replace(waits=2), room) == [
        Wait(WAIT_S, wait.signal._replace(waits=2))
    ]


@pytest.mark.parametrize("ttl", [AT - 1, AT + 7000], ids=["expired", "of another player"])
def test_only_a_live_row_of_the_name_shows_that_the_owner_was_passed_over(ttl: int) -> None:
    """Expired rows and rows of other players do not count: the candidate waits for its offer."""
    other = row("Bob" if ttl < AT else "Carol", 1, ttl=ttl)
    tablet = row("HOST", 0, reached=[other])
    early = signal(tablet, "ice-candidate", "Bob", waits=1)
    assert route(early, Room([tablet, other, BOB])) == [Wait(WAIT_S, early)]


# --- limits ---

TWO_SEATS = Rules(seats=2)
CAROL = row("Carol", 9)


@pytest.mark.parametrize(
    ("room", "newcomer"),
    [
        (Room([ALICE]), CAROL),
        (Room([row(f"Player {number}", number) for number in range(9)]), CAROL),
        (Room([TABLET, row("HOST", 5), ALICE]), CAROL),
        (Room([TABLET, ALICE, row("Alice", 5), row("Alice", 6)]), CAROL),
        (Room([TABLET, ALICE, expired(BOB)]), CAROL),
        (ROOM, row("HOST", 9)),
        (ROOM, row("Alice", 9)),
        (ROOM, BOB),
        (Room([ALICE, BOB, CAROL]), CAROL),
    ],
    ids=[
        "a seat is left",
        "no host",
        "hosts need none",
        "a name is one seat",
        "expired",
        "the host",
        "one's own ghost",
        "handled twice",
        "handled twice, beyond",
    ],
)
def test_who_needs_no_seat_or_finds_one_is_saved(room: Room, newcomer: Row) -> None:
    """No connection is probed if the newcomer needs no seat or a seat is free."""
    assert route(connect(newcomer), room, TWO_SEATS) == [Save(newcomer)]
    assert route(connect(CAROL), ROOM, Rules(seats=0)) == [Save(CAROL)]


def test_a_player_that_is_alive_keeps_the_seat_and_the_next_is_probed() -> None:
    """Each player is probed once; if all are alive, the handshake is refused."""
    asks = connect(CAROL)
    probe = Probe(ALICE.connection_id, ALICE.player_id, cause=asks)
    assert route(asks, Room([TABLET, BOB, ALICE]), TWO_SEATS) == [probe]
    found = asks._replace(seated=frozenset({ALICE.player_id}))
    assert route(Alive(ALICE.player_id, asks), ROOM, TWO_SEATS) == [
        Probe(BOB.connection_id, BOB.player_id, cause=found)
    ]
    with pytest.raises(GameFull):
        route(Alive(BOB.player_id, found), ROOM, TWO_SEATS)


LISTED = frozenset({"https://poker.example.com"})


@pytest.mark.parametrize(
    ("origin", "origins"),
    [
        (None, LISTED),
        ("https://poker.example.com", LISTED),
        ("https://evil.example", frozenset[str]()),
    ],
    ids=["no page", "listed", "no list"],
)
def test_a_page_on_the_list_may_connect_and_so_may_what_is_no_page(
    origin: str | None, origins: frozenset[str]
) -> None:
    """The list protects users of browsers; other clients may send any origin or none."""
    asks = connect(BOB)._replace(origin=origin)
    assert route(asks, Room([ALICE]), Rules(origins=origins)) == [Save(BOB)]


@pytest.mark.parametrize("name", ["Alice", "HOST"], ids=["player", "host"])
@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://poker.example.com", "https://poker.example.com.evil.example"],
)
def test_any_other_page_is_refused(name: str, origin: str) -> None:
    """Origins are compared exactly."""
    with pytest.raises(OriginNotAllowed) as caught:
        route(connect(row(name))._replace(origin=origin), ROOM, Rules(origins=LISTED))
    assert caught.value.status_code == 403


@pytest.mark.parametrize("type_", sorted(messages.TYPES - {"ping"}))
def test_a_message_too_many_goes_nowhere(type_: str) -> None:
    """The limit applies before any look-up, but after pings and mistakes in the message."""
    many = signal(ALICE, type_, "Bob")._replace(is_over_limit=True)
    with pytest.raises(RateLimited, match="That was too much at once"):
        route(many, Room())
    assert route(many._replace(type="ping"), Room()) == [Post(ALICE.connection_id, messages.PONG)]
    with pytest.raises(UnknownType):
        route(many._replace(type="fold"), ROOM)
    with pytest.raises(InvalidMessage):
        route(many._replace(target_id=None), ROOM)


def test_a_payload_is_as_large_as_it_may_be() -> None:
    """The limit counts bytes of UTF-8, including the quotes."""
    rules = Rules(max_payload_bytes=8)
    fits = signal(ALICE, "player-connected", "Bob", payload='"äää"')
    assert [type(effect) for effect in route(fits, ROOM, rules)] == [Post]
    with pytest.raises(InvalidMessage, match="its “payload” is longer than 8 bytes"):
        route(fits._replace(payload='"ääää"'), ROOM, rules)
    with pytest.raises(InvalidMessage, match="its “payload” is longer than 8 bytes"):
        route(fits._replace(payload='"aaaaaaa"'), ROOM, rules)
