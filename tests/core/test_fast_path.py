"""The fast path: it returns the post that an invocation would cause."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poker_signal.core import fast_path, messages
from poker_signal.core.configuration import MAX_FRAME_BYTES, Rules, Topology
from poker_signal.core.invocation import Invocation
from poker_signal.core.model import (
    OPENING_S,
    ROW_LIFETIME_S,
    ConnectionId,
    Effect,
    Message,
    Post,
    Row,
)
from poker_signal.core.room import Room
from tests.core.build import AT, json_values, message, row
from tests.support import tiers

TABLET = row("HOST", 0)
BOB = row("Bob", 2)
ALICE = row("Alice", 1)._replace(reached=frozenset({BOB.connection_id}))
"""Alice's offer has reached Bob."""
CANDIDATE = '{"type":"ice-candidate","targetId":"Bob","payload":{"candidate":"…"}}'
OFFER = '{"type":"offer","targetId":"Bob","payload":{"sdp":"v=0"}}'
JOIN = '{"type":"join","payload":null}'
RULES = Rules()


def effects_of(event: Message, room: Room, rules: Rules = RULES) -> list[Effect]:
    """Return the effects of an invocation; every post is delivered."""
    invocation, found = Invocation(event, room, rules), list[Effect]()
    for effect in invocation.effects():
        found.append(effect)
        if isinstance(effect, Post):
            invocation.delivered(effect)
    return found


def learnt(event: Message, room: Room, rules: Rules = RULES) -> bool:
    """Invoke the rules as a host does; return whether the fast path takes the next message."""
    effects = effects_of(event, room, rules)
    if len(effects) == 1 and isinstance(effects[0], Post):
        fast_path.learn(event, effects[0], room, rules)
    return fast_path.find(event, room) is not None


def met() -> Room:
    """Return a room without lanes."""
    return Room([TABLET, ALICE, BOB])


@pytest.mark.parametrize("text", [CANDIDATE, OFFER, JOIN])
def test_a_message_whose_only_effect_is_one_post_is_learnt(text: str) -> None:
    """The next such message goes to the same connection, with its own payload."""
    room, event = met(), message(ALICE, text)
    assert fast_path.find(event, room) is None
    assert learnt(event, room)
    (post,) = effects_of(event, met())
    assert isinstance(post, Post)
    assert fast_path.find(event, room) == (post.connection_id, post.data)
    other = message(ALICE, text.replace("…", "!"))
    (post,) = effects_of(other, met())
    assert isinstance(post, Post)
    assert fast_path.find(other, room) == (post.connection_id, post.data)


@pytest.mark.parametrize(
    ("text", "room"),
    [
        (OFFER, Room([ALICE._replace(reached=frozenset()), BOB])),
        (CANDIDATE, met().without(ALICE.connection_id)),
        ('{"type":"ping","payload":null}', met()),
        ('{"type":"ice-candidate","targetId":"Alice","payload":null}', met()),
        ('{"type":"ice-candidate","targetId":"Bob","payload":null,"id":"1"}', met()),
        ('{"type":"ice-candidate","targetId":"Bob","payload":null,"type":"offer"}', met()),
        ('{"type":"ice-candidate","targetId":"Bob"}', met()),
        ("[]", met()),
    ],
    ids=[
        "noted",
        "stranger",
        "pong",
        "refused",
        "acknowledged",
        "repeated",
        "unusual",
        "no object",
    ],
)
def test_all_other_messages_are_not(text: str, room: Room) -> None:
    """Messages with more or other effects, or with unusual JSON, are not learnt."""
    assert not learnt(message(ALICE, text), room)


def test_a_lane_is_of_one_room() -> None:
    """A row that is added or removed drops all lanes; a row that reaches another keeps them."""
    room, event = met(), message(ALICE, CANDIDATE)
    assert learnt(event, room)
    assert fast_path.find(event, room.adding(row("Carol", 3))) is None
    assert fast_path.find(event, room.without(TABLET.connection_id)) is None
    later = room.reaching(BOB.connection_id, ALICE.connection_id)
    assert fast_path.find(event, later) is not None
    later.lanes.clear()
    assert fast_path.find(event, room) is not None


def test_a_lane_ends_when_a_row_expires() -> None:
    """A lane is not used for events before its decision, nor for messages over the limit."""
    room = Room([TABLET._replace(ttl=AT + 5), ALICE, BOB])
    event = message(ALICE, CANDIDATE)
    assert learnt(event, room)
    found = [fast_path.find(event._replace(at=AT + s), room) is not None for s in (-1, 0, 5, 6)]
    assert found == [False, True, True, False]
    assert fast_path.find(event._replace(is_over_limit=True), room) is None


@pytest.mark.parametrize(
    ("max_payload_bytes", "payload", "is_found"),
    [
        (400, "x" * 98, True),
        (399, "x" * 98, False),
        (MAX_FRAME_BYTES, "🂡" * 32_735, False),
    ],
)
def test_a_payload_that_may_be_too_long_is_for_the_invocation(
    max_payload_bytes: int, payload: str, is_found: bool
) -> None:
    """A quarter of the limit in characters is always within it; for more, bytes are counted."""
    rules, room = Rules(max_payload_bytes=max_payload_bytes), met()
    assert learnt(message(ALICE, CANDIDATE), room, rules)
    event = message(ALICE, CANDIDATE.replace('{"candidate":"…"}', f'"{payload}"'))
    assert (fast_path.find(event, room) is not None) is is_found


def test_the_number_of_lanes_is_bounded() -> None:
    """A player that sends to ever new names must not fill the memory."""
    room, (post,) = met(), effects_of(message(ALICE, CANDIDATE), met())
    assert isinstance(post, Post)
    for number in range(fast_path.MAX_LANES + 2):
        event = message(ALICE, CANDIDATE.replace("Bob", f"{number}"))
        fast_path.learn(event, post, room, RULES)
        assert len(room.lanes) <= fast_path.MAX_LANES
    assert len(room.lanes) == 2


names = st.sampled_from(["HOST", "Alice", "Bob"])
rows = st.lists(
    st.builds(
        lambda name, second, number, ttl, reached, left_at: row(
            name, second, connection_id=f"c{number}", ttl=AT + ttl
        )._replace(reached=frozenset(ConnectionId(f"c{n}") for n in reached), left_at=left_at),
        names,
        st.integers(0, 3),
        st.integers(0, 4),
        st.sampled_from([-1, 0, 1, 7000, ROW_LIFETIME_S - OPENING_S]),
        st.frozensets(st.integers(0, 4)),
        st.sampled_from([None, None, None, AT - 1]),
    ),
    unique_by=lambda row: row.connection_id,
    min_size=2,
)
texts = st.builds(
    lambda members, spaces: json.dumps(members, separators=(", ", ": ") if spaces else (",", ":")),
    st.builds(
        lambda type_, target, payload: {"type": type_, "targetId": target, "payload": payload},
        st.sampled_from(sorted(messages.TYPES)),
        names,
        json_values,
    ),
    st.booleans(),
)


@settings(max_examples=tiers.DIFFERENTIAL)
@given(
    rows,
    st.lists(st.tuples(st.integers(0, 4), texts, st.integers(-2, 2)), min_size=1),
    st.sampled_from(Topology),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
def test_what_is_found_is_the_only_effect_of_an_invocation(
    members: list[Row],
    said: list[tuple[int, str, int]],
    topology: Topology,
    reached: tuple[int, int],
) -> None:
    """Random events in any order give the same post, also after a row has reached another."""
    room, rules = Room(members), Rules(topology=topology, max_payload_bytes=60)
    sender, target = (ConnectionId(f"c{number}") for number in reached)
    for turn, (number, text, moment) in enumerate(said * 4):
        event = Message(ConnectionId(f"c{number}"), text, AT + moment)
        if turn == 2 * len(said) and room.row(sender, 0):
            room = room.reaching(sender, target)
        effects = []
        invocation = Invocation(event, Room(list(room)), rules)
        for effect in invocation.effects():
            effects.append(effect)
            if not isinstance(effect, Post):
                break
            invocation.delivered(effect)
        found = fast_path.find(event, room)
        if found is not None:
            (post,) = effects
            assert isinstance(post, Post)
            assert found == (post.connection_id, post.data)
        elif len(effects) == 1 and isinstance(effects[0], Post):
            fast_path.learn(event, effects[0], room, rules)
