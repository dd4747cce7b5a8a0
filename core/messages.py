"""The wire protocol, version 1: parser of clients' messages, and the frames that are sent.

Frames are JSON text, ready to be sent: both hosts send the same bytes.
"""

import json
import re
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any, NamedTuple, TypeGuard

from poker_signal.core.configuration import MAX_FRAME_BYTES
from poker_signal.core.errors import (
    DuplicateName,
    InvalidMessage,
    NotConnected,
    RateLimited,
    SignalError,
    TargetNotFound,
)
from poker_signal.core.ice import IceServers
from poker_signal.core.model import HOST, Message, PlayerId, Presence, Row, Signal
from poker_signal.core.strict_json import refuse_constant

quoted = encode_basestring
"""Return a text as a JSON string; characters beyond ASCII stay as they are."""

JOIN = "join"
OFFER = "offer"
CANDIDATE = "ice-candidate"
PING = "ping"

REPORT = "report"
"""Word of a client about its connection to another player. It is never relayed."""

HELLO = "hello"
"""First message of a client that wants a ``welcome``. It is never relayed."""

ICE_SERVERS = "ice-servers"
"""Request for ICE servers with fresh credentials. It is never relayed."""

REPORTED_STATES = frozenset({"connected", "failed", "disconnected", "closed"})

DESCRIPTIONS = frozenset({OFFER, "answer"})
"""Types that must arrive before their candidates."""

DIRECTED = DESCRIPTIONS | {CANDIDATE, "player-connected"}
"""Types whose messages have a ``targetId``."""

TYPES = DIRECTED | {JOIN, PING, REPORT, HELLO, ICE_SERVERS}

PONG = '{"type":"pong"}'

KEEPALIVE = '{"type":"keepalive","senderId":"HOST","payload":null}'
"""Sent to HOST. The client in the field reports a frame without a ``senderId`` as an error."""

_UNDELIVERED = (TargetNotFound, NotConnected, DuplicateName, RateLimited)
"""Errors that are answered with ``undelivered`` if the message had a target, else ``error``."""

MAX_NAME_CHARACTERS = 128
MAX_ID_CHARACTERS = 64
MAX_MEMBERS = 64
"""Members of a message, duplicates included. They are read in Python: 250 ns a byte."""


NAME_RULE = f"1 to {MAX_NAME_CHARACTERS} characters, no control characters, not only white space"

# C0, DEL and C1 controls, and lone surrogates, which UTF-8 cannot encode.
_FORBIDDEN_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# The JSON splitter
#
# A payload is relayed as the exact text that the client wrote. Parsing and writing it anew could
# round numbers, reorder keys and change escapes, and costs more. So the parser must find where each
# value begins and ends, for which json has no public function but JSONDecoder.raw_decode().
# There are two ways through a message:
# - begin() and payload_at(): one regular expression for the usual order of members (type, perhaps
#   targetId, payload last), then one scan over the payload. With these two steps Python's share
#   of a relayed message costs 13.1 µs.
# - _members_of(): any members in any order, with escaped and duplicate keys. With it 18.8 µs.
# Both must read a text alike, and as strict json.loads does: the same texts are refused, and the
# last of duplicate keys counts. Else the receiver could see another message than we checked. So
# begin() takes no escapes, and payload_at() nothing but "}" after the payload. test_messages.py
# compares all of this with json.loads, on generated and on slightly wrong texts.

_SPACE = r"[ \t\n\r]*"
_OPEN = _SPACE + r"\{" + _SPACE
_COLON = _SPACE + ":" + _SPACE
_PLAIN = r'"([^"\\\x00-\x1f]*)"' + _SPACE
_OPENING = re.compile(_OPEN + "(}?)" + _SPACE)
# Group 2 is the key itself, if it has no escapes.
_KEY = re.compile(r'("(?:([^"\\\x00-\x1f]*)|(?:[^"\\]|\\.)*)")' + _COLON)
# The form that nearly every client writes.
_USUAL = re.compile(
    _OPEN + r'"type"' + _COLON + _PLAIN + "," + _SPACE
    + r'(?:"targetId"' + _COLON + _PLAIN + "," + _SPACE + ")?"
    + r'"payload"' + _COLON
)  # fmt: skip
begin = _USUAL.match
"""Match a message in the usual form, up to its payload; None: it has another form.

Groups 1 and 2 are ``type`` and ``targetId``. The payload begins at the end of the match.
"""
_END = re.compile(_SPACE + r"\}" + _SPACE)
_SEPARATOR = re.compile(_SPACE + "([,}])" + _SPACE)


# Values of numbers are not used. float() takes any length; int() refuses more than 4300 digits.
_decoder = json.JSONDecoder(parse_int=float, parse_constant=refuse_constant)


# The function below raw_decode(), faster without its wrapper; the type stubs do not declare it.
_scan_value: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]


def is_name(value: object) -> TypeGuard[str]:
    """Return whether a value is valid as the name of a player or a game."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_NAME_CHARACTERS
        and not value.isspace()
        and not _FORBIDDEN_IN_NAMES.search(value)
    )


def read(message: Message) -> Signal:
    """Parse a client's message. Unknown types and long payloads are not refused here.

    ``target_id`` of the result is None if the message has no valid ``targetId``.

    Raises:
        InvalidMessage: it is not a JSON object, or its ``type`` or ``id`` is not valid.
    """
    usual = begin(message.body)
    if usual is not None:
        payload = payload_at(message.body, usual.end())
        if payload is not None:
            type_, target_id = usual.groups()
            return Signal(
                message.connection_id,
                message.at,
                type_,
                HOST if type_ == JOIN else PlayerId(target_id) if is_name(target_id) else None,
                payload,
                None,
                0,
                message.is_over_limit,
            )
    members = _members_of(message.body)
    id_, _ = members.get("id", (None, ""))
    if "id" in members and not (isinstance(id_, str) and 0 < len(id_) <= MAX_ID_CHARACTERS):
        raise InvalidMessage(f"“id” must be a string of 1 to {MAX_ID_CHARACTERS} characters")
    type_, _ = members.get("type", (None, ""))
    if not isinstance(type_, str):
        raise InvalidMessage("“type” must be a string", message_id=id_)
    target_id, _ = (HOST, "") if type_ == JOIN else members.get("targetId", (None, ""))
    _, payload = members.get("payload", (None, "null"))
    return Signal(
        sender=message.connection_id,
        at=message.at,
        type=type_,
        target_id=PlayerId(target_id) if is_name(target_id) else None,
        payload=payload,
        id=id_,
        is_over_limit=message.is_over_limit,
    )


def payload_at(text: str, start: int) -> str | None:
    """Return the text of the value at ``start``; None if the message does not end after it."""
    try:
        _, end = _scan_value(text, start)
    except (ValueError, StopIteration, RecursionError):
        return None
    return text[start:end] if text[end:] == "}" or _END.fullmatch(text, end) else None


def check_payload(signal: Signal, max_bytes: int) -> None:
    """Check the size of a payload.

    Raises:
        InvalidMessage: the payload's text is more than ``max_bytes`` in UTF-8.
    """
    if len(signal.payload.encode(errors="surrogatepass")) > max_bytes:
        raise InvalidMessage(f"its “payload” is longer than {max_bytes} bytes")


class ReportedState(NamedTuple):
    """The payload of a ``report``, as far as it is valid."""

    state: str
    ms: float | None
    """Milliseconds that connecting took. None: not told."""


def report_of(payload: str) -> ReportedState:
    """Return the valid members of a report's payload.

    Raises:
        InvalidMessage: its ``state`` is not one of ``REPORTED_STATES``.
    """
    try:
        value = json.loads(payload)
    except RecursionError:
        raise InvalidMessage("it is nested too deeply") from None
    state = value.get("state") if isinstance(value, dict) else None
    if not isinstance(state, str) or state not in REPORTED_STATES:
        states = ", ".join(sorted(REPORTED_STATES))
        raise InvalidMessage(f"“state” in the payload of a report must be one of {states}")
    ms = value.get("ms")
    is_valid = isinstance(ms, int | float) and not isinstance(ms, bool) and 0 <= ms < 3_600_000
    return ReportedState(state, float(ms) if is_valid else None)


def relayed_frame(signal: Signal, sender_id: PlayerId) -> str:
    """Return the frame that relays a message to its target.

    Raises:
        InvalidMessage: with the sender's name the frame is longer than API Gateway accepts.
    """
    frame = (
        f'{{"type":{quoted(signal.type)},"senderId":{quoted(sender_id)},'
        f'"payload":{signal.payload}}}'
    )
    # UTF-8 needs at most four bytes per character: only long frames have to be measured.
    if len(frame) * 4 > MAX_FRAME_BYTES and len(frame.encode()) > MAX_FRAME_BYTES:
        raise InvalidMessage(f"it is longer than {MAX_FRAME_BYTES} bytes when it is passed on")
    return frame


def answer_to(signal: Signal | None, error: SignalError) -> tuple[str, str]:
    """Return type and text of the frame that reports an error to the sender of a message.

    The client in the field closes its connection at any frame of type ``error``. A candidate
    that arrives too late must not end a live game, so it is answered with ``undelivered``.
    """
    payload = {"code": error.code, "message": str(error)}
    message_id = error.message_id if signal is None else signal.id
    id_ = {} if message_id is None else {"id": message_id}
    is_directed = signal is not None and signal.type in DIRECTED and signal.target_id is not None
    if signal is None or not is_directed or not isinstance(error, _UNDELIVERED):
        return "error", dump({"type": "error", "payload": payload, **id_})
    payload |= {"type": signal.type, "targetId": str(signal.target_id)}
    return "undelivered", dump({"type": "undelivered", "payload": payload, **id_})


def ack_frame(id_: str, target_id: PlayerId) -> str:
    """Return the frame that acknowledges a message with an ``id`` to its sender."""
    return dump({"type": "ack", "id": id_, "payload": {"targetId": target_id}})


def check_hello(payload: str) -> None:
    """Check the payload of a ``hello``: an object, or none.

    Raises:
        InvalidMessage: it is another value.
    """
    if not payload.startswith("{") and payload != "null":
        raise InvalidMessage("the payload of a hello must be an object, or left out")


def welcome_frame(
    row: Row,
    players: list[PlayerId],
    features: list[str],
    id_: str | None,
    ice: IceServers | None = None,
) -> str:
    """Return the answer to a ``hello``; without the names if they make it longer than a post."""
    payload = {
        "playerId": row.player_id,
        "gameId": row.game_id,
        "expiresAt": row.ttl,
        "features": features,
        **_ice_members(ice),
    }
    with_id = {} if id_ is None else {"id": id_}
    frame = dump({"type": "welcome", "payload": {**payload, "players": players}, **with_id})
    if len(frame) > MAX_FRAME_BYTES:
        frame = dump({"type": "welcome", "payload": payload, **with_id})
    return frame


def ice_servers_frame(ice: IceServers, id_: str | None) -> str:
    """Return the answer to an ``ice-servers``."""
    with_id = {} if id_ is None else {"id": id_}
    return dump({"type": ICE_SERVERS, "payload": _ice_members(ice), **with_id})


def _ice_members(ice: IceServers | None) -> dict[str, Any]:
    if ice is None:
        return {}
    expires = {} if ice.expires_at is None else {"iceExpiresAt": ice.expires_at}
    return {"iceServers": ice.servers, **expires}


def presence_frame(note: Presence, type_: str) -> str:
    """Return the frame that tells of a player who came or left."""
    payload = {"playerId": note.player_id, "reason": note.reason, "version": note.version}
    return dump({"type": type_, "payload": payload})


def go_away_frame(seconds: int) -> str:
    """Return the frame that announces the end of a connection in some seconds."""
    return dump({"type": "go-away", "payload": {"seconds": seconds}})


def dump(frame: object) -> str:
    """Return compact JSON in ASCII."""
    # Escaped to ASCII: an id may contain a lone surrogate, which UTF-8 cannot encode.
    return json.dumps(frame, separators=(",", ":"))


def _members_of(text: str) -> dict[str, tuple[Any, str]]:
    """Return the members of a JSON object by key: each value, and the value's own text.

    The last of duplicate keys counts, as with ``json.loads``.
    """
    try:
        return _scan(text)
    except RecursionError:
        raise InvalidMessage("it is nested too deeply") from None
    except ValueError:
        raise InvalidMessage("it is not a JSON object") from None


def _scan(text: str) -> dict[str, tuple[Any, str]]:
    members: dict[str, tuple[Any, str]] = {}
    count = 0
    separator = _OPENING.match(text)
    while separator is not None and separator[1] != "}":
        count += 1
        if count > MAX_MEMBERS:
            raise InvalidMessage(f"it has more than {MAX_MEMBERS} members")
        key = _KEY.match(text, separator.end())
        if key is None:
            raise ValueError("no key")
        start = key.end()
        value, end = _decoder.raw_decode(text, start)
        name = key[2] if key[2] is not None else json.loads(key[1])
        members[name] = (value, text[start:end])
        separator = _SEPARATOR.match(text, end)
    if separator is None or separator.end() != len(text):
        raise ValueError("no object, or something follows it")
    return members
