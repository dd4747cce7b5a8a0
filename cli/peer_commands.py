"""Lines that a user types, or a script contains, to play a peer: frames and commands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.configuration import MAX_FRAME_BYTES
from poker_signal.core.model import HOST
from poker_signal.emulator.client.connection import check_close

HELP = """\
/join                  ask HOST for a connection
/to NAME               target of the next messages; first HOST, for HOST the last player that joined
/offer FILE            send a description: SDP, or the JSON of one
/answer FILE           the same, as an answer
/candidate CANDIDATE   send an ICE candidate: the line, or the JSON of one
/connected             send player-connected
/ping                  ask the server for a pong
/send TEXT             send any text as a frame; a line {…} is sent as it is
/expect TYPE [NAME]    wait for a frame of this type, by this player
/close [CODE [REASON]] end the connection, with 1000 unless another code is given
/help                  show this"""


class BadLine(PokerSignalError):
    """The line is no command; the text names the commands."""


class Send(NamedTuple):
    """Send a text frame."""

    text: str


class To(NamedTuple):
    """Change the target of the next messages."""

    name: str


class Expect(NamedTuple):
    """Wait for a frame."""

    type: str
    sender: str | None


class CloseConnection(NamedTuple):
    """End the connection."""

    code: int
    reason: str


class Help(NamedTuple):
    """Show the commands."""


Action = Send | To | Expect | CloseConnection | Help


def parse(line: str, player: str, target: str) -> Action | None:
    """Return the action of a line; None: the line is empty.

    ``player`` is the sender's name, ``target`` the name that its messages go to.

    Raises:
        BadLine: the line is no command, or a file cannot be read.
    """
    line = line.strip()
    if not line:
        return None
    if line.startswith("{"):
        return Send(line)
    name, _, rest = line.partition(" ")
    rest = rest.strip()
    if name in _ALONE:
        _need(not rest, f"{name} takes nothing more")
        return _ALONE[name](player, target)
    if name not in _WITH_MORE:
        raise BadLine(f"{name} is no command; /help shows what there is")
    return _WITH_MORE[name](rest, target)


def _message(type_: str, target: str | None = None, payload: object = None) -> Send:
    members = {"type": type_, "targetId": target, "payload": payload}
    return Send(json.dumps({name: value for name, value in members.items() if value is not None}))


def _description(type_: str, file: str, target: str) -> Send:
    _need(bool(file), f"/{type_} needs a FILE with SDP, or with the JSON of a description")
    try:
        # newline: SDP's lines end with CRLF, which must stay.
        with Path(file).open(encoding="utf-8", newline="") as opened:
            text = opened.read(MAX_FRAME_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadLine(f"{file} cannot be read: {error}") from error
    _need(len(text) <= MAX_FRAME_BYTES, f"{file} is longer than {MAX_FRAME_BYTES} bytes")
    return _message(type_, target, _json_or(text, {"type": type_, "sdp": text}))


def _candidate(rest: str, target: str) -> Send:
    _need(bool(rest), "/candidate needs a candidate line, or the JSON of a candidate")
    line = {"candidate": rest, "sdpMid": "0", "sdpMLineIndex": 0}
    return _message("ice-candidate", target, _json_or(rest, line))


def _send(rest: str, _: str) -> Send:
    _need(bool(rest), "/send needs the text to send")
    return Send(rest)


def _to(rest: str, _: str) -> To:
    _need(bool(rest), "/to needs the NAME of a player")
    return To(rest)


def _expect(rest: str, _: str) -> Expect:
    _need(bool(rest), "/expect needs the TYPE of a frame, and perhaps the NAME of its sender")
    type_, _, sender = rest.partition(" ")
    return Expect(type_, sender.strip() or None)


def _close(rest: str, _: str) -> CloseConnection:
    code, _, reason = rest.partition(" ")
    is_number = not code or (code.isdecimal() and code.isascii() and len(code) <= 4)
    _need(is_number, f"/close: a CODE is 1000, 1001 or 3000 to 4999, not {code}")
    try:
        close = CloseConnection(int(code or 1000), reason.strip())
        check_close(*close)
    except ValueError as error:
        raise BadLine(f"/close: {error}") from error
    return close


def _json_or(text: str, otherwise: object) -> object:
    if not text.lstrip().startswith("{"):
        return otherwise
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadLine(f"that is not JSON: {error}") from error


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise BadLine(message)


_ALONE: dict[str, Callable[[str, str], Action]] = {
    "/join": lambda player, _: _message("join", HOST, {"playerName": player}),
    "/connected": lambda _, target: _message("player-connected", target),
    "/ping": lambda *_: _message("ping"),
    "/help": lambda *_: Help(),
}
_WITH_MORE: dict[str, Callable[[str, str], Action]] = {
    "/to": _to,
    "/offer": lambda file, target: _description("offer", file, target),
    "/answer": lambda file, target: _description("answer", file, target),
    "/candidate": _candidate,
    "/send": _send,
    "/expect": _expect,
    "/close": _close,
}

COMMANDS = _ALONE.keys() | _WITH_MORE.keys()
"""First words of lines."""
