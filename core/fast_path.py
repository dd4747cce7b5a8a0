"""Fast path for a message that causes exactly one post, such as a candidate after its offer."""

from poker_signal.core import messages
from poker_signal.core.configuration import MAX_FRAME_BYTES, Rules
from poker_signal.core.model import ConnectionId, Message, Post
from poker_signal.core.room import Lane, Room

# When a message may take the fast path
#
# A decision depends on the rules, the live rows of the game, and the message's connection, type
# and target. While these are the same, so is the decision.
# - learn(): the host calls it after an invocation whose only effect was one relayed post that
#   arrived. It stores the decision as a Lane in room.lanes.
# - find(): the host calls it before it makes an Invocation. It uses a lane only if the message has
#   the usual form (type, perhaps targetId, payload last: so no id and no second type), is within
#   the rate limit, has a payload that is within all limits whatever its characters are, and
#   arrived between lane.since and lane.until, when no row of the game expires.
# - Otherwise find() returns None and an Invocation decides.
# No lane is ever invalidated: adding or removing a row makes another room (see room.py).
# Python's share of a relayed message costs 42 µs by an Invocation and 13.1 µs by a lane. The same
# message has two more fast paths: event_parser.parse_event() and messages.begin().

MAX_LANES = 4096
"""Maximum lanes of a room: enough for a full game, about 1 MiB. When full, the cache is cleared."""


def find(message: Message, room: Room) -> tuple[ConnectionId, str] | None:
    """Return the connection and the frame of the one post that a message causes.

    None: no lane applies; an ``Invocation`` must decide.
    """
    text = message.body
    begun = messages.begin(text)
    if begun is None or message.is_over_limit:
        return None
    type_, target_id = begun.groups()
    lane = room.lanes.get((message.connection_id, type_, target_id))
    if lane is None:
        return None
    connection_id, head, max_characters, since, until = lane
    payload = messages.payload_at(text, begun.end())
    if payload is None or len(payload) > max_characters or not since <= message.at <= until:
        return None
    return connection_id, f"{head}{payload}}}"


def learn(message: Message, post: Post, room: Room, rules: Rules) -> None:
    """Store the decision on a message whose only effect was this post, which arrived."""
    begun = messages.begin(message.body)
    if post.cause is None or begun is None:
        return
    payload = messages.payload_at(message.body, begun.end())
    if payload is None:
        # Another member follows the payload: an "id", or even a second "type".
        return
    head = post.data.removesuffix(payload + "}")
    # UTF-8 needs at most four bytes per character. The last four are for the closing brace.
    most = min(rules.max_payload_bytes, MAX_FRAME_BYTES - 4 * len(head) - 4) // 4
    until = min(row.ttl for row in room if row.is_live(message.at))
    if len(room.lanes) >= MAX_LANES:
        room.lanes.clear()
    lane = Lane(post.connection_id, head, most, message.at, until)
    room.lanes[message.connection_id, *begun.groups()] = lane
