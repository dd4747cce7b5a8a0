"""The rules: the effects of an event, given the rows of its game."""

from typing import assert_never

from poker_signal.core import later, messages, presence
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
from poker_signal.core.ice import IceServers
from poker_signal.core.model import (
    HOST,
    MAX_REACHED,
    Alive,
    Close,
    Connect,
    ConnectionId,
    Delivered,
    Disconnect,
    Due,
    Effect,
    Event,
    Farewell,
    Forget,
    Gone,
    PlayerId,
    Post,
    Presence,
    Probe,
    Reach,
    Row,
    Save,
    Signal,
    Suspected,
    Throttled,
    Vend,
    Vended,
    Wait,
    late,
    target_of,
)
from poker_signal.core.room import Room

PAUSES_S = (0.0, 0.1, 0.1, 0.2, 0.2, 0.4)
"""Pauses before the reads of a message that waits: one second in all, and the first read at once.

Then a candidate is sent even without its offer, and a target that is not there counts as missing.
"""

MAX_WAITS = len(PAUSES_S)

_ABOUT_OTHERS = messages.DIRECTED | {messages.JOIN}

MAX_SEAT_PROBES = 3
"""Maximum probes of a newcomer to a full game."""

_DEFAULT = Rules()


def route(event: Event, room: Room, rules: Rules = _DEFAULT) -> list[Effect]:
    """Return the effects of an event, in the order in which to perform them.

    ``room`` is a snapshot of the game's rows, without those that were found gone since.

    Raises:
        SignalError: the client made an error, or no connection is left to post to.
    """
    match event:
        case Signal():
            return _pass_on(event, room, rules)
        case Connect():
            return _admit(event, room, rules)
        case Disconnect(connection_id, at, reason):
            row = room.row(connection_id, at or 0)
            return _forget(connection_id, row, at, reason, room, rules)
        case Gone(row, at):
            # For a keep-alive only the row of its host was read, not the game.
            is_game_read = any(other.connection_id != row.connection_id for other in room)
            game = room if is_game_read else None
            return _forget(row.connection_id, row, at, "timeout", game, rules)
        case Suspected(row, cause):
            return [Probe(row.connection_id, row.player_id, cause)]
        case Delivered(signal, target, target_id):
            return _note_delivery(signal, target, target_id, room, rules)
        case Due():
            return _due(event, room, rules)
        case Vended(signal, ice):
            return [_vended(signal, ice, room, rules)]
        case Alive(player_id, cause):
            if isinstance(cause, Signal):
                if player_id == cause.target_id:
                    return _pass_on(cause._replace(is_owner_alive=True), room, rules)
                raise DuplicateName(player_id)
            if isinstance(cause, Due):
                return []
            if player_id == HOST:
                raise HostProtected
            return _admit(cause._replace(seated=cause.seated | {player_id}), room, rules)
        case Throttled():
            raise RateLimited("There is too much going on at the moment. Please try again.")
        case _:
            assert_never(event)


def needs_game(signal: Signal) -> bool:
    """Return whether the decision depends on rows of the game besides the sender's."""
    if signal.type == messages.HELLO:
        return True
    return signal.type in _ABOUT_OTHERS and signal.target_id is not None


def _forget(
    connection_id: ConnectionId,
    row: Row | None,
    at: int | None,
    reason: str,
    room: Room | None,
    rules: Rules,
) -> list[Effect]:
    """Return the effects of a connection's end; ``row``: None if it has none."""
    forget = Forget(connection_id, left_at=at)
    if row is None or row.left_at is not None or not rules.later:
        return [forget]
    return [forget, *presence.departure(row, at, reason, room, rules)]


def _due(event: Due, room: Room, rules: Rules) -> list[Effect]:
    if isinstance(event.note, Presence):
        return presence.due(event.note, room, event.at, rules)
    if isinstance(event.note, Farewell):
        return presence.farewell(event.note, room, event.at)
    return later.due(event.note, room, event.at)


def _admit(event: Connect, room: Room, rules: Rules) -> list[Effect]:
    if rules.origins and event.origin is not None and event.origin not in rules.origins:
        raise OriginNotAllowed
    newcomer = event.row
    rivals = [
        row
        for row in room.named(newcomer.player_id, event.at)
        # Lambda may receive the same event twice: then its own row is there already.
        if row.connection_id != newcomer.connection_id
    ]
    former = [
        row for row in rivals if newcomer.session is not None and row.session == newcomer.session
    ]
    if any(row.age > newcomer.age for row in former):
        raise Superseded
    if newcomer.player_id == HOST:
        for rival in rivals:
            if rival.session is not None and rival.session != newcomer.session:
                if rival.left_at is not None:
                    # Reserved: the owner comes back with its session.
                    raise HostProtected
                return [Probe(rival.connection_id, HOST, cause=event)]
    elif doubt := _doubtful_seat(event, room, rules.seats):
        return [doubt]
    # The new row is saved before the former one is deleted, so that the name always has an owner.
    # The former connection is closed before its row is deleted, so that no connection is left
    # without a row. If this stops half way, the newest row of the session still comes first, and
    # an invocation for an older one never undoes it.
    seated = _seated(newcomer, former) if former else newcomer
    effects: list[Effect] = [Save(seated)]
    for row in former:
        if row.left_at is None:
            effects.append(Close(row.connection_id))
        effects.append(Forget(row.connection_id))
    if rules.later and newcomer.player_id == HOST:
        effects.append(later.in_lobby(newcomer))
    elif rules.later and rules.auto_join:
        effects.append(later.watching_connect(newcomer))
    if rules.later:
        effects += presence.arrival(seated, former, room, event.at, rules)
    return effects


def _seated(newcomer: Row, former: list[Row]) -> Row:
    return newcomer._replace(seat=min(row.rank for row in (newcomer, *former)))


def _doubtful_seat(event: Connect, room: Room, seats: int) -> Probe | None:
    """Return the next probe to make before a new name is refused; None: a seat is free.

    A ghost must not keep a seat. A newcomer probes at most ``MAX_SEAT_PROBES`` players, chosen by
    its connection id, so that newcomers who try again find every ghost.

    Raises:
        GameFull: the probes found their players alive, or the game was full a moment ago.
    """
    if not seats or len(room) <= seats or room.owner(event.row.player_id, event.at):
        # A name that is in the game has a seat already, on any connection.
        return None
    if room.owner(HOST, event.at) is None:
        # Seats count only in a game with a host. Before that, a waiting player costs nothing.
        return None
    players = [owner for owner in room.owners(event.at) if owner.player_id != HOST]
    if len(players) < seats:
        return None
    if event.may_probe_seats and event.seat_probes < MAX_SEAT_PROBES:
        connected = [each for each in players if each.left_at is None]
        first = sum(event.row.connection_id.encode()) % max(len(connected), 1)
        for owner in connected[first:] + connected[:first]:
            if owner.player_id not in event.seated:
                return Probe(owner.connection_id, owner.player_id, cause=event)
    raise GameFull


def _pass_on(signal: Signal, room: Room, rules: Rules) -> list[Effect]:
    sender = room.row(signal.sender, signal.at)
    if (sender is None or sender.left_at is not None) and not signal.is_over_limit:
        raise NotConnected
    if signal.type == messages.PING:
        # Sent even above the message rate: no answer would be cheaper than this one.
        return [Post(signal.sender, messages.PONG)]
    if signal.type not in messages.TYPES:
        raise UnknownType
    if signal.type == messages.HELLO:
        _check_rate(signal)
        assert sender is not None, "a message above the rate has ended by now"
        messages.check_hello(signal.payload)
        if rules.ice:
            return [Vend(signal)]
        return [presence.welcome(signal, sender, room, rules)]
    if signal.type == messages.ICE_SERVERS:
        if not rules.ice:
            raise UnknownType
        _check_rate(signal)
        return [Vend(signal)]
    if signal.target_id is None:
        raise InvalidMessage(f"“targetId” must be a string of {messages.NAME_RULE}")
    _check_rate(signal)
    # UTF-8 needs at most four bytes per character: only long payloads have to be measured.
    if len(signal.payload) * 4 > rules.max_payload_bytes:
        messages.check_payload(signal, rules.max_payload_bytes)
    assert sender is not None, "a message above the rate has ended by now"
    if signal.type == messages.REPORT:
        messages.report_of(signal.payload)
        if signal.id is None:
            return []
        return [Post(signal.sender, messages.ack_frame(signal.id, signal.target_id))]
    target_id = signal.target_id
    _check_topology(signal.type, sender.player_id, target_id, rules.topology)
    owner = room.owner(sender.player_id, signal.at)
    if owner is not None and owner.connection_id != sender.connection_id:
        # Only the owner may send in a name. But the owner may be the sender's own former
        # connection, closed without a $disconnect. A ghost must not lock its player out, so the
        # owner is probed first.
        if owner.left_at is not None:
            raise DuplicateName(sender.player_id)
        return [Probe(owner.connection_id, sender.player_id, cause=signal)]
    target = room.owner(target_id, signal.at)
    if target is None or target.left_at is not None:
        may_appear = target is not None or room.is_lagging or room.is_in_doubt(target_id)
        return _miss(signal, target_id, may_appear)
    if room.is_lagging and signal.type != messages.CANDIDATE and signal.waits < MAX_WAITS:
        # The answer comes to a row that the index does not list: deliver once it does.
        return [Wait(PAUSES_S[signal.waits], signal, reads_game=True)]
    return [_dispatch(signal, sender, target, room)]


def _vended(signal: Signal, ice: IceServers, room: Room, rules: Rules) -> Post:
    """Return the answer to a client that asked for ICE servers."""
    sender = room.row(signal.sender, signal.at)
    if signal.type == messages.ICE_SERVERS:
        return Post(signal.sender, messages.ice_servers_frame(ice, signal.id))
    assert sender is not None, "the row was there a moment ago, in the same room"
    return presence.welcome(signal, sender, room, rules, ice)


def _check_rate(signal: Signal) -> None:
    if signal.is_over_limit:
        raise RateLimited("That was too much at once. Please wait a moment and try again.")


def _dispatch(signal: Signal, sender: Row, target: Row, room: Room) -> Effect:
    if signal.type == messages.CANDIDATE and _is_early(signal, sender, target):
        if not signal.is_owner_alive and _was_passed_over(signal, sender, target, room):
            return Probe(target.connection_id, target.player_id, cause=signal)
        return Wait(PAUSES_S[signal.waits], signal, reads_game=False)
    frame = messages.relayed_frame(signal, sender.player_id)
    return Post(target.connection_id, frame, cause=signal, target_id=target.player_id)


def _miss(signal: Signal, target_id: PlayerId, may_appear: bool) -> list[Effect]:
    if may_appear and signal.waits < MAX_WAITS:
        return [Wait(PAUSES_S[signal.waits], signal, reads_game=True)]
    raise HostNotFound if signal.type == messages.JOIN else TargetNotFound(target_id)


def _check_topology(type_: str, sender: PlayerId, target: PlayerId, topology: Topology) -> None:
    if type_ == messages.JOIN:
        if sender == HOST:
            raise InvalidJoin
        return
    if sender == target:
        raise NotAllowed("A player cannot send messages to itself.")
    if topology is Topology.STAR and sender != HOST:
        if target != HOST:
            raise NotAllowed("In this game players may send messages only to the host.")
        if type_ == messages.OFFER:
            raise NotAllowed("In this game only the host may send offers.")


def _is_early(signal: Signal, sender: Row, target: Row) -> bool:
    """Return whether a candidate may have overtaken its offer or answer.

    The client in the field discards the candidates that it already has when the offer arrives. A
    pair negotiates when one of the two has just connected: without a young row no candidate waits.
    """
    is_new = not sender.lets_pass(target.connection_id) and signal.waits < MAX_WAITS
    return is_new and (sender.is_young(signal.at) or target.is_young(signal.at))


def _was_passed_over(signal: Signal, sender: Row, target: Row, room: Room) -> bool:
    """Return whether an offer or answer went to a row of the name that does not own it.

    Then the owner is a ghost, or has connected since. If it is a ghost, waiting is useless: no
    offer arrives there, and the candidate's own offer has arrived at another row of the name.
    """
    named = room.named(target.player_id, signal.at)
    return any(sender.lets_pass(row.connection_id) for row in named)


def _note_delivery(
    signal: Signal, target: ConnectionId, target_id: PlayerId, room: Room, rules: Rules
) -> list[Effect]:
    effects: list[Effect] = []
    if is_watched(signal, room, rules) and (watch := later.watching(signal, target)) is not None:
        effects.append(watch)
    if is_noted(signal) and not room.has_reached(signal.sender, target):
        # An answer may be lost, and its candidates not: only descriptions end the watch of a join.
        entry = target if signal.type in messages.DESCRIPTIONS else late(target)
        effects.append(Reach(signal.sender, entry, _kept(signal, room)))
    if signal.id is not None:
        effects.append(Post(signal.sender, messages.ack_frame(signal.id, target_id)))
    return effects


def is_watched(signal: Signal, room: Room, rules: Rules) -> bool:
    """Return whether a delivered message is a join that is watched from now on.

    With ``auto_join`` the watch has begun at the player's connect.
    """
    if signal.type != messages.JOIN or not rules.later:
        return False
    row = room.row(signal.sender, signal.at)
    return row is not None and not (rules.auto_join and row.is_young(signal.at))


def is_noted(signal: Signal) -> bool:
    """Return whether the delivery of a signal is noted in the sender's ``reached``.

    A description's is, and that of a candidate which has waited in vain: no other candidate of the
    pair waits again.
    """
    has_waited = signal.type == messages.CANDIDATE and signal.waits == MAX_WAITS
    return has_waited or signal.type in messages.DESCRIPTIONS


def _kept(signal: Signal, room: Room) -> frozenset[ConnectionId] | None:
    """Return the entries of a full ``reached`` to keep; None: it is not full."""
    sender = room.row(signal.sender, signal.at)
    if sender is None or len(sender.reached) < MAX_REACHED:
        return None
    present = [each for each in sender.reached if room.row(target_of(each), signal.at) is not None]
    return frozenset(sorted(present)[: MAX_REACHED - 1])
