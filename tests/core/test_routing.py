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
    Superseded,
    TargetNotFound,
    UnknownType,
)
from poker_signal.core.model import (
    HOST,
    MAX_REACHED,
    Alive,
    Close,
    Connect,
    Delivered,
    Disconnect,
    Event,
    Forget,
    Gone,
    PlayerId,
    Post,
    Probe,
    Reach,
    Row,
    Save,
    Signal,
    Suspected,
    Wait,
    late,
)
from poker_signal.core.room import Room
from poker_signal.core.routing import MAX_SEAT_PROBES, MAX_WAITS, PAUSES_S, route
from tests.core.build import AT, connect, reserved, row, signal, young

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
    """Return a signal that has waited as often as it may."""
    return said._replace(waits=MAX_WAITS)


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


@pytest.mark.parametrize("type_", ["join", *DIRECTED], ids=str)
@pytest.mark.parametrize(
    "others",
    [Room(), Room([expired(TABLET)]), Room([BOB]).doubting(BOB.connection_id)],
    ids=["nothing", "expired", "another name in doubt"],
)
def test_a_target_that_is_not_there_is_not_found_at_once(type_: str, others: Room) -> None:
    """A message waits only with evidence; only a join asks for a host of any kind."""
    with pytest.raises(HostNotFound if type_ == "join" else TargetNotFound) as caught:
        route(signal(ALICE, type_, "HOST"), others.adding(ALICE))
    assert getattr(caught.value, "target_id", HOST) == HOST


PROTECTED = row("HOST", 5, session="s1")


@pytest.mark.parametrize("type_", ["join", *DIRECTED], ids=str)
@pytest.mark.parametrize(
    "room",
    [
        Room([ALICE]).lagging(),
        Room([ALICE, TABLET]).doubting(TABLET.connection_id),
        Room([ALICE, TABLET, reserved(PROTECTED)]),
    ],
    ids=["the index lags", "in doubt", "reserved"],
)
def test_a_target_that_may_appear_is_waited_for_one_second(type_: str, room: Room) -> None:
    """The first read is at once; each of the six includes the game."""
    said, pauses = signal(ALICE, type_, "HOST"), []
    for waits in range(MAX_WAITS):
        said = said._replace(waits=waits)
        (wait,) = route(said, room)
        assert isinstance(wait, Wait)
        assert wait == Wait(wait.seconds, said, reads_game=True)
        pauses.append(wait.seconds)
    assert pauses == [0, 0.1, 0.1, 0.2, 0.2, 0.4]
    with pytest.raises(HostNotFound if type_ == "join" else TargetNotFound):
        route(at_last(said), room)


@pytest.mark.parametrize("type_", ["join", *DIRECTED], ids=str)
def test_a_message_waits_until_its_sender_is_listed_unless_it_is_a_candidate(type_: str) -> None:
    """The answer would come to a row that the index does not list."""
    alice = row("Alice", 1, reached=[TABLET])
    said, room = signal(alice, type_), Room([alice, TABLET]).lagging()
    sent = relay(said, alice, TABLET)
    assert route(said, room) == (
        [sent] if type_ == "ice-candidate" else [Wait(0, said, reads_game=True)]
    )
    assert route(at_last(said), room) == [relay(at_last(said), alice, TABLET)]


@pytest.mark.parametrize("type_", ["join", "ping", "fold", *DIRECTED], ids=str)
@pytest.mark.parametrize("target_id", ["Bob", None], ids=["target", "no target"])
@pytest.mark.parametrize(
    "room",
    [Room([TABLET, BOB]), ROOM.adding(expired(ALICE)), ROOM.adding(reserved(ALICE))],
    ids=["forgotten", "expired", "reserved"],
)
def test_a_sender_without_a_row_is_not_connected(
    type_: str, target_id: str | None, room: Room
) -> None:
    """A sender whose row was taken over or has expired hears so, whatever it sent."""
    with pytest.raises(NotConnected):
        route(signal(ALICE, type_, target_id), room)


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
def test_a_sender_that_does_not_own_its_name_is_heard_after_a_probe_of_the_owner(
    type_: str,
) -> None:
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


def test_a_rival_that_is_alive_or_has_a_reservation_is_a_duplicate_name() -> None:
    """The host could not tell two players of one name apart; a reservation is not probed."""
    again = row("Alice", 9)
    joins, kept = signal(again, "join"), reserved(row("Alice", 1, session="s1"))
    for event, room in ((Alive(ALICE.player_id, joins), ROOM), (joins, Room([kept, again]))):
        with pytest.raises(DuplicateName) as caught:
            route(event, room)
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
    """The new row is saved first, so the name always has an owner; no old row is probed.

    The connection of a reservation has ended already.
    """
    first, second = (row(name, at, session="s1") for at in (1, 2))
    new = row(name, 9, session="s1")
    for former in (first, reserved(first)):
        assert route(connect(new), Room([BOB, former, second])) == [
            Save(new._replace(seat=first.rank)),
            Close(second.connection_id),
            Forget(second.connection_id),
            *([Close(first.connection_id)] if former is first else []),
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


@pytest.mark.parametrize("session", [None, "s2"], ids=["none", "another"])
def test_a_protected_host_that_is_alive_or_reserved_refuses_the_newcomer(
    session: str | None,
) -> None:
    """A running game cannot be stolen: the newcomer gets 409; a reservation is not probed."""
    asks = connect(row("HOST", 9, session=session))
    for event, host in ((Alive(HOST, asks), PROTECTED), (asks, reserved(PROTECTED))):
        with pytest.raises(HostProtected) as caught:
            route(event, Room([ALICE, host]))
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
    ("event", "left_at"),
    [
        (Disconnect(BOB.connection_id), None),
        (Disconnect(BOB.connection_id, AT), AT),
        (Gone(BOB, AT), AT),
    ],
    ids=["disconnected without a time", "disconnected", "found gone"],
)
@pytest.mark.parametrize("room", [ROOM, Room()], ids=["known", "unknown"])
def test_who_is_gone_is_forgotten(event: Event, left_at: int | None, room: Room) -> None:
    """A dead row is deleted or reserved, and doing so twice does no harm."""
    assert route(event, room) == [Forget(BOB.connection_id, left_at)]


def test_a_suspect_is_probed_once_more() -> None:
    """One 410 deletes no row; the second call is a probe, also after a post."""
    for cause in (signal(ALICE, "offer", "Bob"), connect(row("Carol", 9))):
        assert route(Suspected(BOB, cause), ROOM) == [
            Probe(BOB.connection_id, BOB.player_id, cause)
        ]


@pytest.mark.parametrize("type_", ["join", *DIRECTED], ids=str)
@pytest.mark.parametrize("waits", [0, MAX_WAITS - 1, MAX_WAITS])
@pytest.mark.parametrize("is_known", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("id_", [None, "7"], ids=["no id", "id"])
def test_a_delivery_is_noted_once_and_acknowledged(
    type_: str, waits: int, is_known: bool, id_: str | None
) -> None:
    """Offers, answers and a candidate that waited in vain let the pair's candidates through.

    Only messages with an id get an ack.
    """
    told = signal(ALICE, type_, "Bob", id_=id_, waits=waits)
    room = Room([TABLET, row("Alice", 1, reached=[BOB] if is_known else []), BOB])
    in_vain = type_ == "ice-candidate" and waits == MAX_WAITS
    is_noted = (in_vain or type_ in ("offer", "answer")) and not is_known
    entry = late(BOB.connection_id) if in_vain else BOB.connection_id
    ack = '{"type":"ack","id":"7","payload":{"targetId":"Bob"}}'
    assert route(Delivered(told, BOB.connection_id, BOB.player_id), room) == [
        *([Reach(ALICE.connection_id, entry)] if is_noted else []),
        *([Post(ALICE.connection_id, ack)] if id_ else []),
    ]


@pytest.mark.parametrize(
    ("reached", "present", "kept"),
    [(63, 63, None), (64, 64, 63), (64, 2, 2), (64, 0, 0), (70, 70, 63)],
    ids=["not full", "all present", "most have left", "all have left", "more than full"],
)
def test_a_full_reached_keeps_those_that_are_still_there(
    reached: int, present: int, kept: int | None
) -> None:
    """A row of a game that many players enter and leave must stay small."""
    others = [row(f"Player {number}", 3) for number in range(reached)]
    alice = row("Alice", 1, reached=others)
    room = Room([alice, BOB, *others[:present], *map(expired, others[present:])])
    (reach,) = route(
        Delivered(signal(alice, "offer", "Bob"), BOB.connection_id, BOB.player_id), room
    )
    assert isinstance(reach, Reach)
    assert (reach.connection_id, reach.target) == (alice.connection_id, BOB.connection_id)
    if kept is None:
        assert reach.kept is None
    else:
        assert reach.kept is not None
        assert len(reach.kept) == kept < MAX_REACHED
        assert reach.kept <= {member.connection_id for member in others[:present]}


def test_a_full_reached_keeps_late_candidates_too() -> None:
    """Their mark names a connection that is still there."""
    others = [row(f"Player {number}", 3) for number in range(MAX_REACHED)]
    marks = frozenset(late(each.connection_id) for each in others)
    alice = row("Alice", 1)._replace(reached=marks)
    told = signal(alice, "offer", "Bob")
    (reach,) = route(
        Delivered(told, BOB.connection_id, BOB.player_id), Room([alice, BOB, *others[:9]])
    )
    assert isinstance(reach, Reach)
    assert reach.kept == frozenset(late(each.connection_id) for each in others[:9])


def test_a_delivery_whose_sender_has_left_is_noted_as_any_other() -> None:
    """The host finds no row to note it in."""
    told = signal(ALICE, "offer", "Bob")
    assert route(Delivered(told, BOB.connection_id, BOB.player_id), Room([BOB])) == [
        Reach(ALICE.connection_id, BOB.connection_id)
    ]


# --- offer before ICE ---


@pytest.mark.parametrize(
    ("reached", "new", "waits"),
    [
        ([], "Alice", True),
        ([], "Bob", True),
        ([], "HOST", False),
        ([BOB], "Alice", False),
        ([row("Bob", 0)], "Bob", True),
    ],
    ids=["new sender", "new target", "neither is new", "after its offer", "connected anew"],
)
def test_a_candidate_waits_for_the_offer_of_its_pair(
    reached: list[Row], new: str, waits: bool
) -> None:
    """Deployed clients drop candidates before their offer; a pair begins when one connects."""
    alice, bob, tablet = (
        young(each) if each.player_id == new else each
        for each in (row("Alice", 1, reached=reached), BOB, TABLET)
    )
    for number, seconds in enumerate(PAUSES_S):
        early = signal(alice, "ice-candidate", "Bob", waits=number)
        wait = Wait(seconds, early, reads_game=False)
        expected = wait if waits else relay(early, alice, bob)
        assert route(early, Room([tablet, alice, bob])) == [expected]


def test_a_candidate_whose_offer_went_past_the_owner_asks_whether_the_owner_lives() -> None:
    """The owner is either a ghost, whose offer will never come, or has just connected."""
    ghost, again = row("Bob", 2), young(row("Bob", 9))
    tablet = row("HOST", 0, reached=[again])
    early = signal(tablet, "ice-candidate", "Bob", waits=1)
    room = Room([young(tablet), ghost, again])
    assert route(early, room) == [Probe(ghost.connection_id, ghost.player_id, early)]
    assert route(early, room.without(ghost.connection_id)) == [relay(early, tablet, again)]


def test_a_candidate_waits_for_the_offer_to_an_owner_that_lives() -> None:
    """A restarted tablet gets the next answer, so the candidate waits; one probe is enough."""
    started_again = young(row("HOST", 9))
    alice = row("Alice", 1, reached=[TABLET])
    early = signal(alice, "ice-candidate", waits=1)
    room = Room([TABLET, started_again, alice])
    (wait,) = route(Alive(HOST, early), room)
    assert isinstance(wait, Wait)
    assert wait.signal.waits == 1
    assert route(wait.signal._replace(waits=2), room) == [
        Wait(PAUSES_S[2], wait.signal._replace(waits=2), reads_game=False)
    ]


@pytest.mark.parametrize("ttl", [AT - 1, AT + 7000], ids=["expired", "of another player"])
def test_only_a_live_row_of_the_name_shows_that_the_owner_was_passed_over(ttl: int) -> None:
    """Expired rows and rows of other players do not count: the candidate waits for its offer."""
    other = row("Bob" if ttl < AT else "Carol", 1, ttl=ttl)
    tablet = row("HOST", 0, reached=[other])
    early = signal(tablet, "ice-candidate", "Bob", waits=1)
    assert route(early, Room([young(tablet), other, BOB])) == [
        Wait(PAUSES_S[1], early, reads_game=False)
    ]


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
    asks = connect(row("Carol", 9, connection_id="d"))  # ord("d") is 100: it starts at Alice
    probe = Probe(ALICE.connection_id, ALICE.player_id, cause=asks)
    assert route(asks, Room([TABLET, BOB, ALICE]), TWO_SEATS) == [probe]
    found = asks._replace(seated=frozenset({ALICE.player_id}))
    assert route(Alive(ALICE.player_id, asks), ROOM, TWO_SEATS) == [
        Probe(BOB.connection_id, BOB.player_id, cause=found)
    ]
    with pytest.raises(GameFull):
        route(Alive(BOB.player_id, found), ROOM, TWO_SEATS)


def probed_seats(asks: Connect, room: Room, rules: Rules) -> list[str]:
    """Return the players that a newcomer probes, all alive, until it is refused."""
    event: Event = asks
    probed = list[str]()
    while True:
        try:
            (probe,) = route(event, room, rules)
        except GameFull:
            return probed
        assert isinstance(probe, Probe)
        assert isinstance(probe.cause, Connect)
        probed.append(probe.player_id)
        counted = probe.cause._replace(seat_probes=probe.cause.seat_probes + 1)
        event = Alive(probe.player_id, counted)


def test_newcomers_to_a_full_game_probe_three_seats_and_all_seats_in_turn() -> None:
    """Newcomers with other connection ids start at other players, so all ghosts are found."""
    players = [row(f"Player {number}", number) for number in range(5)]
    names = [player.player_id for player in players]
    room, rules = Room([TABLET, *reversed(players)]), Rules(seats=5)
    for first in range(5):
        newcomer = row("Carol", 9, connection_id="defgh"[first])  # ord("d") is 100
        in_turn = (names * 2)[first : first + MAX_SEAT_PROBES]
        assert probed_seats(connect(newcomer), room, rules) == in_turn


def test_a_reservation_is_a_seat_and_is_not_probed() -> None:
    """Its connection has ended, and its player may come back."""
    asks = connect(row("Carol", 9, connection_id="d"))
    kept = reserved(row("Alice", 1, session="s1"))
    assert probed_seats(asks, Room([TABLET, kept, BOB]), TWO_SEATS) == ["Bob"]
    both = Room([TABLET, kept, reserved(row("Bob", 2, session="s2"))])
    assert probed_seats(asks, both, TWO_SEATS) == []
    assert route(asks._replace(at=kept.ttl + 1), both, TWO_SEATS) == [Save(asks.row)]


def test_a_game_that_was_full_a_moment_ago_is_not_probed() -> None:
    """A newcomer still takes a seat that is free."""
    asks = connect(CAROL)._replace(may_probe_seats=False)
    assert probed_seats(asks, ROOM, TWO_SEATS) == []
    assert route(asks, ROOM.without(BOB.connection_id), TWO_SEATS) == [Save(CAROL)]


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


@pytest.mark.parametrize("type_", sorted(messages.TYPES - {"ping", "hello", "ice-servers"}))
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


def test_a_report_is_not_relayed() -> None:
    """A report ends at the server; its sender hears an ack if it asked for one."""
    said = signal(ALICE, "report", payload='{"state":"connected","ms":412}')
    assert route(said, ROOM) == []
    ack = '{"type":"ack","id":"r1","payload":{"targetId":"HOST"}}'
    assert route(said._replace(id="r1"), ROOM) == [Post(ALICE.connection_id, ack)]
    # Any topology, and a player who has left meanwhile.
    to_bob = signal(ALICE, "report", "Carol", payload='{"state":"closed"}')
    assert route(to_bob, ROOM, STAR) == []


@pytest.mark.parametrize(
    "payload",
    ["null", "5", "[]", "{}", '{"state":"open"}', '{"state":[]}', '{"state":"Connected"}'],
)
def test_a_report_has_a_known_state(payload: str) -> None:
    """Another state is the client's mistake, and is named."""
    with pytest.raises(InvalidMessage, match="must be one of closed, connected"):
        route(signal(ALICE, "report", payload=payload), ROOM)


@pytest.mark.parametrize(
    ("ms", "told"), [("412.5", 412.5), ("0", 0), ("-1", None), ("true", None), ("1e99", None)]
)
def test_a_report_may_have_a_duration(ms: str, told: float | None) -> None:
    """A duration that cannot be one is left out."""
    report = messages.report_of(f'{{"state":"failed","ms":{ms}}}')
    assert report == ("failed", told)


def test_a_report_without_a_row_or_target_is_refused() -> None:
    """A report is a message like any other."""
    with pytest.raises(NotConnected):
        route(signal(ALICE, "report", payload='{"state":"closed"}'), Room([TABLET]))
    with pytest.raises(InvalidMessage):
        route(signal(ALICE, "report", None, payload='{"state":"closed"}'), ROOM)
