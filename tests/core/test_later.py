"""Notes that are due later: the watch over a join, and the lobby of a host."""

import json
from typing import Any

import pytest

from poker_signal.core import messages
from poker_signal.core.budgets import MAX_ENTRIES, WatchBudget
from poker_signal.core.configuration import Rules
from poker_signal.core.errors import NoAnswer
from poker_signal.core.invocation import Invocation
from poker_signal.core.later import (
    LAST_STEP,
    LOBBY_S,
    MAX_HOPS,
    MAX_WATCHED_BYTES,
    STEP_S,
    Pair,
    due,
    is_settled,
    note_of,
    text_of,
)
from poker_signal.core.model import (
    HOST,
    Close,
    Connect,
    ConnectionId,
    Due,
    Effect,
    Forget,
    Later,
    Lobby,
    Post,
    Row,
    Save,
    Signal,
    Watch,
    late,
)
from poker_signal.core.room import Room
from tests.core.build import AT, connect, message, perform, reserved, row, young

TABLET = row("HOST", 0)
ALICE = row("Alice", 1)
BOB = row("Bob", 2)
WATCHED = Rules(later=True)
AUTO = Rules(later=True, auto_join=True)
WATCH = Watch(ALICE.connection_id, TABLET.connection_id, '{"playerName":"Alice"}', None)
FRAME = '{"type":"join","senderId":"Alice","payload":{"playerName":"Alice"}}'


def reaching(member: Row, *targets: Row) -> Row:
    """Return a row that has reached others."""
    return member._replace(reached=frozenset(each.connection_id for each in targets))


def looked(note: Watch, *rows: Row) -> list[Effect]:
    """Return the effects of a look at a watched join."""
    return due(note, Room(rows), AT)


def next_of(note: Watch, **more: Any) -> Later:
    """Return the effect that looks again."""
    return Later(STEP_S, note._replace(step=note.step + 1, **more))


def join_to(host: Row) -> tuple[str, str]:
    """Return connection and frame of the join that is delivered again."""
    return host.connection_id, FRAME


def posts(effects: list[Effect]) -> list[tuple[str, str]]:
    """Return connection and frame of the posts."""
    return [(each.connection_id, each.data) for each in effects if isinstance(each, Post)]


def test_a_delivered_join_is_watched() -> None:
    """The look comes after the post, so that no queue delays it."""
    said = message(ALICE, '{"type":"join","payload":{"playerName":"Alice"},"id":"j1"}')
    effects = perform(Invocation(said, Room([TABLET, ALICE]), WATCHED))
    assert [type(each) for each in effects] == [Post, Later, Post]
    assert effects[1] == Later(STEP_S, WATCH._replace(id="j1"))
    # Without the setting, and for other messages, nothing is due later.
    assert len(perform(Invocation(said, Room([TABLET, ALICE])))) == 2
    other = message(ALICE, '{"type":"player-connected","targetId":"HOST"}')
    assert len(perform(Invocation(other, Room([TABLET, ALICE]), WATCHED))) == 1


def test_a_join_that_did_not_arrive_is_not_watched() -> None:
    """Its player has heard HOST_NOT_FOUND."""
    said = message(ALICE, '{"type":"join"}')
    effects = perform(Invocation(said, Room([ALICE]), WATCHED))
    assert not any(isinstance(each, Later) for each in effects)


def test_a_long_payload_is_not_watched() -> None:
    """It would wait in the queue."""
    for size, count in ((MAX_WATCHED_BYTES - 2, 2), (MAX_WATCHED_BYTES, 1)):
        said = message(ALICE, json.dumps({"type": "join", "payload": "x" * size}))
        effects = perform(Invocation(said, Room([TABLET, ALICE]), WATCHED))
        assert len(effects) == count


def test_the_join_is_delivered_again_until_there_is_an_offer() -> None:
    """The same frame goes to the owner of that moment, once per look."""
    note = WATCH
    for _ in range(LAST_STEP - 1):
        effects = looked(note, TABLET, ALICE)
        assert posts(effects) == [join_to(TABLET)]
        assert effects[1] == next_of(note)
        note = note._replace(step=note.step + 1)
    with pytest.raises(NoAnswer):
        looked(note, TABLET, ALICE)


def test_another_host_gets_the_join() -> None:
    """A host that connected since is the owner, and has reached no player."""
    newer = row("HOST", 9)
    effects = looked(WATCH, reaching(TABLET, ALICE), ALICE, newer)
    assert posts(effects) == [join_to(newer)]
    assert effects[1] == next_of(WATCH, host=newer.connection_id)


def test_without_a_host_the_watch_goes_on() -> None:
    """A host that is away, or whose name is reserved, may come back until the watch ends."""
    for rows in ((ALICE,), (ALICE, reserved(TABLET._replace(session="s")))):
        assert looked(WATCH, *rows) == [next_of(WATCH)]
        with pytest.raises(NoAnswer):
            looked(WATCH._replace(step=LAST_STEP), *rows)


def test_an_offer_without_an_answer_gets_one_more_join() -> None:
    """Six seconds after the offer was seen the join is delivered once, and not again."""
    rows = reaching(TABLET, ALICE), ALICE
    note, delivered = WATCH, []
    while note.step < LAST_STEP:
        effects = looked(note, *rows)
        delivered += [note.step] * len(posts(effects))
        assert isinstance(effects[-1], Later)
        assert isinstance(effects[-1].note, Watch)
        note = effects[-1].note
    assert delivered == [3]
    with pytest.raises(NoAnswer):
        looked(note, *rows)


def test_a_late_answer_gets_a_last_join() -> None:
    """Its host may have given up before it came, and would make another offer."""
    rows = reaching(TABLET, ALICE), reaching(ALICE, TABLET)
    late_note = WATCH._replace(step=3, offered=1)
    assert posts(looked(late_note, *rows)) == [join_to(TABLET)]
    assert len(looked(late_note, *rows)) == 1
    assert not is_settled(late_note, Pair(*reversed(rows)), AT)
    last = late_note._replace(step=LAST_STEP)
    assert looked(last, *rows) == []
    assert is_settled(last, Pair(*reversed(rows)), AT)


def test_a_candidate_without_its_description_ends_no_watch() -> None:
    """An answer that is lost is missed, although the candidates after it arrived."""
    alice = ALICE._replace(reached=frozenset([late(TABLET.connection_id)]))
    host = reaching(TABLET, ALICE)
    assert posts(looked(WATCH._replace(step=3, offered=1), host, alice)) == [join_to(TABLET)]
    assert not is_settled(WATCH, Pair(alice, host), AT)
    unheard = TABLET._replace(reached=frozenset([late(ALICE.connection_id)]))
    assert posts(looked(WATCH, unheard, alice)) == [join_to(TABLET)]


@pytest.mark.parametrize(
    "rows",
    [
        (reaching(TABLET, ALICE), reaching(ALICE, TABLET)),
        (TABLET,),
        (TABLET, reserved(ALICE._replace(session="s"))),
        (TABLET, row("Alice", 0), ALICE),
        (TABLET, BOB),
    ],
    ids=["complete", "player gone", "player reserved", "name of another", "other player"],
)
@pytest.mark.parametrize("step", [1, LAST_STEP])
def test_the_watch_ends(rows: tuple[Row, ...], step: int) -> None:
    """Descriptions went both ways, or there is no player to whom it matters."""
    assert looked(WATCH._replace(step=step), *rows) == []


def test_two_rows_settle_most_watches() -> None:
    """The game is read only if the rows of player and host do not say enough."""
    host, player = reaching(TABLET, ALICE), reaching(ALICE, TABLET)
    assert is_settled(WATCH, Pair(player, host), AT)
    assert is_settled(WATCH, Pair(None, host), AT)
    assert is_settled(WATCH, Pair(reserved(player._replace(session="s")), host), AT)
    assert is_settled(WATCH, Pair(player, host), player.ttl + 1)
    assert not is_settled(WATCH, Pair(player, None), AT)
    assert not is_settled(WATCH, Pair(player, TABLET), AT)
    assert not is_settled(WATCH, Pair(ALICE, host), AT)
    assert not is_settled(WATCH, Pair(player, reserved(host._replace(session="s"))), AT)


def test_the_player_hears_why_it_ends() -> None:
    """NO_ANSWER goes to the player's connection, with the id of its join."""
    event = Due(WATCH._replace(step=LAST_STEP, id="j1"), AT)
    invocation = Invocation(event, Room([TABLET, ALICE]), WATCHED)
    ((to, frame),) = posts(perform(invocation))
    assert to == ALICE.connection_id
    sentence = "The host did not answer. Please try again."
    assert json.loads(frame) == {
        "type": "error",
        "payload": {"code": "NO_ANSWER", "message": sentence},
        "id": "j1",
    }
    assert (invocation.outcome.name, str(invocation.outcome.error)) == ("error", sentence)


def test_a_ghost_of_the_host_is_found_by_the_watch() -> None:
    """A host that answers 410 twice is forgotten; the next owner gets the join."""
    older, ghost, player = row("HOST", 0), row("HOST", 5), ALICE
    note = WATCH._replace(connection_id=player.connection_id, host=ghost.connection_id)
    invocation = Invocation(Due(note, AT), Room([older, ghost, player]), WATCHED)
    effects = perform(invocation, gone=[ghost])
    assert Forget(ghost.connection_id, AT) in effects
    assert posts(effects)[-1] == (older.connection_id, FRAME)
    assert sum(isinstance(each, Later) for each in effects) == 1
    assert invocation.outcome.name == "delivered"
    # Without another host nothing is told: the watch goes on.
    invocation = Invocation(Due(note, AT), Room([ghost, player]), WATCHED)
    effects = perform(invocation, gone=[ghost])
    assert [each for each in posts(effects) if each[0] == player.connection_id] == []
    assert sum(isinstance(each, Later) for each in effects) == 1


def test_a_join_that_never_came_is_delivered() -> None:
    """With auto_join the watch begins at the connect; the player's own join starts no other."""
    effects = perform(Invocation(connect(ALICE), Room([TABLET]), AUTO))
    assert effects == [Save(ALICE), Later(STEP_S, WATCH._replace(host=None))]
    assert perform(Invocation(connect(ALICE), Room([TABLET]), WATCHED)) == [Save(ALICE)]
    assert posts(looked(WATCH._replace(host=None), TABLET, ALICE)) == [join_to(TABLET)]
    said = message(ALICE, '{"type":"join"}')
    assert len(perform(Invocation(said, Room([TABLET, young(ALICE)]), AUTO))) == 1
    # A join on an old connection is a new attempt.
    effects = perform(Invocation(said, Room([TABLET, ALICE]), AUTO))
    assert [type(each) for each in effects] == [Post, Later]


def test_a_name_of_any_characters_is_joined() -> None:
    """The name is the payload's text, escaped as JSON."""
    name = 'Zoë "\\ 🂡'
    member = row(name, 1)
    (_, planned) = perform(Invocation(connect(member), Room([]), AUTO))
    assert isinstance(planned, Later)
    assert isinstance(planned.note, Watch)
    assert json.loads(planned.note.payload) == {"playerName": name}


def test_a_host_is_kept_in_its_lobby() -> None:
    """Its connection gets a frame every nine minutes, for two hours."""
    assert perform(Invocation(connect(TABLET), Room([]), WATCHED)) == [
        Save(TABLET),
        Later(LOBBY_S, Lobby(TABLET.connection_id)),
    ]
    for hop in range(1, MAX_HOPS + 1):
        note = Lobby(TABLET.connection_id, hop)
        effects = perform(Invocation(Due(note, AT), Room([TABLET]), WATCHED))
        assert posts(effects) == [(TABLET.connection_id, messages.KEEPALIVE)]
        left = [each.note for each in effects if isinstance(each, Later)]
        assert left == ([Lobby(TABLET.connection_id, hop + 1)] if hop < MAX_HOPS else [])
    assert MAX_HOPS * LOBBY_S < 7200 < (MAX_HOPS + 1) * LOBBY_S


def test_a_host_without_a_row_is_closed() -> None:
    """A connection without a row must not believe that it is in a game."""
    note = Lobby(TABLET.connection_id)
    assert due(note, Room([ALICE]), AT) == [Close(TABLET.connection_id)]
    assert due(note, Room([reserved(TABLET._replace(session="s"))]), AT) == []


def test_a_ghost_is_found_in_its_lobby() -> None:
    """A 410 to the keep-alive, confirmed by a probe, forgets the row."""
    ghost = row("HOST", 0)
    event = Due(Lobby(ghost.connection_id), AT)
    effects = perform(Invocation(event, Room([ghost]), WATCHED), gone=[ghost])
    assert Forget(ghost.connection_id, AT) in effects
    assert posts(effects) == [(ghost.connection_id, messages.KEEPALIVE)]


def test_a_false_410_forgets_nobody_in_the_lobby() -> None:
    """The probe finds the host alive."""
    host = row("HOST", 0)
    invocation = Invocation(Due(Lobby(host.connection_id), AT), Room([host]), WATCHED)
    seen: list[Effect] = []
    for effect in invocation.effects():
        seen.append(effect)
        if isinstance(effect, Post):
            invocation.gone(effect)
        elif type(effect).__name__ == "Probe":
            invocation.alive(effect)  # type: ignore[arg-type]
    assert not any(isinstance(each, Forget) for each in seen)


def test_a_watch_does_not_wait() -> None:
    """A note that is due holds no invocation asleep, though the index lags."""
    room = Room([TABLET, ALICE]).lagging()
    effects = perform(Invocation(Due(WATCH, AT), room, WATCHED))
    assert [type(each) for each in effects] == [Post, Later]


@pytest.mark.parametrize(
    "note",
    [WATCH, WATCH._replace(id="x", host=None, step=5, offered=2), Lobby(TABLET.connection_id, 7)],
)
def test_a_note_survives_the_queue(note: Watch | Lobby) -> None:
    """A note is the same after JSON; other texts are no notes."""
    assert note_of(json.loads(text_of(note))) == note
    broken = json.loads(text_of(note))
    for key in broken:
        assert note_of({**broken, key: [1]}) is None
        assert note_of({each: broken[each] for each in broken if each != key}) is None
    assert note_of({**broken, "more": 1}) is None


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, {"note": "other"}, {"note": "lobby"}])
def test_other_values_are_no_notes(value: object) -> None:
    """A message of another sender in the queue is dropped."""
    assert note_of(value) is None


def test_a_connection_has_one_watch_at_a_time() -> None:
    """Joins without end cost one watch; later looks are never refused."""
    budget = WatchBudget()
    first = Later(STEP_S, WATCH)
    assert budget.allows(first, AT)
    assert not budget.allows(first, AT + STEP_S * LAST_STEP - 1)
    assert budget.allows(Later(STEP_S, WATCH._replace(step=2)), AT)
    assert budget.allows(Later(LOBBY_S, Lobby(ALICE.connection_id)), AT)
    assert budget.allows(first, AT + STEP_S * LAST_STEP)
    for number in range(MAX_ENTRIES):
        other = WATCH._replace(connection_id=ConnectionId(f"c{number}"))
        assert budget.allows(Later(STEP_S, other), AT)


def test_a_due_is_never_mistaken_for_another_event() -> None:
    """Notes and events of the same members differ by their type."""
    assert Due(WATCH, AT) != Due(Lobby(WATCH.connection_id), AT)
    assert Due(WATCH, AT).connection_id == ALICE.connection_id
    assert not isinstance(Due(WATCH, AT), Connect | Signal)
    assert TABLET.player_id == HOST
