"""The rows of a game, and the owners of its names."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poker_signal.core.model import HOST, ConnectionId, PlayerId, Row
from poker_signal.core.room import Room
from tests.core.build import AT, reserved, row

ALICE = row("Alice", 1)
LATER_ALICE = row("Alice", 2)
LATEST_ALICE = row("Alice", 3)
BOB = row("Bob", 4)
EXPIRED_ALICE = row("Alice", 0, ttl=AT - 1)
TABLET = row("HOST", 0)
RESTARTED_TABLET = row("HOST", 5)

PLAYER = PlayerId("Alice")

connection_ids = st.sampled_from(["c0", "c1", "c2", "c3", "c4"]).map(ConnectionId)
members = st.builds(
    row,
    st.sampled_from(["HOST", "Alice", "Bob"]),
    st.integers(0, 3),
    connection_id=connection_ids,
    ttl=st.sampled_from([AT - 1, AT, AT + 1]),
)
rows = st.lists(members, max_size=6)


@pytest.mark.parametrize(
    "order",
    list(permutations([ALICE, LATER_ALICE, LATEST_ALICE])),
    ids=lambda order: ", ".join(member.connection_id for member in order),
)
def test_a_name_belongs_to_who_connected_first(order: tuple[Row, ...]) -> None:
    """A later connection takes no seat, in whatever order DynamoDB returns the rows."""
    assert Room(order).owner(PLAYER, AT) == ALICE


def test_the_host_is_who_connected_last() -> None:
    """A tablet that restarts gets its game back from its own dead connection."""
    assert Room([TABLET, RESTARTED_TABLET]).owner(HOST, AT) == RESTARTED_TABLET
    assert Room([RESTARTED_TABLET, TABLET]).owner(HOST, AT) == RESTARTED_TABLET


@pytest.mark.parametrize("name", ["Alice", "HOST"], ids=["player", "host"])
def test_of_the_same_millisecond_the_smaller_connection_id_owns_the_name(name: str) -> None:
    """Two invocations with the same rows must find the same owner."""
    smaller, greater = row(name, connection_id="A="), row(name, connection_id="B=")
    assert Room([smaller, greater]).owner(PlayerId(name), AT) == smaller
    assert Room([greater, smaller]).owner(PlayerId(name), AT) == smaller


def test_milliseconds_decide() -> None:
    """Two devices may connect within the same second; the earlier one owns the name."""
    first = row("Alice", connection_id="Z=")
    second = Row(ConnectionId("A="), PLAYER, first.game_id, "2024-02-09T18:23:00.001Z", first.ttl)
    assert Room([second, first]).owner(PLAYER, AT) == first


def test_the_owner_is_named_first_and_the_next_owners_after_it() -> None:
    """When an owner turns out to be gone, the next row is tried."""
    assert Room([LATEST_ALICE, BOB, LATER_ALICE, ALICE]).named(PLAYER, AT) == [
        ALICE,
        LATER_ALICE,
        LATEST_ALICE,
    ]
    assert Room([TABLET, RESTARTED_TABLET]).named(HOST, AT) == [RESTARTED_TABLET, TABLET]


@pytest.mark.parametrize(
    "name",
    ["alice", "ALICE", "Alice ", " Alice", "Ａlice", ""],
    ids=["lower", "upper", "trailing space", "leading space", "full width", "empty"],
)
def test_names_are_compared_exactly(name: str) -> None:
    """Names that differ in case, spaces or Unicode form are different players."""
    assert Room([ALICE]).named(PlayerId(name), AT) == []
    assert Room([row("Zo\u00eb")]).owner(PlayerId("Zoe\u0308"), AT) is None


def test_a_row_is_found_by_its_connection_until_it_expires() -> None:
    """The sender of a message is known by its connection id alone."""
    room = Room([ALICE, BOB, EXPIRED_ALICE])
    assert room.row(BOB.connection_id, AT) == BOB
    assert room.row(LATER_ALICE.connection_id, AT) is None
    assert room.row(EXPIRED_ALICE.connection_id, AT) is None
    assert room.row(EXPIRED_ALICE.connection_id, EXPIRED_ALICE.ttl) == EXPIRED_ALICE


def test_a_room_is_equal_to_one_of_the_same_rows() -> None:
    """The order of the rows does not matter; the repr shows them when a test fails."""
    assert Room([ALICE, BOB]) == Room([BOB, ALICE])
    assert hash(Room([ALICE, BOB])) == hash(Room([BOB, ALICE]))
    assert Room([ALICE]) != Room([BOB])
    assert Room([ALICE]) != [ALICE]
    assert len(Room()) == 0
    assert repr(Room([ALICE])) == f"Room([{ALICE!r}])"


@pytest.mark.parametrize("name", ["Alice", "HOST"], ids=["player", "host"])
def test_of_one_session_the_latest_row_has_the_seat(name: str) -> None:
    """A takeover holds once the new row is saved, even if the old row is still there."""
    old, new = row(name, 1, session="s1"), row(name, 9, session="s1")
    bystander = row(name, 5)
    assert Room([old, bystander, new]).named(PlayerId(name), AT) == [new, old, bystander]


def test_a_successor_ranks_as_the_row_that_it_replaced() -> None:
    """Alice keeps her rank when she reconnects, ahead of connections made in between."""
    successor = row("Alice", 9, session="s1")._replace(seat=ALICE.rank)
    assert Room([LATER_ALICE, successor]).owner(PLAYER, AT) == successor
    assert Room([LATER_ALICE, successor._replace(seat=None)]).owner(PLAYER, AT) == LATER_ALICE


def test_an_expired_row_passes_no_seat_on() -> None:
    """An expired row counts as deleted."""
    old, new = row("Alice", 0, session="s1", ttl=AT - 1), row("Alice", 9, session="s1")
    assert Room([old, ALICE, new]).named(PLAYER, AT) == [ALICE, new]


@pytest.mark.parametrize("name", ["Alice", "HOST"], ids=["player", "host"])
def test_a_reservation_owns_its_name_until_its_session_comes_back_or_it_expires(name: str) -> None:
    """A reservation is a row like any other, until its ttl."""
    kept = reserved(row(name, 1, session="s1"))
    again, stranger = row(name, 9, session="s1"), row(name, 5)
    room = Room([stranger, kept])
    assert room.owner(PlayerId(name), AT) == kept
    assert room.owner(PlayerId(name), kept.ttl) == kept
    assert room.owner(PlayerId(name), kept.ttl + 1) == stranger
    assert room.adding(again).named(PlayerId(name), AT) == [again, kept, stranger]


def test_a_protected_host_comes_before_one_that_is_not() -> None:
    """The host with a session owns the name, even if two hosts were saved at the same time."""
    protected, later = row("HOST", 1, session="s1"), row("HOST", 9)
    another = row("HOST", 8, session="s2")
    named = Room([later, another, TABLET, protected]).named(HOST, AT)
    assert named == [protected, another, later, TABLET]


def test_whoever_is_in_doubt_owns_nothing_and_is_still_there() -> None:
    """A row in doubt is skipped, but not deleted: its handshake may still be going on."""
    room = Room([ALICE, LATER_ALICE, BOB])
    doubting = room.doubting(ALICE.connection_id)
    assert doubting.named(PLAYER, AT) == [LATER_ALICE]
    assert doubting.row(ALICE.connection_id, AT) == ALICE
    assert doubting.is_in_doubt(PLAYER)
    assert not doubting.is_in_doubt(BOB.player_id)
    assert not room.is_in_doubt(PLAYER)
    assert doubting.adding(TABLET).owner(PLAYER, AT) == LATER_ALICE
    assert doubting.trusting(BOB.player_id).owner(PLAYER, AT) == LATER_ALICE
    assert doubting.trusting(PLAYER).owner(PLAYER, AT) == ALICE


def test_a_lagging_room_stays_one() -> None:
    """The mark is about the read; a change of the rows makes the index no newer."""
    room = Room([ALICE, BOB])
    lagging = room.lagging()
    assert (room.is_lagging, lagging.is_lagging, lagging == room) == (False, True, True)
    assert lagging.adding(TABLET).without(BOB.connection_id).trusting(PLAYER).is_lagging


def test_a_room_takes_no_row_of_another_game() -> None:
    """A host's mistake raises ValueError, so that no message gets into another game."""
    other_game = row("Bob", connection_id="elsewhere", game_id="4712")
    with pytest.raises(ValueError, match="of another"):
        Room([ALICE, other_game])
    with pytest.raises(ValueError, match="of another"):
        Room([ALICE]).adding(other_game)


@given(rows)
def test_every_name_has_one_owner_and_whoever_came_first_is_first(some: list[Row]) -> None:
    """Expired rows own nothing, and owners are sorted by the time they connected."""
    room = Room(some)
    owners = room.owners(AT)
    names = {member.player_id for member in room if member.ttl >= AT}
    assert {owner.player_id: owner for owner in owners} == {
        name: room.owner(name, AT) for name in names
    }
    assert len(owners) == len(names)
    moments = [(owner.connected_at, owner.connection_id) for owner in owners]
    assert moments == sorted(moments)


@given(rows)
def test_the_owner_is_the_first_of_the_name(some: list[Row]) -> None:
    """The quick look-up of the owner always agrees with the list of the name's rows."""
    room = Room(some)
    for name in {member.player_id for member in some}:
        named = room.named(name, AT)
        assert room.owner(name, AT) == (named[0] if named else None)
        assert set(named) == {
            member for member in room if member.player_id == name and member.ttl >= AT
        }


@given(rows, st.lists(members | connection_ids, max_size=8))
def test_changing_a_room_is_the_same_as_reading_it_anew(
    first: list[Row], changes: list[Row | ConnectionId]
) -> None:
    """The emulator changes its room and Lambda reads it; both must see the same owners."""
    room, table = Room(first), {member.connection_id: member for member in first}
    for change in changes:
        before = room, list(room)
        if isinstance(change, Row):
            room = room.adding(change)
            table[change.connection_id] = change
        else:
            room = room.without(change)
            table.pop(change, None)
        assert list(before[0]) == before[1]
    anew = Room(table.values())
    assert room == anew
    for name in ("HOST", "Alice", "Bob"):
        assert room.named(PlayerId(name), AT) == anew.named(PlayerId(name), AT)


def test_who_was_reached_by_whom_is_in_the_rows() -> None:
    """A row notes the connections that it reached; an unknown connection has reached none."""
    bob = row("Bob", 0)
    alice = row("Alice", 1, reached=[bob])
    room = Room([alice, bob])
    assert room.has_reached(alice.connection_id, bob.connection_id)
    assert not room.has_reached(bob.connection_id, alice.connection_id)
    assert not room.has_reached(ConnectionId("unknown"), bob.connection_id)
