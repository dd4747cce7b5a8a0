"""A poker night: the messages between the host of a game and its players.

A player connects and joins; the host offers, the player answers, and each side sends eight
candidates. Every payload has a tag, so that the receiver can identify a message without
parsing it.
"""

import json
from collections.abc import Mapping
from typing import Any

from websockets.frames import Frame, Opcode

CANDIDATES = 8
"""Candidates of each side."""

SDP_BYTES = 2_500

OFFER, ANSWER, HOSTS, PLAYERS = 0, 1, 2, 2 + CANDIDATES
"""Numbers of a handshake's messages; the last two are the first candidate of either side."""

MESSAGES = 2 + 2 * CANDIDATES
"""Messages of a handshake."""

TAG = b"@@"
_TAG_DIGITS = 10


class Dialect:
    """A server's wire protocol: this one is poker-signal's."""

    kinds: Mapping[str, str] = {
        "offer": "offer",
        "answer": "answer",
        "ice-candidate": "ice-candidate",
    }
    joins = True
    """True if a player sends a join, which HOST gets."""
    greets = False
    """True if the server sends the first message, and reads only after that."""

    def path(self, game: str, player: str) -> str:
        """Return the query to append to the server's URL."""
        return f"?playerId={player}&gameId={game}"

    def address(self, game: str, player: str) -> dict[str, str]:
        """Return the members of a message that name its target."""
        return {"targetId": player}

    def sender(self, heard: dict[str, Any]) -> dict[str, str]:
        """Return the address of a received message's sender."""
        return {"targetId": heard["senderId"]}


POKER_SIGNAL = Dialect()


def from_host(number: int) -> bool:
    """Return whether a handshake's message is the host's."""
    return number == OFFER or HOSTS <= number < PLAYERS


def kind_of(number: int) -> str:
    """Return the type of a handshake's message."""
    return {OFFER: "offer", ANSWER: "answer"}.get(number, "ice-candidate")


def tag(pair: int, number: int) -> str:
    """Return the tag of one message of one pair."""
    return f"{TAG.decode()}{pair * 32 + number:0{_TAG_DIGITS}d}"


def tagged(text: bytes) -> tuple[int, int] | None:
    """Return pair and number of a received message, or None if it has no tag."""
    start = text.find(TAG)
    if start < 0:
        return None
    return divmod(int(text[start + 2 : start + 2 + _TAG_DIGITS]), 32)


def payload(pair: int, number: int) -> dict[str, Any]:
    """Return a description of about 2.5 kB, or a candidate of about 200 B."""
    if number in (OFFER, ANSWER):
        lines = ["v=0", "o=- 46117317 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]
        lines += [f"a=x-tag:{tag(pair, number)}", "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8"]
        lines += [f"a=rtpmap:{96 + line % 30} opus/48000/2" for line in range(82)]
        return {"type": kind_of(number), "sdp": "\r\n".join(lines)}
    port = 50_000 + number
    candidate = (
        f"candidate:842163049 1 udp 1677729535 203.0.113.7 {port} typ srflx"
        " raddr 192.168.1.7 rport 54321 generation 0 ufrag EEtu network-id 1"
    )
    return {"candidate": candidate, "sdpMid": tag(pair, number), "sdpMLineIndex": 0}


def message(dialect: Dialect, game: str, target: str, pair: int, number: int) -> dict[str, Any]:
    """Return one message of a handshake."""
    type_ = dialect.kinds[kind_of(number)]
    return {
        "type": type_,
        **dialect.address(game, target),
        "payload": payload(pair, number),
    }


def frame(value: Any) -> bytes:
    """Return a message as one masked frame, as its client sends it."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return Frame(Opcode.TEXT, text).serialize(mask=True)


def join(player: str) -> bytes:
    """Return the frame of a player's first message."""
    return frame({"type": "join", "payload": {"playerName": player}})


def handshake(dialect: Dialect, game: str, player: str, pair: int) -> list[bytes]:
    """Return the frames of a handshake, in the order of the numbers."""
    return [
        frame(message(dialect, game, player if from_host(number) else "HOST", pair, number))
        for number in range(MESSAGES)
    ]
