"""The short way ends where the long one does."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poker_signal.core import fast_path as relaying
from poker_signal.core import messages
from poker_signal.core.fast_path import relay
from poker_signal.core.invocation import DELIVERED, Invocation
from poker_signal.core.model import ConnectionId, Message, Post, Row, Topology
from poker_signal.core.room import Room
from poker_signal.core.rules import Rules
from tests.core.build import AT, json_values, message, row

TABLET = row("HOST", 0)
ALICE = row("Alice", 1)
BOB = row("Bob", 2)
CANDIDATE = '{"type":"ice-candidate","targetId":"Bob","payload":{"candidate":"…"}}'
OFFER = '{"type":"offer","targetId":"Bob","payload":{"sdp":"v=0"}}'
RULES = Rules()

MET = Room([TABLET, ALICE._replace(reached=frozenset({BOB.connection_id})), BOB])
"""Alice has made Bob an offer."""


def all_that_follows(event: Message, room: Room, rules: Rules) -> tuple[Post, ...]:
    """Return the effects of the long way; all that is posted arrives."""
    invocation = Invocation(event, room, rules)
    posts = []
    for effect in invocation.effects():
        assert isinstance(effect, Post)
        posts.append(effect)
        invocation.delivered(effect)
    assert invocation.outcome is DELIVERED
    return tuple(posts)


@pytest.mark.parametrize("text", [CANDIDATE, OFFER])
def test_between_two_who_have_met_a_message_takes_the_short_way(text: str) -> None:
    """To the same connection, as the same frame."""
    type_ = json.loads(text)["type"]
    payload = json.dumps(json.loads(text)["payload"], ensure_ascii=False, separators=(",", ":"))
    assert relay(message(ALICE, text), MET, RULES) == (
        BOB.connection_id,
        f'{{"type":"{type_}","senderId":"Alice","payload":{payload}}}',
    )


@pytest.mark.parametrize(
    ("text", "room"),
    [
        (CANDIDATE, Room([ALICE, BOB])),
        (OFFER, Room([ALICE, BOB])),
        (CANDIDATE, MET.without(BOB.connection_id)),
        (CANDIDATE, MET.without(ALICE.connection_id)),
        (CANDIDATE, MET.doubting(TABLET.connection_id)),
        (CANDIDATE, MET.adding(row("Alice", 0))),
        ('{"type":"join","payload":null}', MET),
        ('{"type":"ping","payload":null}', MET),
        ('{"type":"join","targetId":"Bob","payload":null}', MET),
        ('{"type":"ice-candidate","payload":null}', MET),
        ('{"type":"ice-candidate","targetId":"","payload":null}', MET),
        ('{"type":"ice-candidate","targetId":"Alice","payload":null}', MET),
        ('{"type":"ice-candidate","targetId":"Bob","payload":null,"id":"1"}', MET),
        ('{"type":"ice-candidate","targetId":"Bob","payload":nul}', MET),
        ('{"type":"ice-candidate","targetId":"Bob","payload":}', MET),
        ('{"type":"ice-candidate","targetId":"Bob"}', MET),
        ("[]", MET),
    ],
)
def test_everything_else_is_for_the_invocation_to_decide(text: str, room: Room) -> None:
    """What waits, is noted, answered or refused, and what is written in some other way."""
    assert relay(message(ALICE, text), room, RULES) is None


def test_who_sends_too_many_takes_the_long_way() -> None:
    """It has to hear why."""
    event = message(ALICE, CANDIDATE)._replace(is_over_limit=True)
    assert relay(event, MET, RULES) is None


def test_a_payload_is_within_the_limit_in_bytes() -> None:
    """Up to a quarter of it nobody needs to count them; beyond, the long way does."""
    text = CANDIDATE.replace('{"candidate":"…"}', f'"{"x" * 98}"')
    assert relay(message(ALICE, text), MET, Rules(max_payload_bytes=400)) is not None
    assert relay(message(ALICE, text), MET, Rules(max_payload_bytes=399)) is None


def test_with_the_senders_name_a_frame_may_be_too_long() -> None:
    """The limit of the frame holds beside that of the payload."""
    rules = Rules(max_payload_bytes=messages.MAX_FRAME_BYTES)
    text = CANDIDATE.replace('{"candidate":"…"}', f'"{"🂡" * 32_745}"')
    assert relay(message(ALICE, text), MET, rules) is None


def test_other_rules_decide_anew() -> None:
    """What was remembered under others does not count."""
    assert relay(message(ALICE, CANDIDATE), MET, RULES) is not None
    assert relay(message(ALICE, CANDIDATE), MET, Rules(topology=Topology.STAR)) is None
    assert relay(message(ALICE, CANDIDATE), MET, RULES) is not None


def test_what_was_decided_once_is_not_decided_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """For every candidate of a handshake the rules say the same."""
    room = MET.adding(TABLET)
    first = relay(message(ALICE, CANDIDATE), room, RULES)
    monkeypatch.setattr(relaying, "route", None)
    assert first == relay(message(ALICE, CANDIDATE), room, RULES)
    assert relay(message(ALICE, CANDIDATE.replace("…", "!")), room, RULES) == (
        BOB.connection_id,
        '{"type":"ice-candidate","senderId":"Alice","payload":{"candidate":"!"}}',
    )


names = st.sampled_from(["HOST", "Alice", "Bob"])
rows = st.lists(
    st.builds(
        lambda name, second, number, ttl, reached: row(
            name, second, connection_id=f"c{number}", ttl=AT + ttl
        )._replace(reached=frozenset(ConnectionId(f"c{other}") for other in reached)),
        names,
        st.integers(0, 3),
        st.integers(0, 4),
        st.sampled_from([-1, 0, 1, 7000]),
        st.frozensets(st.integers(0, 4)),
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


@given(
    rows,
    st.lists(st.tuples(st.integers(0, 4), texts, st.integers(-2, 2)), min_size=1),
    st.sampled_from(Topology),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
def test_the_short_way_is_the_long_one(
    members: list[Row],
    said: list[tuple[int, str, int]],
    topology: Topology,
    reached: tuple[int, int],
) -> None:
    """Whatever is remembered, in whatever order time is told, and whoever is reached meanwhile."""
    room, rules = Room(members), Rules(topology=topology, max_payload_bytes=60)
    sender, target = (ConnectionId(f"c{number}") for number in reached)
    later = room
    # What is remembered the first time is used the second, and in the room that comes of it.
    for turn, (number, text, moment) in enumerate(said * 4):
        event = Message(ConnectionId(f"c{number}"), text, AT + moment)
        if turn == 2 * len(said) and room.row(sender, 0):
            later = room.reaching(sender, target)
        current = room if turn < 2 * len(said) else later
        relayed = relay(event, current, rules)
        if relayed is not None:
            (post,) = all_that_follows(event, Room(list(current)), rules)
            assert relayed == (post.connection_id, post.data)
