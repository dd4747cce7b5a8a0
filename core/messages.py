"""The wire protocol, version 1: a client's message read, and the frames that answer it.

Frames are JSON text, ready to be sent: both hosts send the same bytes. A relayed payload is
the client's own text, cut out of its message: numbers, key order and escapes arrive as they
were written.
"""

import json
import re
from collections.abc import Callable
from json.encoder import encode_basestring as _quote
from typing import Any, TypeGuard

from poker_signal.core.configuration import MAX_FRAME_BYTES
from poker_signal.core.errors import (
    DuplicateName,
    InvalidMessage,
    NotConnected,
    RateLimited,
    SignalError,
    TargetNotFound,
)
from poker_signal.core.model import HOST, Message, PlayerId, Signal
from poker_signal.core.strict_json import refuse_constant

JOIN = "join"
OFFER = "offer"
CANDIDATE = "ice-candidate"
PING = "ping"

DESCRIPTIONS = frozenset({OFFER, "answer"})
"""Types that a candidate must not overtake."""

DIRECTED = DESCRIPTIONS | {CANDIDATE, "player-connected"}
"""Types that name their target."""

TYPES = DIRECTED | {JOIN, PING}

PONG = '{"type":"pong"}'

_UNDELIVERED = (TargetNotFound, NotConnected, DuplicateName, RateLimited)
"""Why a valid message may not arrive."""

MAX_NAME_CHARACTERS = 128
MAX_ID_CHARACTERS = 64


NAME_RULE = f"1 to {MAX_NAME_CHARACTERS} characters, no control characters, not only white space"

# C0, DEL and C1; and lone surrogates, which no UTF-8 frame can carry.
_FORBIDDEN_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_SPACE = r"[ \t\n\r]*"
_OPEN = _SPACE + r"\{" + _SPACE
_COLON = _SPACE + ":" + _SPACE
_PLAIN = r'"([^"\\\x00-\x1f]*)"' + _SPACE
_OPENING = re.compile(_OPEN + "(}?)" + _SPACE)
# Group 2 is the key itself if it needs no unescaping, as nearly every key does.
_KEY = re.compile(r'("(?:([^"\\\x00-\x1f]*)|(?:[^"\\]|\\.)*)")' + _COLON)
# What nearly every client writes: first the type, perhaps the target, last the payload.
_USUAL = re.compile(
    _OPEN + r'"type"' + _COLON + _PLAIN + "," + _SPACE
    + r'(?:"targetId"' + _COLON + _PLAIN + "," + _SPACE + ")?"
    + r'"payload"' + _COLON
)  # fmt: skip
# Fast path: with the members of the whole object Python's share of a relayed message costs
# 18.8 µs, with these two steps 13.1.
begin = _USUAL.match
"""Match a message up to its payload, as nearly every client writes it; ``None`` if it is odd.

Groups 1 and 2 are ``type`` and ``targetId``; the payload, at the end of the match, comes last.
"""
_END = re.compile(_SPACE + r"\}" + _SPACE)
_SEPARATOR = re.compile(_SPACE + "([,}])" + _SPACE)


# Numbers are never looked at, only passed on. As floats they have no length limit, where
# int() refuses more than 4300 digits.
_decoder = json.JSONDecoder(parse_int=float, parse_constant=refuse_constant)


# The decoder's own, without its search for white space; json's stubs do not know of it.
_scan_value: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]


def is_name(value: object) -> TypeGuard[str]:
    """Tell whether a value may name a player or a game."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_NAME_CHARACTERS
        and not value.isspace()
        and not _FORBIDDEN_IN_NAMES.search(value)
    )


def read(message: Message) -> Signal:
    """Read a client's message, as far as it has the wire protocol's shape.

    ``target_id`` of the result is ``None`` where the message names no possible player.

    Raises:
        InvalidMessage: no JSON object, ``type`` or ``id`` of the wrong kind.
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
    """Return the text of the value at ``start``; None if it is none, or no object ends after it."""
    try:
        _, end = _scan_value(text, start)
    except (ValueError, StopIteration, RecursionError):
        return None
    return text[start:end] if text[end:] == "}" or _END.fullmatch(text, end) else None


def check_payload(signal: Signal, max_bytes: int) -> None:
    """Let pass what is not too large.

    Raises:
        InvalidMessage: the payload's text is more than ``max_bytes`` in UTF-8.
    """
    if len(signal.payload.encode(errors="surrogatepass")) > max_bytes:
        raise InvalidMessage(f"its “payload” is longer than {max_bytes} bytes")


def relayed_frame(signal: Signal, sender_id: PlayerId) -> str:
    """Return what the target hears.

    Raises:
        InvalidMessage: with the sender's name it is more than API Gateway posts.
    """
    frame = (
        f'{{"type":{_quote(signal.type)},"senderId":{_quote(sender_id)},'
        f'"payload":{signal.payload}}}'
    )
    # A character is at most four bytes: only long frames are worth counting.
    if len(frame) * 4 > MAX_FRAME_BYTES and len(frame.encode()) > MAX_FRAME_BYTES:
        raise InvalidMessage(f"it is longer than {MAX_FRAME_BYTES} bytes when it is passed on")
    return frame


def answer_to(signal: Signal | None, error: SignalError) -> tuple[str, str]:
    """Return type and text of what the sender hears of its own message that was not delivered.

    The client in the field tears its connection down at any frame of type ``error``: a
    candidate that comes too late for its target must not do that to a live game.
    """
    payload = {"code": error.code, "message": str(error)}
    message_id = error.message_id if signal is None else signal.id
    id_ = {} if message_id is None else {"id": message_id}
    if signal is None or signal.type == JOIN or not isinstance(error, _UNDELIVERED):
        return "error", _dump({"type": "error", "payload": payload, **id_})
    payload |= {"type": signal.type, "targetId": str(signal.target_id)}
    return "undelivered", _dump({"type": "undelivered", "payload": payload, **id_})


def ack_frame(id_: str, target_id: PlayerId) -> str:
    """Return what the sender hears of a message with an ``id`` that arrived."""
    return _dump({"type": "ack", "id": id_, "payload": {"targetId": target_id}})


def _dump(frame: object) -> str:
    # ASCII, because an id may hold a lone surrogate, which no UTF-8 frame can carry unescaped.
    return json.dumps(frame, separators=(",", ":"))


def _members_of(text: str) -> dict[str, tuple[Any, str]]:
    """Return the members of a JSON object by key: value, and the value's own text.

    Of a duplicate key the last one counts, as with ``json.loads``.
    """
    try:
        return _scan(text)
    except RecursionError:
        raise InvalidMessage("it is nested too deeply") from None
    except ValueError:
        raise InvalidMessage("it is not a JSON object") from None


def _scan(text: str) -> dict[str, tuple[Any, str]]:
    members: dict[str, tuple[Any, str]] = {}
    separator = _OPENING.match(text)
    while separator is not None and separator[1] != "}":
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
