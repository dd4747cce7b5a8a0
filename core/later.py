"""Work that is due later: joins that are watched, and the lobby of a host (docs/protocol.md).

A ``Later`` effect asks the host to bring its note back after some seconds, as a ``Due`` event. The
note is a value and the only memory: the rows decide what is still to do. A note may come twice,
late, out of order or never.
"""

from typing import NamedTuple

from poker_signal.core import messages
from poker_signal.core.errors import NoAnswer
from poker_signal.core.model import (
    HOST,
    MAY_NOT_WAIT,
    Close,
    ConnectionId,
    Due,
    Effect,
    Farewell,
    Later,
    Lobby,
    Note,
    Post,
    Presence,
    Row,
    Signal,
    Watch,
)
from poker_signal.core.room import Room

# The watch over a join
#
# A client in the field joins once and waits for ever. Its host ignores a join of a player whom it
# still holds a connection of, for up to 12 s after that player is gone, and makes a fresh offer at
# the first join after that. So a delivered join is delivered again until HOST has reached the
# player's connection, every STEP_S, at most LAST_STEP - 1 times. At LAST_STEP the player hears
# NO_ANSWER, unless descriptions went both ways.
# Watch.step counts the Dues of a join. Watch.offered is the step at which an offer was first seen;
# if no answer has come RETRY_STEPS later, the join is delivered once more: the offer or the answer
# was lost, and the host's next offer mends both. An answer that comes after such a look is late:
# the host gives up 5 s after a join, and does not say so. Then the join is delivered a last time; a
# host that still holds the connection ignores it.
# Who decides: only the rows, `reached` above all. Nothing is stored for a watch.

STEP_S = 3
"""Seconds between two looks at a watched join."""

LAST_STEP = 6
"""The look at which the watch ends: 18 s after the join."""

RETRY_STEPS = 2
"""Looks from the first that sees an offer to the delivery that mends a lost answer."""

MAX_WATCHED_BYTES = 8192
"""Largest payload of a join that is watched: it waits in the queue."""

LOBBY_S = 540
"""Seconds between two keep-alives: API Gateway closes a connection that is idle for ten minutes."""

MAX_HOPS = 13
"""Keep-alives of a host: 1 h 57 min, and API Gateway closes a connection after two hours."""


class Pair(NamedTuple):
    """The two rows that settle most watches."""

    player: Row | None
    host: Row | None


def watching(signal: Signal, target: ConnectionId) -> Later | None:
    """Return the effect that watches a delivered join; None: its payload is too long."""
    if len(signal.payload.encode(errors="surrogatepass")) > MAX_WATCHED_BYTES:
        return None
    return Later(STEP_S, Watch(signal.sender, target, signal.payload, signal.id))


def watching_connect(row: Row) -> Later:
    """Return the effect that delivers a join in a player's name, if none comes."""
    payload = f'{{"playerName":{messages.quoted(row.player_id)}}}'
    return Later(STEP_S, Watch(row.connection_id, None, payload, None))


def in_lobby(row: Row) -> Later:
    """Return the effect that keeps a host's connection open while it waits for players."""
    return Later(LOBBY_S, Lobby(row.connection_id))


def is_settled(note: Watch, pair: Pair, at: int) -> bool:
    """Return whether two rows alone end a watch: the game need not be read."""
    player, host = pair
    if player is None or player.left_at is not None or not player.is_live(at):
        return True
    is_met = host is not None and host.left_at is None and _has_both(player, host)
    return is_met and not _is_late(note)


def due(note: Watch | Lobby, room: Room, at: int) -> list[Effect]:
    """Return the effects of a note that has come back.

    Raises:
        NoAnswer: the watch ends without an answer of the host; its player hears it.
    """
    return _watch(note, room, at) if isinstance(note, Watch) else _lobby(note, room, at)


def _watch(watch: Watch, room: Room, at: int) -> list[Effect]:
    player = room.row(watch.connection_id, at)
    if player is None or player.left_at is not None:
        return []
    owner = room.owner(player.player_id, at)
    if owner is None or owner.connection_id != player.connection_id:
        # It heard DUPLICATE_NAME, or another connection of it has taken over.
        return []
    host = room.owner(HOST, at)
    if host is not None and host.left_at is not None:
        # Reserved: the host reloads, and is expected back.
        host = None
    if host is not None and _has_both(player, host):
        return [_join_again(watch, player, host, at)] if _is_late(watch) else []
    if watch.step >= LAST_STEP:
        raise NoAnswer
    has_offer = host is not None and _has_one(player, host)
    offered = watch.offered or (watch.step if has_offer else 0)
    is_retry = has_offer and watch.step - offered == RETRY_STEPS
    effects: list[Effect] = []
    if host is not None and (is_retry or not has_offer):
        effects.append(_join_again(watch, player, host, at))
    host_id = watch.host if host is None else host.connection_id
    next_watch = watch._replace(step=watch.step + 1, offered=offered, host=host_id)
    return [*effects, Later(STEP_S, next_watch)]


def _join_again(watch: Watch, player: Row, host: Row, at: int) -> Post:
    join = Signal(player.connection_id, at, messages.JOIN, HOST, watch.payload, None, MAY_NOT_WAIT)
    frame = messages.relayed_frame(join, player.player_id)
    return Post(host.connection_id, frame, cause=join, target_id=HOST)


def _is_late(watch: Watch) -> bool:
    """Return whether an earlier look saw an offer without an answer; at the last look, False."""
    return watch.offered > 0 and watch.step < LAST_STEP


def _has_one(player: Row, host: Row) -> bool:
    """Return whether a description went one way; in a mesh the player may offer."""
    return player.connection_id in host.reached or host.connection_id in player.reached


def _has_both(player: Row, host: Row) -> bool:
    return player.connection_id in host.reached and host.connection_id in player.reached


def _lobby(lobby: Lobby, room: Room, at: int) -> list[Effect]:
    row = room.row(lobby.connection_id, at)
    if row is None:
        # A connection without a row must not believe that it is in a game.
        return [Close(lobby.connection_id)]
    if row.left_at is not None:
        return []
    keepalive = Post(row.connection_id, messages.KEEPALIVE, cause=Due(lobby, at), target_id=HOST)
    if lobby.hop >= MAX_HOPS:
        return [keepalive]
    return [keepalive, Later(LOBBY_S, lobby._replace(hop=lobby.hop + 1))]


NOTES: dict[str, type[Note]] = {
    "watch": Watch,
    "lobby": Lobby,
    "farewell": Farewell,
    "presence": Presence,
}
"""Kinds of notes by their name in a queue, in the trace and on the console."""

_NAMES = {kind: name for name, kind in NOTES.items()}


def name_of(note: Note) -> str:
    """Return the name of a note's kind."""
    return _NAMES[type(note)]


def text_of(note: Note) -> str:
    """Return a note as JSON, for a queue."""
    return messages.dump({"note": name_of(note), **note._asdict()})


def note_of(value: object) -> Note | None:
    """Return the note in a value that ``text_of`` wrote and JSON read; None: it is not one."""
    if not isinstance(value, dict):
        return None
    members = {key: each for key, each in value.items() if key != "note"}
    if not all(key in _KINDS and _KINDS[key](each) for key, each in members.items()):
        return None
    name = value.get("note")
    kind = NOTES.get(name) if isinstance(name, str) else None
    return kind(**members) if kind is not None and set(members) == set(kind._fields) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15


_KINDS = {
    "connection_id": _is_text,
    "host": _is_text_or_none,
    "payload": _is_text,
    "id": _is_text_or_none,
    "step": _is_count,
    "offered": _is_count,
    "hop": _is_count,
    "game_id": _is_text,
    "player_id": _is_text,
    "reason": _is_text,
    "version": _is_time,
}
