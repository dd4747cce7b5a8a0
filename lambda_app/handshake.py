"""One handshake in the log: its id on each line, and its duration with the answer.

Both follow from what the invocation has read anyway. Nothing is stored.
"""

from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from poker_signal.core.model import ConnectionId, Message, Post, Signal
from poker_signal.core.room import Room

ID_LENGTH = 8
"""Hex digits of an id: few enough to read, and enough for the handshakes of a week."""


class Handshake(NamedTuple):
    """The handshake of a relayed message, as a line of the log tells it."""

    id: str
    ms: int | None
    """Milliseconds from the connect to the delivered answer. None: no first answer arrived."""


def handshake_of(post: Post, event: object, room: Room) -> Handshake | None:
    """Return the handshake of a post that has arrived; None: it relayed no message.

    ``room`` is the one that was read for the event, before the delivery was noted.
    """
    signal = post.cause
    if not isinstance(signal, Signal):
        return None
    id_ = id_of(signal.sender, post.connection_id)
    return Handshake(id_, _duration_ms(signal, post.connection_id, event, room))


def id_of(one: ConnectionId, other: ConnectionId) -> str:
    """Return the id of two connections' handshake, the same whichever of them sends."""
    return sha256(" ".join(sorted((one, other))).encode()).hexdigest()[:ID_LENGTH]


def _duration_ms(signal: Signal, target: ConnectionId, event: object, room: Room) -> int | None:
    if signal.type != "answer" or not isinstance(event, Message):
        return None
    sender, receiver = room.row(signal.sender, signal.at), room.row(target, signal.at)
    if sender is None or receiver is None or target in sender.reached:
        # An answer after the first negotiates again, perhaps hours later.
        return None
    # The player's connect, nearly always. A host that came later could not answer before.
    began = max(sender.connected_at, receiver.connected_at)
    began_ms = round(datetime.fromisoformat(began).timestamp() * 1000)
    return max(0, event.at_ms - began_ms)
