"""Presence, `hello` and `go-away`: which notes are planned, and what is told when they are due."""

import json
from typing import Any

import pytest

from poker_signal.core.configuration import MAX_FRAME_BYTES, Rules, Topology
from poker_signal.core.errors import InvalidMessage, RateLimited
from poker_signal.core.invocation import Invocation
from poker_signal.core.later import note_of, text_of
from poker_signal.core.model import (
    HOST,
    RESERVED_S,
    WANTS,
    Connect,
    Disconnect,
    Due,
    Effect,
    Farewell,
    Forget,
    Gone,
    Later,
    Lobby,
    Note,
    Post,
    Presence,
    Row,
)
from poker_signal.core.presence import MAX_HOP_S, NOTICE_S, PATIENCE_S, SUCCEEDED, reason_of
from poker_signal.core.room import Room
from poker_signal.core.routing import route
from tests.core.build import AT, connect, message, perform, reserved, row, signal

LATER = Rules(later=True)
STAR = Rules(Topology.STAR, later=True)
PHONE = "phone-secret"

TABLET = row("HOST", 0)._replace(wants=WANTS)
ALICE = row("Alice", 1)._replace(wants=WANTS)
BOB = row("Bob", 2)
MUTE = row("HOST", 0)
"""A host of the client in the field: it wants nothing."""

BOB_MS = 1_707_502_982_000
"""Bob's `connectedAt` in epoch milliseconds."""

LEFT = Presence(BOB.connection_id, BOB.game_id, BOB.player_id, "left", (AT + 1) * 1000)


def notes(effects: list[Effect]) -> list[Note]:
    """Return the notes of presence in effects."""
    return [each.note for each in effects if isinstance(each, Later) if type(each.note) is Presence]


def told(note: Note, *rows: Row, at: int = AT, rules: Rules = LATER) -> dict[str, Any]:
    """Return the frames that a note causes when it is due, by the player that gets them."""
    players = {each.connection_id: each.player_id for each in rows}
    found: dict[str, Any] = {}
    for effect in route(Due(note, at), Room(rows), rules):
        assert isinstance(effect, Post)
        found[players[effect.connection_id]] = json.loads(effect.data)
    return found


def frame(type_: str, player: str, reason: str, version: int) -> dict[str, Any]:
    """Return a frame of presence."""
    return {"type": type_, "payload": {"playerId": player, "reason": reason, "version": version}}


# --- hello ---


def welcome(sender: Row, room: Room, rules: Rules = LATER, id_: str | None = None) -> Any:
    """Return the frame that answers a ``hello``."""
    hello = signal(sender, "hello", None, payload='{"client":"x/1"}')._replace(id=id_)
    (post,) = route(hello, room, rules)
    assert isinstance(post, Post)
    assert (post.connection_id, post.cause) == (sender.connection_id, None)
    return json.loads(post.data)


def test_a_hello_is_answered_with_what_the_rows_say() -> None:
    """The roster has the other players that are there; a reserved name is not."""
    room = Room([TABLET, ALICE, BOB, reserved(row("Carol", 3, session=PHONE))])
    assert welcome(ALICE, room) == {
        "type": "welcome",
        "payload": {
            "playerId": "Alice",
            "gameId": "4711",
            "expiresAt": ALICE.ttl,
            "features": ["go-away", "no-answer", "presence", "report"],
            "players": ["HOST", "Bob"],
        },
    }
    assert welcome(ALICE, room, id_="h1")["id"] == "h1"
    assert welcome(ALICE, room, Rules())["payload"]["features"] == ["report"]


def test_in_a_star_a_player_knows_of_the_host_only() -> None:
    """The host knows of all players."""
    room = Room([TABLET, ALICE, BOB])
    assert welcome(BOB, room, STAR)["payload"]["players"] == ["HOST"]
    assert welcome(TABLET, room, STAR)["payload"]["players"] == ["Alice", "Bob"]


def test_a_roster_that_is_longer_than_a_post_is_left_out() -> None:
    """The welcome arrives all the same."""
    crowd = [row("ä" * 120 + str(number), number % 60) for number in range(300)]
    answer = welcome(ALICE, Room([ALICE, *crowd]))
    assert "players" not in answer["payload"]
    assert len(json.dumps(answer)) < MAX_FRAME_BYTES


@pytest.mark.parametrize("payload", ["5", "[]", '"x/1"', "true"])
def test_the_payload_of_a_hello_is_an_object(payload: str) -> None:
    """Another value is the client's mistake."""
    with pytest.raises(InvalidMessage, match="must be an object, or left out"):
        route(signal(ALICE, "hello", None, payload=payload), Room([ALICE]))


def test_hellos_count_as_messages() -> None:
    """Above the message rate none is answered."""
    hello = signal(ALICE, "hello", None)._replace(is_over_limit=True)
    with pytest.raises(RateLimited):
        route(hello, Room([ALICE]))


def test_a_hello_reads_the_game_and_is_welcomed() -> None:
    """Its outcome in the log is a word of its own."""
    invocation = Invocation(message(ALICE, '{"type":"hello"}'), Room(), LATER)
    assert invocation.needs_game()
    invocation.enter(Room([ALICE]))
    perform(invocation)
    assert invocation.outcome.name == "welcomed"


# --- arrivals ---


def test_an_arrival_is_told_to_those_who_want_it() -> None:
    """It is told in an invocation of its own: no $connect posts."""
    effects = route(connect(BOB), Room([TABLET, ALICE, row("Carol", 3)]), LATER)
    assert not any(isinstance(each, Post) for each in effects)
    (note,) = notes(effects)
    expected = frame("player-joined", "Bob", "joined", BOB_MS)
    room = (TABLET, ALICE, row("Carol", 3), BOB)
    assert told(note, *room) == {"HOST": expected, "Alice": expected}
    assert told(note, *room, rules=STAR) == {"HOST": expected}


def test_an_arrival_is_told_although_the_index_does_not_list_it_yet() -> None:
    """The note itself says that the player came."""
    (note,) = notes(route(connect(BOB), Room([TABLET]), LATER))
    assert told(note, TABLET) == {"HOST": frame("player-joined", "Bob", "joined", BOB_MS)}


def test_without_takers_nothing_is_planned() -> None:
    """The client in the field gets not one byte more, and costs not one note more."""
    room = Room([MUTE, row("Alice", 1)])
    assert notes(route(connect(BOB), room, LATER)) == []
    assert notes(route(Disconnect(ALICE.connection_id, AT), room, LATER)) == []
    assert notes(route(Gone(BOB, AT), room, LATER)) == []
    assert notes(route(connect(BOB), Room([TABLET]), Rules())) == []
    only_leaving = Room([TABLET._replace(wants=frozenset({"go-away"}))])
    assert notes(route(connect(BOB), only_leaving, LATER)) == []


def test_in_a_star_players_hear_of_the_host_only() -> None:
    """A player that wants presence is no reason to plan a note about another player."""
    room = Room([MUTE, ALICE])
    assert notes(route(connect(BOB), room, STAR)) == []
    assert len(notes(route(connect(row("HOST", 9)), room, STAR))) == 1


def test_a_second_connection_of_a_name_is_no_arrival() -> None:
    """The first owns the name."""
    assert notes(route(connect(row("Bob", 9)), Room([TABLET, BOB]), LATER)) == []


def test_a_takeover_is_told_once() -> None:
    """The name was there, and is."""
    first, second = row("Bob", 2, session=PHONE), row("Bob", 9, session=PHONE)
    (note,) = notes(route(connect(second), Room([TABLET, first]), LATER))
    expected = frame("player-joined", "Bob", "replaced", BOB_MS + 7000)
    assert told(note, TABLET, second) == {"HOST": expected}
    # The former connection's $disconnect finds no row.
    assert notes(route(Disconnect(first.connection_id, AT), Room([TABLET, second]), LATER)) == []


@pytest.mark.parametrize(("former", "reason"), [([], "joined"), ([MUTE], "replaced")])
def test_a_host_that_comes_is_host_back(former: list[Row], reason: str) -> None:
    """The latest host owns the game, and replaces one that is there."""
    newcomer = row("HOST", 9)
    (note,) = notes(route(connect(newcomer), Room([*former, ALICE]), LATER))
    expected = frame("host-back", "HOST", reason, BOB_MS + 7000)
    assert told(note, newcomer, ALICE) == {"Alice": expected}


# --- departures ---


def test_a_departure_is_told_after_some_patience() -> None:
    """The name has no connection by then."""
    forget, planned = route(Disconnect(BOB.connection_id, AT, "left"), Room([TABLET, BOB]), LATER)
    assert forget == Forget(BOB.connection_id, AT)
    assert planned == Later(PATIENCE_S, LEFT)
    expected = frame("player-left", "Bob", "left", (AT + 1) * 1000)
    assert told(LEFT, TABLET, ALICE) == {"HOST": expected, "Alice": expected}


def test_a_phone_in_a_tunnel_is_not_told_as_gone() -> None:
    """It is back before the note is due, or has ended once more since."""
    assert told(LEFT, TABLET, row("Bob", 9)) == {}
    again = reserved(row("Bob", 9, session=PHONE), left_at=AT + 4)
    assert told(LEFT, TABLET, again, at=AT + 5) == {}


def test_a_reserved_name_is_told_as_gone() -> None:
    """Its own reservation, or one that is older."""
    own = reserved(row("Bob", 2, session=PHONE), left_at=AT)
    assert list(told(LEFT, TABLET, own, at=AT + 5)) == ["HOST"]


def test_a_connection_that_is_found_gone_timed_out() -> None:
    """A 410 of any message tells its end."""
    tablet, ghost = row("HOST", 0), row("Bob", 2)
    offer = message(tablet, '{"type":"offer","targetId":"Bob"}')
    effects = perform(Invocation(offer, Room([tablet, ghost, ALICE]), LATER), gone=[ghost])
    (note,) = notes(effects)
    assert told(note, ALICE) == {
        "Alice": frame("player-left", "Bob", "timeout", (AT + 1) * 1000),
    }


def test_a_host_that_is_found_gone_in_its_lobby_is_told_as_away() -> None:
    """Only its row was read: whether players want to hear of it is found when the note is due."""
    for host in (MUTE, row("HOST", 0, session=PHONE)):
        invocation = Invocation(Due(Lobby(host.connection_id), AT), Room([host]), LATER)
        (note,) = notes(perform(invocation, gone=[host]))
        assert list(told(note, ALICE, BOB)) == ["Alice"]


def test_a_departure_comes_after_the_arrival_of_its_own_connection() -> None:
    """The clocks of two servers differ, or the event has no time."""
    room = Room([TABLET, BOB])
    for at in (None, AT - 600):
        (note,) = notes(route(Disconnect(BOB.connection_id, at), room, LATER))
        assert isinstance(note, Presence)
        assert note.version == BOB_MS + 1


def test_a_row_of_another_program_has_a_version() -> None:
    """Its `connectedAt` is no time."""
    odd = BOB._replace(connected_at="yesterday")
    (note,) = notes(route(Disconnect(odd.connection_id, None), Room([TABLET, odd]), LATER))
    assert isinstance(note, Presence)
    assert note.version == (odd.ttl - 7200) * 1000 + 1


def test_a_host_that_leaves_is_host_away() -> None:
    """Players hear of it in a star, too."""
    for rules in (LATER, STAR):
        host_leaves = Disconnect(MUTE.connection_id, AT, "timeout")
        (note,) = notes(route(host_leaves, Room([MUTE, ALICE, BOB]), rules))
        expected = frame("host-away", "HOST", "timeout", (AT + 1) * 1000)
        assert told(note, ALICE, BOB, rules=rules) == {"Alice": expected}


def test_the_end_of_a_reservation_is_no_second_departure() -> None:
    """Lambda may receive a $disconnect twice."""
    gone = reserved(row("Bob", 2, session=PHONE))
    assert notes(route(Disconnect(gone.connection_id, AT), Room([TABLET, gone]), LATER)) == []


def test_who_waits_for_a_reserved_name_is_told_when_it_is_free() -> None:
    """A reservation ends without an event: a note for that time is planned by each way to it."""
    own = reserved(row("Bob", 2, session=PHONE), left_at=AT)
    waiting, free_at = row("Bob", 9), AT + RESERVED_S + 1
    succeeded = Presence(
        waiting.connection_id, waiting.game_id, waiting.player_id, SUCCEEDED, free_at * 1000
    )
    by_connect = route(connect(waiting), Room([TABLET, own]), LATER)
    assert by_connect[1:] == [Later(free_at - AT, succeeded)]
    taker = row("Carol", 20)._replace(wants=frozenset({"presence"}))
    by_taker = route(connect(taker), Room([MUTE, own, waiting]), LATER)
    assert Later(free_at - AT, succeeded) in by_taker
    by_end = route(Due(LEFT, AT + 5), Room([TABLET, own, waiting]), LATER)
    assert by_end[-1] == Later(free_at - AT - 5, succeeded)

    room = (TABLET, own, waiting)
    expected = frame("player-joined", "Bob", "joined", free_at * 1000)
    assert told(succeeded, *room, at=free_at) == {"HOST": expected}
    # It came too early, the owner is back, or no connection waits any more.
    assert route(Due(succeeded, AT + 59), Room(room), LATER) == [Later(2, succeeded)]
    again = row("Bob", 30, session=PHONE)._replace(seat=own.rank)
    assert route(Due(succeeded, free_at), Room([TABLET, waiting, again]), LATER) == []
    assert route(Due(succeeded, free_at), Room([TABLET]), LATER) == []


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (1000, "", "left"),
        (1001, "", "left"),
        (1005, "", "left"),
        (1001, "Going away", "timeout"),
        (1006, "", "timeout"),
        (1003, "", "closed"),
        (1009, "Message too long", "closed"),
        (4000, "", "closed"),
        (None, None, "left"),
        ("1006", "", "left"),
    ],
)
def test_the_close_code_says_why(code: object, text: object, reason: str) -> None:
    """API Gateway ends an idle connection with 1001 and a reason, a page with 1001 and none."""
    assert reason_of(code, text) == reason


# --- the end of two hours ---


def test_the_end_of_two_hours_is_announced() -> None:
    """The hops are those that a queue can delay; the last word comes 300 s before the end."""
    newcomer = ALICE._replace(ttl=AT + 7200)
    effects = route(Connect(newcomer, AT), Room(), LATER)
    note = Farewell(newcomer.connection_id)
    at, hops = AT, 0
    while (planned := effects[-1]) and isinstance(planned, Later):
        assert planned.note == note
        assert 0 < planned.seconds <= MAX_HOP_S
        at, hops = at + round(planned.seconds), hops + 1
        effects = route(Due(note, at), Room([newcomer]), LATER)
    assert (at, hops) == (newcomer.ttl - NOTICE_S, 8)
    (post,) = effects
    assert post == Post(newcomer.connection_id, '{"type":"go-away","payload":{"seconds":300}}')


def test_nothing_is_announced_to_a_connection_that_has_ended() -> None:
    """The chain of notes ends, too."""
    note = Farewell(ALICE.connection_id)
    ended = reserved(row("Alice", 1, session=PHONE))
    for rows in ([], [ended], [ALICE._replace(ttl=AT - 1)]):
        assert route(Due(note, AT), Room(rows), LATER) == []


def test_who_does_not_want_it_gets_no_farewell() -> None:
    """Without `later`, and for a client that did not ask."""
    for newcomer, rules in ((BOB, LATER), (ALICE, Rules())):
        effects = route(connect(newcomer), Room(), rules)
        assert not any(isinstance(each, Later) for each in effects)


@pytest.mark.parametrize("note", [LEFT, Farewell(ALICE.connection_id)])
def test_a_note_survives_the_queue(note: Note) -> None:
    """A note is the same after JSON; other texts are no notes."""
    assert note_of(json.loads(text_of(note))) == note
    broken = json.loads(text_of(note))
    for key in broken:
        assert note_of({**broken, key: [1]}) is None
    assert Due(note, AT).game_id == (LEFT.game_id if note is LEFT else None)
    assert HOST == "HOST"
