"""A poker night: what the players and the host of a game say to one another.

A player connects and joins; the host offers, the player answers, and each side trickles eight
candidates. Every payload carries a tag, so that whoever hears a message knows which one it is
without parsing it.
"""

import json
from collections.abc import Mapping
from typing import Any

from websockets.frames import Frame, Opcode

CANDIDATES = 8
"""Of each side."""

SDP_BYTES = 2_500

OFFER, ANSWER, HOSTS, PLAYERS = 0, 1, 2, 2 + CANDIDATES
"""Where a handshake's messages begin: host's candidates and player's, after offer and answer."""

MESSAGES = 2 + 2 * CANDIDATES
"""Of a handshake."""

TAG = b"@@"
_TAG_DIGITS = 10


class Dialect:
    """How a server wants to be talked to: this is poker-signal's wire protocol."""

    kinds: Mapping[str, str] = {
        "offer": "offer",
        "answer": "answer",
        "ice-candidate": "ice-candidate",
    }
    joins = True
    """Whether a player says that it is there, and HOST hears it."""
    greets = False
    """Whether the server speaks first, and listens only then."""

    def path(self, game: str, player: str) -> str:
        """Return what to append to the server's URL."""
        return f"?playerId={player}&gameId={game}"

    def address(self, game: str, player: str) -> dict[str, str]:
        """Return whom a message is for."""
        return {"targetId": player}

    def sender(self, heard: dict[str, Any]) -> dict[str, str]:
        """Return the address of whom a message that was heard says it is from."""
        return {"targetId": heard["senderId"]}


POKER_SIGNAL = Dialect()


def from_host(number: int) -> bool:
    """Return whether a handshake's message is the host's."""
    return number == OFFER or HOSTS <= number < PLAYERS


def kind_of(number: int) -> str:
    """Return the type of a handshake's message."""
    return {OFFER: "offer", ANSWER: "answer"}.get(number, "ice-candidate")


def tag(pair: int, number: int) -> str:
    """Return what marks one message of one pair."""
    return f"{TAG.decode()}{pair * 32 + number:0{_TAG_DIGITS}d}"


def tagged(text: bytes) -> tuple[int, int] | None:
    """Return pair and number of a message that was heard, or None if it has no tag."""
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
    """Return a message as its client puts it on the wire: one frame, masked."""
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
