"""Builders for the core's tests: rows, events, and a simulated host."""

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import strategies as st

from poker_signal.core.invocation import Invocation
from poker_signal.core.model import (
    HOST,
    RESERVED_S,
    ROW_LIFETIME_S,
    Connect,
    ConnectionId,
    Effect,
    GameId,
    Message,
    PlayerId,
    Post,
    Probe,
    Reach,
    Row,
    Signal,
    Wait,
)

AT = 1_707_503_040
"""Time of the tests in epoch seconds: 2024-02-09T18:24:00Z, after every row has connected."""


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)
"""All values of JSON, nested."""


def row(
    player_id: str,
    second: int = 0,
    *,
    connection_id: str | None = None,
    game_id: str = "4711",
    session: str | None = None,
    ttl: int = AT + 7000,
    reached: Iterable[Row] = (),
) -> Row:
    """Return a row that connected ``second`` s into the minute before ``AT``; id ``Alice-1``."""
    return Row(
        connection_id=ConnectionId(connection_id or f"{player_id}-{second}"),
        player_id=PlayerId(player_id),
        game_id=GameId(game_id),
        connected_at=f"2024-02-09T18:23:{second:02d}.000Z",
        ttl=ttl,
        session=session,
        reached=frozenset(other.connection_id for other in reached),
    )


def young(member: Row) -> Row:
    """Return a row as if it was just stored: its WebSocket handshake may still be going on."""
    return member._replace(ttl=AT + ROW_LIFETIME_S)


def reserved(member: Row, left_at: int = AT) -> Row:
    """Return the reservation that a row becomes when its connection ends."""
    return member._replace(left_at=left_at, ttl=left_at + RESERVED_S, reached=frozenset())


def connect(newcomer: Row) -> Connect:
    """Return the event of a newcomer's WebSocket handshake."""
    return Connect(newcomer, AT)


def message(sender: Row, body: str) -> Message:
    """Return the event of a text frame."""
    return Message(sender.connection_id, body, AT)


def signal(
    sender: Row,
    type_: str,
    target_id: str | None = HOST,
    *,
    payload: str = "null",
    id_: str | None = None,
    waits: int = 0,
) -> Signal:
    """Return a message as it is after parsing; ``payload`` is JSON text."""
    target = None if target_id is None else PlayerId(target_id)
    return Signal(sender.connection_id, AT, type_, target, payload, id_, waits)


def perform(invocation: Invocation, gone: Iterable[Row] = ()) -> list[Effect]:
    """Act as the host; every connection is open, except those of ``gone``."""
    dead = {member.connection_id for member in gone}
    return perform_if(lambda connection_id: connection_id not in dead, invocation)


def perform_if(is_open: Callable[[ConnectionId], bool], invocation: Invocation) -> list[Effect]:
    """Act as a host that has no time for waiting; ask ``is_open`` anew for each Post and Probe.

    Return the effects that others notice: no Reach or Wait.
    """
    performed: list[Effect] = []
    for effect in invocation.effects():
        if not isinstance(effect, Reach | Wait):
            performed.append(effect)
        match effect:
            case Wait():
                invocation.waited_enough(effect)
            case Post() | Probe() if not is_open(effect.connection_id):
                invocation.gone(effect)
            case Post():
                invocation.delivered(effect)
            case Probe():
                invocation.alive(effect)
    return performed


def heard(effects: Iterable[Effect]) -> list[tuple[str, str]]:
    """Return the connection and the frame of each post."""
    return [(effect.connection_id, effect.data) for effect in effects if isinstance(effect, Post)]
