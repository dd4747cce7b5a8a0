"""The short way of a message that is passed on, and of which nothing else follows.

That is nearly every message: a candidate, between two who have met. What the rules decide of it
depends on who is in the game, who speaks, its type and its target; as long as nobody comes or
goes they decide the same again, so the decision is kept, as a ``Lane``.
"""

from poker_signal.core import messages
from poker_signal.core.errors import SignalError
from poker_signal.core.model import ConnectionId, Message, Post, Signal
from poker_signal.core.room import Lane, Room
from poker_signal.core.routing import route
from poker_signal.core.rules import Rules

Relayed = tuple[ConnectionId, str]
"""Where a message goes, and the frame."""


def relay(message: Message, room: Room, rules: Rules) -> Relayed | None:
    """Return where a message goes, and the frame; None: it is for ``Invocation`` to decide.

    If there is a result, ``Invocation`` has the same as its first effect and, once that is
    delivered, no other.
    """
    text = message.body
    begun = messages.begin(text)
    if begun is None or message.is_over_limit:
        return None
    type_, target_id = begun.groups()
    if type_ not in messages.DIRECTED:
        # The others are rare, and their targetId is anything.
        return None
    payload = messages.payload_at(text, begun.end())
    if payload is None:
        return None
    lanes = room.lanes(rules)
    lane = lanes.get((message.connection_id, type_, target_id))
    if lane is None or not lane.since <= message.at <= lane.until:
        lane = _decide(message, room, rules)
        if lane is None:
            return None
        lanes[message.connection_id, type_, target_id] = lane
    if len(payload) > lane.max_characters:
        return None
    return lane.connection_id, f"{lane.head}{payload}}}"


def _decide(message: Message, room: Room, rules: Rules) -> Lane | None:
    """Let the rules decide of a message; None: it is not passed on just so."""
    signal = messages.read(message)
    if signal.type in messages.DESCRIPTIONS and not _is_noted(signal, room):
        return None
    try:
        post, *_ = route(signal, room, rules)
    except SignalError:
        return None
    if not isinstance(post, Post) or room.has_doubts:
        return None
    head = post.data.removesuffix(signal.payload + "}")
    # A character is at most four bytes.
    most = min(rules.max_payload_bytes, messages.MAX_FRAME_BYTES - 4 * len(head) - 4) // 4
    until = min(row.ttl for row in room if row.is_live(message.at))
    return Lane(post.connection_id, head, most, message.at, until)


def _is_noted(signal: Signal, room: Room) -> bool:
    """Tell whether an offer or answer has got there before: otherwise that is to be noted."""
    owner = None if signal.target_id is None else room.owner(signal.target_id, signal.at)
    return owner is not None and room.has_reached(signal.sender, owner.connection_id)
