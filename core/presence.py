"""Presence: frames that tell the players of a game who came and who left (docs/protocol.md)."""

from datetime import datetime

from poker_signal.core import messages
from poker_signal.core.configuration import Rules, Topology
from poker_signal.core.ice import IceServers
from poker_signal.core.model import (
    GO_AWAY,
    HOST,
    PRESENCE,
    ROW_LIFETIME_S,
    WANTS,
    Effect,
    Farewell,
    GameId,
    Later,
    PlayerId,
    Post,
    Presence,
    Row,
    Signal,
)
from poker_signal.core.room import Room

# Presence
#
# A taker is a row that wants presence. Both changes are notes, told when they are due: an arrival
# at once, in an invocation of its own, so that no $connect posts; a departure after PATIENCE_S, if
# the name has no connection by then, so that a phone in a tunnel is not told as gone. A departure
# is planned by each rule that forgets a connection: $disconnect, or two 410s.
# Frames may overtake each other. Each has a version; the larger one is true.
# - Of an arrival: the time of the connect.
# - Of a departure: the end of the second in which the connection ended. A connection made before
#   that is in the rows when the note is due, PATIENCE_S later, and nothing is told. One made after
#   it has a larger version, even if the index does not list it yet.
# A reservation ends without an event: if another connection of the name waits, a note for that time
# is planned.
# Without `later` there is no presence. A frame that is lost is not sent again: `welcome` always
# tells what the rows say.

PATIENCE_S = 5
"""Seconds from the end of a connection until its player counts as gone."""

NOTICE_S = 300
"""Seconds before the end of a connection's two hours at which its client is told."""

MAX_HOP_S = 900
"""Longest delay of a queue: a longer one is made of several hops."""

SUCCEEDED = "succeeded"
"""Reason in a note: a reservation ended, and another connection of the name owns it now."""

FEATURES = frozenset({"report"})
LATER_FEATURES = frozenset({*WANTS, "no-answer"})
ICE_FEATURES = frozenset({messages.ICE_SERVERS})

_TIMED_OUT = frozenset({1001, 1006})


def reason_of(code: object, text: object) -> str:
    """Return why a connection ended, from API Gateway's ``disconnectStatusCode`` and its reason.

    ``left``: the client closed it. ``timeout``: it broke, or API Gateway closed it when it was
    idle or too old. ``closed``: the server closed it, for example because of a message.
    """
    if code == 1006 or (code == 1001 and text == "Going away"):
        return "timeout"
    return "left" if code in (1000, 1001, 1005) or type(code) is not int else "closed"


def features_of(rules: Rules) -> list[str]:
    """Return the features that a ``welcome`` announces."""
    later = LATER_FEATURES if rules.later else frozenset[str]()
    return sorted(FEATURES | later | (ICE_FEATURES if rules.ice else frozenset()))


def roster(room: Room, row: Row, at: int, topology: Topology) -> list[PlayerId]:
    """Return the other players whom a player may know of, the oldest connection first."""
    return [
        owner.player_id
        for owner in room.owners(at)
        if owner.left_at is None
        and owner.player_id != row.player_id
        and _may_know(row.player_id, owner.player_id, topology)
    ]


def welcome(
    signal: Signal, sender: Row, room: Room, rules: Rules, ice: IceServers | None = None
) -> Post:
    """Return the answer to a ``hello``."""
    players = roster(room, sender, signal.at, rules.topology)
    frame = messages.welcome_frame(sender, players, features_of(rules), signal.id, ice)
    return Post(sender.connection_id, frame)


def arrival(newcomer: Row, former: list[Row], room: Room, at: int, rules: Rules) -> list[Effect]:
    """Return the notes about a row that is stored; ``room`` is the game before."""
    effects: list[Effect] = []
    if GO_AWAY in newcomer.wants:
        effects.append(_hop(newcomer, at))
    after = room.adding(newcomer)
    for row in former:
        after = after.without(row.connection_id)
    # A taker hears of every reservation that ends, others cause the note of their own name.
    names = {row.player_id for row in after} if PRESENCE in newcomer.wants else ()
    for name in sorted({newcomer.player_id, *names}):
        effects += _succession(after, name, at, rules)
    owner = after.owner(newcomer.player_id, at)
    if owner is None or owner.connection_id != newcomer.connection_id:
        return effects
    if _takers(after, newcomer.player_id, at, rules.topology):
        was_there = former or (newcomer.player_id == HOST and room.owner(HOST, at))
        reason = "replaced" if was_there else "joined"
        effects.append(Later(0, _note(newcomer, reason, _connected_ms(newcomer))))
    return effects


def departure(
    row: Row, at: int | None, reason: str, room: Room | None, rules: Rules
) -> list[Effect]:
    """Return the note about a connection that has ended; empty if no player would hear of it.

    ``room``: None if the game is not known, so that it may have takers.
    """
    ended_s = at or 0
    if room is not None and not _takers(room, row.player_id, ended_s, rules.topology):
        return []
    version = max((ended_s + 1) * 1000, _connected_ms(row) + 1)
    return [Later(PATIENCE_S, _note(row, reason, version))]


def due(note: Presence, room: Room, at: int, rules: Rules) -> list[Effect]:
    """Return the frames about a player who came, or has not come back."""
    owner = room.owner(note.player_id, at)
    succession = _succession(room, note.player_id, at, rules)
    if note.reason == SUCCEEDED:
        if owner is None or owner.connection_id != note.connection_id:
            return succession
        note = note._replace(reason="joined")
    has_come = note.reason in ("joined", "replaced")
    if not has_come and owner is not None and _is_newer(owner, note):
        return []
    is_host = note.player_id == HOST
    names = ("host-back", "host-away") if is_host else ("player-joined", "player-left")
    frame = messages.presence_frame(note, names[0] if has_come else names[1])
    takers = _takers(room, note.player_id, at, rules.topology)
    return [*(Post(taker.connection_id, frame) for taker in takers), *succession]


def farewell(note: Farewell, room: Room, at: int) -> list[Effect]:
    """Return the frame that announces the end of a connection, or the next hop towards it."""
    row = room.row(note.connection_id, at)
    if row is None or row.left_at is not None:
        return []
    if row.ttl - NOTICE_S > at:
        return [_hop(row, at)]
    return [Post(row.connection_id, messages.go_away_frame(row.ttl - at))]


def _succession(room: Room, name: PlayerId, at: int, rules: Rules) -> list[Effect]:
    """Return the note for the end of a name's reservation, if another connection waits for it."""
    named = room.named(name, at)
    waiting = [row for row in named if row.left_at is None]
    if not waiting or named[0].left_at is None or not _takers(room, name, at, rules.topology):
        return []
    free_at = named[0].ttl + 1
    return [Later(free_at - at, _note(waiting[0], SUCCEEDED, free_at * 1000))]


def _hop(row: Row, at: int) -> Later:
    return Later(min(row.ttl - NOTICE_S - at, MAX_HOP_S), Farewell(row.connection_id))


def _is_newer(owner: Row, note: Presence) -> bool:
    """Return whether the owner's own note will tell of it, or it has not left."""
    return owner.left_at is None or (owner.left_at + 1) * 1000 > note.version


def _note(row: Row, reason: str, version: int) -> Presence:
    return Presence(row.connection_id, GameId(row.game_id), row.player_id, reason, version)


def _connected_ms(row: Row) -> int:
    """Return the time of a row's connect in epoch milliseconds."""
    try:
        return round(datetime.fromisoformat(row.connected_at).timestamp() * 1000)
    except ValueError:
        # Another program wrote the row.
        return (row.ttl - ROW_LIFETIME_S) * 1000


def _takers(room: Room, about: PlayerId, at: int, topology: Topology) -> list[Row]:
    """Return the rows of the other players that want to hear about a player, and may."""
    return [
        row
        for row in room
        if PRESENCE in row.wants
        and row.left_at is None
        and row.is_live(at)
        and row.player_id != about
        and _may_know(row.player_id, about, topology)
    ]


def _may_know(player: PlayerId, about: PlayerId, topology: Topology) -> bool:
    """Return whether a player hears of another: in a star, players hear of HOST only."""
    return topology is Topology.MESH or HOST in (player, about)
