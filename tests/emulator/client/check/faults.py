"""Faults of a server."""

import json
from typing import Any
from urllib.parse import parse_qsl

from poker_signal.core.configuration import Topology
from tests.emulator.client.check.broken import Fault, Frame


def drops(type_: str) -> Fault:
    """Return a fault: frames of one type never arrive."""
    return Fault(down=lambda frame: [] if frame["type"] == type_ else [frame])


def answers(code: str) -> Fault:
    """Return a fault: errors of one code arrive with another code."""

    def down(frame: Frame) -> list[Frame]:
        payload = frame.get("payload")
        if isinstance(payload, dict) and payload.get("code") == code:
            frame = {**frame, "payload": {**payload, "code": "OTHER"}}
        return [frame]

    return Fault(down=down)


def admits(status: int) -> Fault:
    """Return a fault: clients that should be refused with this status can connect."""
    return Fault(status=lambda was: 101 if was == status else was)


def joins_once() -> Fault:
    """Return a fault: a join that is not answered does not arrive once more."""
    seen: set[str] = set()

    def down(text: str) -> list[str]:
        is_new = text not in seen or '"payload":"join"' not in text
        seen.add(text)
        return [text] if is_new else []

    return Fault(text_down=down)


def forgets(parameter: str) -> Fault:
    """Return a fault: a parameter of the query string is ignored."""

    def query(path: str) -> str:
        before, _, query = path.partition("?")
        left = [pair for pair in query.split("&") if not pair.startswith(f"{parameter}=")]
        return f"{before}?{'&'.join(left)}"

    return Fault(query=query)


def believes_sender() -> Fault:
    """Return a fault: the senderId that a client wrote is relayed."""
    claimed: str | None = None

    def up(text: str) -> list[str]:
        nonlocal claimed
        claimed = json.loads(text).get("senderId") if '"senderId"' in text else None
        return [text]

    return Fault(up=up, down=lambda frame: [{**frame, "senderId": claimed} if claimed else frame])


def overtaking() -> Fault:
    """Return a fault: an offer is held back until its candidate has been sent.

    On the way down, because the emulator delivers a candidate after its offer in any case.
    """
    held: list[str] = []

    def down(text: str) -> list[str]:
        if '"payload":"offer"' in text:
            held.append(text)
            return []
        return [text, held.pop()] if '"payload":"candidate"' in text else [text]

    return Fault(text_down=down)


def _without_roster(frame: Frame) -> list[Frame]:
    if frame["type"] == "welcome":
        frame["payload"]["players"] = []
    return [frame]


def _left(frame: Frame) -> list[Frame]:
    if frame["type"] == "player-joined":
        frame["payload"]["reason"] = "left"
    return [frame]


def _swapped(frame: Frame) -> list[Frame]:
    swapped = frame.get("senderId") not in {None, "HOST"}
    return [{**frame, "senderId": "Mallory"} if swapped else frame]


def _without_sentence(frame: Frame) -> list[Frame]:
    if frame["type"] in {"error", "undelivered"}:
        frame["payload"]["message"] = ""
    return [frame]


def _acked(frame: Frame) -> list[Frame]:
    ack: Frame = {"type": "ack", "id": "", "payload": {"targetId": "HOST"}}
    return [frame, ack] if frame["type"] == "ack" else [frame]


def _of_one_game(path: str) -> str:
    before, _, query = path.partition("?")
    game = dict(parse_qsl(query)).get("gameId", "")
    return f"{before}?{query.replace(game, 'ONE')}" if game.startswith("check-") else path


def _of_one_session(path: str) -> str:
    session = dict(parse_qsl(path.partition("?")[2])).get("session", "")
    return path.replace(session, "one-session") if len(session) == 32 else path


def _half_a_star(frame: Frame) -> list[Frame]:
    sentence = frame["payload"].get("message", "") if frame["type"] == "error" else ""
    return [] if "only the host may send offers" in sentence else [frame]


# Used by the table in test_found.
SWAPS_SENDER = Fault(down=_swapped)
MORE_KEYS = Fault(down=lambda frame: [{**frame, "targetId": "x"} if "senderId" in frame else frame])
REWRITES = Fault(text_down=lambda text: [json.dumps(json.loads(text), separators=(",", ":"))])
ERRS_AT_UNDELIVERED = Fault(
    down=lambda frame: [{**frame, "type": "error"} if frame["type"] == "undelivered" else frame]
)
NO_SENTENCE = Fault(down=_without_sentence)
ACKS_ALL = Fault(down=_acked)
OTHER_STATUS = Fault(status=lambda status: 500)
KEEPS = Fault(stays=True)
ONE_GAME = Fault(query=_of_one_game)
ONE_SESSION = Fault(query=_of_one_session)
FIRST_HOST = Fault(
    query=lambda path: path.replace("playerId=HOST", "playerId=HOST&session=a-secret")
)
HALF_A_STAR = Fault(topology=Topology.STAR, down=_half_a_star)

_FAILED: dict[str, Any] = {
    "message": "Internal server error",
    **{"connectionId": "x", "requestId": "y"},
}
FAILING_FUNCTION = Fault(text_down=lambda text: [json.dumps(_FAILED)])

NO_ROSTER = Fault(down=_without_roster)
"""A welcome lists no players."""

ONE_REASON = Fault(down=_left)
"""A player who comes is told with the reason of one who left."""
