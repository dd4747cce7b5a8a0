"""The rules: given who is in the game, what does an event cause?"""

from typing import assert_never

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
    Alive,
    Close,
    Connect,
    ConnectionId,
    Delivered,
    Disconnect,
    Effect,
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
    Throttled,
    Wait,
)
from poker_signal.core.room import Room

WAIT_S = 0.1
MAX_WAITS = 10
"""One second in all: then the candidate is sent, whatever became of its offer.

A message looks for its target as long, counted apart.
"""

_LOOK_AFTER = {0: 1, 1: 2, 3: 3, 6: 4}
"""After how many waits more the game is read again, by how many there were: 0.1, 0.3, 0.6, 1 s."""

_DEFAULT = Rules()


def route(event: Event, room: Room, rules: Rules = _DEFAULT) -> list[Effect]:
    """Decide what an event causes.

    ``room`` is a snapshot of the game's rows, without those that were found gone since.
    Effects are to be performed in the order of the list.

    Raises:
        SignalError: the client's own mistake, or nobody was left to be posted to.
    """
    match event:
        case Signal():
            return _pass_on(event, room, rules)
        case Connect():
            return _admit(event, room, rules)
        case Disconnect(connection_id) | Gone(connection_id):
            return [Forget(connection_id)]
        case Delivered(signal, target, target_id):
            return _note_delivery(signal, target, target_id, room)
        case Alive(player_id, cause):
            if isinstance(cause, Signal):
                if player_id == cause.target_id:
                    return _pass_on(cause._replace(is_owner_alive=True), room, rules)
                raise DuplicateName(player_id)
            if player_id == HOST:
                raise HostProtected
            return _admit(cause._replace(seated=cause.seated | {player_id}), room, rules)
        case Throttled():
            raise RateLimited("There is too much going on at the moment. Please try again.")
        case _:
            assert_never(event)


def needs_room(signal: Signal) -> bool:
    """Tell whether who is in the game decides what becomes of a message."""
    return (
        signal.type in messages.TYPES - {messages.PING}
        and signal.target_id is not None
        and not signal.is_over_limit
    )


def _admit(event: Connect, room: Room, rules: Rules) -> list[Effect]:
    if rules.origins and event.origin is not None and event.origin not in rules.origins:
        raise OriginNotAllowed
    newcomer = event.row
    rivals = [
        row
        for row in room.named(newcomer.player_id, event.at)
        # Lambda may be handed the same event twice.
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
                return [Probe(rival.connection_id, HOST, cause=event)]
    elif doubt := _doubtful_seat(event, room, rules.seats):
        return [doubt]
    # Saved before its former self leaves, so that the name has an owner throughout; and closed
    # before it is forgotten, so that nobody is connected without a row. Wherever this ends half
    # way, the newest row of a session comes first, and an older one never undoes it.
    effects: list[Effect] = [Save(_seated(newcomer, former) if former else newcomer)]
    for row in former:
        effects += [Close(row.connection_id), Forget(row.connection_id)]
    return effects


def _seated(newcomer: Row, former: list[Row]) -> Row:
    return newcomer._replace(seat=min(row.rank for row in (newcomer, *former)))


def _doubtful_seat(event: Connect, room: Room, seats: int) -> Probe | None:
    """Return whom to ask for a sign of life before a new name is refused; None: there is a seat.

    A ghost must not keep a seat. Everybody is asked, whoever came first before others, until
    one is gone: a newcomer to a full game costs as many probes as it has seats.

    Raises:
        GameFull: everybody has given a sign of life.
    """
    if not seats or len(room) <= seats or room.owner(event.row.player_id, event.at):
        # Who is in the game by name sits already, on whatever connection.
        return None
    if room.owner(HOST, event.at) is None:
        # Seats are at a host's table. Whoever waits for one costs nobody anything yet.
        return None
    players = [owner for owner in room.owners(event.at) if owner.player_id != HOST]
    if len(players) < seats:
        return None
    for owner in players:
        if owner.player_id not in event.seated:
            return Probe(owner.connection_id, owner.player_id, cause=event)
    raise GameFull


def _pass_on(signal: Signal, room: Room, rules: Rules) -> list[Effect]:
    if signal.type == messages.PING:
        # Whoever sends too many is owed an answer too, and none is cheaper.
        return [Post(signal.sender, messages.PONG)]
    if signal.type not in messages.TYPES:
        raise UnknownType
    if signal.target_id is None:
        raise InvalidMessage(f"“targetId” must be a string of {messages.NAME_RULE}")
    if signal.is_over_limit:
        raise RateLimited("That was too much at once. Please wait a moment and try again.")
    # A character is at most four bytes: only long payloads are worth counting.
    if len(signal.payload) * 4 > rules.max_payload_bytes:
        messages.check_payload(signal, rules.max_payload_bytes)
    sender = room.row(signal.sender, signal.at)
    if sender is None:
        raise NotConnected
    target_id = signal.target_id
    _check_topology(signal.type, sender.player_id, target_id, rules.topology)
    owner = room.owner(sender.player_id, signal.at)
    if owner is not None and owner.connection_id != sender.connection_id:
        # Nobody speaks in another's name. But perhaps the owner is the sender's own former
        # connection, closed without anybody being told: a ghost must not lock its player out,
        # so it is asked for a sign of life.
        return [Probe(owner.connection_id, sender.player_id, cause=signal)]
    target = room.owner(target_id, signal.at)
    if target is None:
        return _miss(signal, target_id, room)
    return [_dispatch(signal, sender, target, room)]


def _dispatch(signal: Signal, sender: Row, target: Row, room: Room) -> Effect:
    if signal.type == messages.CANDIDATE and _is_early(signal, sender, target):
        if not signal.is_owner_alive and _was_passed_over(signal, sender, target, room):
            return Probe(target.connection_id, target.player_id, cause=signal)
        return Wait(WAIT_S, signal)
    frame = messages.relayed_frame(signal, sender.player_id)
    return Post(target.connection_id, frame, cause=signal, target_id=target.player_id)


def _miss(signal: Signal, target_id: PlayerId, room: Room) -> list[Effect]:
    if room.is_in_doubt(target_id):
        if signal.waits < MAX_WAITS:
            # It may be connecting at this moment.
            return [Wait(WAIT_S, signal)]
    elif signal.looks < MAX_WAITS:
        # A candidate too: its offer may be looking for the same player at this moment.
        return [ReadAgain(_LOOK_AFTER.get(signal.looks, 1) * WAIT_S, signal)]
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
    """Tell whether a candidate may have overtaken its offer or answer.

    The client in the field throws away what it has of candidates when the offer comes.
    """
    return target.connection_id not in sender.reached and signal.waits < MAX_WAITS


def _was_passed_over(signal: Signal, sender: Row, target: Row, room: Room) -> bool:
    """Tell whether an offer or answer went to a row of the name that does not own it.

    Then the owner is a ghost, or has connected since. For a ghost's offer a candidate would wait
    in vain, and its own pair's has arrived.
    """
    named = room.named(target.player_id, signal.at)
    return any(row.connection_id in sender.reached for row in named)


def _note_delivery(
    signal: Signal, target: ConnectionId, target_id: PlayerId, room: Room
) -> list[Effect]:
    effects: list[Effect] = []
    if signal.type in messages.DESCRIPTIONS and not room.has_reached(signal.sender, target):
        effects.append(Reach(signal.sender, target))
    if signal.id is not None:
        effects.append(Post(signal.sender, messages.ack_frame(signal.id, target_id)))
    return effects
