"""Transcripts: connects of clients, their messages, and the frames that they must get."""

import uuid
from collections.abc import AsyncGenerator
from typing import NamedTuple

from poker_signal.core.configuration import Rules, Topology
from tests.signaling.sockets import SocketHost
from tests.support.client import query_of


class Connects(NamedTuple):
    """A step: a client connects, or is refused."""

    key: str
    player: str
    game: str = "GAME"
    session: str | None = None
    status: int = 101
    origin: str | None = None


class Says(NamedTuple):
    """A step: a client sends a message."""

    key: str
    text: str


class Hears(NamedTuple):
    """A step: the next frame that a client gets must be exactly this."""

    key: str
    text: str


class Leaves(NamedTuple):
    """A step: a client closes its connection."""

    key: str


class IsClosed(NamedTuple):
    """A step: the host closes a client's connection."""

    key: str
    code: int


Step = Connects | Says | Hears | Leaves | IsClosed


def error(code: str, message: str, id_: str = "") -> str:
    """Return a frame of type error."""
    more = f',"id":"{id_}"' if id_ else ""
    return f'{{"type":"error","payload":{{"code":"{code}","message":"{message}"}}{more}}}'


def undelivered(code: str, message: str, type_: str, target: str, id_: str = "") -> str:
    """Return a frame of type undelivered."""
    more = f',"id":"{id_}"' if id_ else ""
    return (
        f'{{"type":"undelivered","payload":{{"code":"{code}","message":"{message}",'
        f'"type":"{type_}","targetId":"{target}"}}{more}}}'
    )


HOST, ALICE, BOB = Connects("h", "HOST"), Connects("a", "Alice"), Connects("b", "Bob")
JOIN = Says("a", '{"type":"join","targetId":"HOST","payload":{"playerName":"Alice"}}')
JOINED = Hears("h", '{"type":"join","senderId":"Alice","payload":{"playerName":"Alice"}}')
OFFER = Says("h", '{"type":"offer","targetId":"Alice","payload":{"sdp":"v=0"}}')
OFFERED = Hears("a", '{"type":"offer","senderId":"HOST","payload":{"sdp":"v=0"}}')

NOT_FOUND = "\\u201cBob\\u201d is not in this game."
NAME_TAKEN = "A player named \\u201cAlice\\u201d is in this game already."
HOST_TAKEN = "A player named \\u201cHOST\\u201d is in this game already."
NO_HOST = error("HOST_NOT_FOUND", "This game has no host. Please check the code.")
TO_HOST = "In this game players may send messages only to the host."
MALFORMED = "This message cannot be understood: it is not a JSON object."

MESH: dict[str, list[Step]] = {
    "a whole handshake": [
        *(HOST, ALICE, JOIN, JOINED, OFFER, OFFERED),
        Says("h", '{"type":"ice-candidate","targetId":"Alice","payload":{"candidate":"1"}}'),
        Hears("a", '{"type":"ice-candidate","senderId":"HOST","payload":{"candidate":"1"}}'),
        Says("a", '{"type":"answer","targetId":"HOST","payload":{"sdp":"v=1"}}'),
        Hears("h", '{"type":"answer","senderId":"Alice","payload":{"sdp":"v=1"}}'),
        Says("a", '{"type":"ice-candidate","targetId":"HOST","payload":{"candidate":"2"}}'),
        Hears("h", '{"type":"ice-candidate","senderId":"Alice","payload":{"candidate":"2"}}'),
    ],
    "player-connected": [
        *(HOST, ALICE),
        Says("h", '{"type":"player-connected","targetId":"Alice"}'),
        Hears("a", '{"type":"player-connected","senderId":"HOST","payload":null}'),
    ],
    "a payload arrives as it was written": [
        *(HOST, ALICE),
        Says("a", '{"payload": {"b" :1.0, "a":1e400,"\\u00e9":"é"} ,"type":"join"}'),
        Hears(
            "h",
            '{"type":"join","senderId":"Alice","payload":{"b" :1.0, "a":1e400,"\\u00e9":"é"}}',
        ),
    ],
    "a name may have any characters": [
        HOST,
        Connects("z", "Zoë 🂡 +1%20"),
        Says("z", '{"type":"join"}'),
        Hears("h", '{"type":"join","senderId":"Zoë 🂡 +1%20","payload":null}'),
        Says("h", '{"type":"offer","targetId":"Zo\\u00eb 🂡 +1%20"}'),
        Hears("z", '{"type":"offer","senderId":"HOST","payload":null}'),
    ],
    "an id is acknowledged": [
        *(HOST, ALICE),
        Says("a", '{"type":"join","id":"7"}'),
        Hears("h", '{"type":"join","senderId":"Alice","payload":null}'),
        Hears("a", '{"type":"ack","id":"7","payload":{"targetId":"HOST"}}'),
    ],
    "a ping has no target": [ALICE, Says("a", '{"type":"ping"}'), Hears("a", '{"type":"pong"}')],
    "no host": [ALICE, JOIN, Hears("a", NO_HOST)],
    "a host that left": [HOST, ALICE, Leaves("h"), JOIN, Hears("a", NO_HOST)],
    "HOST joins itself": [
        HOST,
        Says("h", '{"type":"join","id":"x"}'),
        Hears("h", error("INVALID_JOIN", "The host cannot join its own game.", "x")),
    ],
    "a target that is not there": [
        *(HOST, ALICE),
        Says("a", '{"type":"offer","targetId":"Bob","id":"1"}'),
        Hears("a", undelivered("TARGET_NOT_FOUND", NOT_FOUND, "offer", "Bob", "1")),
        Says("a", '{"type":"ice-candidate","targetId":"Bob"}'),
        Hears("a", undelivered("TARGET_NOT_FOUND", NOT_FOUND, "ice-candidate", "Bob")),
    ],
    "a target in another game": [
        *(HOST, ALICE, Connects("b", "Bob", "OTHER")),
        Says("a", '{"type":"offer","targetId":"Bob"}'),
        Hears("a", undelivered("TARGET_NOT_FOUND", NOT_FOUND, "offer", "Bob")),
    ],
    "oneself": [
        ALICE,
        Says("a", '{"type":"offer","targetId":"Alice"}'),
        Hears("a", error("NOT_ALLOWED", "A player cannot send messages to itself.")),
    ],
    "an unknown type": [
        ALICE,
        Says("a", '{"type":"fold","id":"9"}'),
        Hears("a", error("UNKNOWN_TYPE", "This kind of message is not known here.", "9")),
    ],
    "not an object": [
        ALICE,
        *(
            step
            for text in ("[1]", "x", '"s"', "", "[" * 200 + "]" * 200)
            for step in (Says("a", text), Hears("a", error("INVALID_MESSAGE", MALFORMED)))
        ),
    ],
    "the second of a name": [
        *(HOST, ALICE, Connects("a2", "Alice")),
        Says("a2", '{"type":"join"}'),
        Hears("a2", error("DUPLICATE_NAME", NAME_TAKEN)),
        *(OFFER, OFFERED),
    ],
    "the second moves up": [
        *(HOST, ALICE, Connects("a2", "Alice"), Leaves("a")),
        Says("a2", '{"type":"join"}'),
        Hears("h", '{"type":"join","senderId":"Alice","payload":null}'),
    ],
    "the last HOST owns the game": [
        *(HOST, ALICE, Connects("h2", "HOST"), JOIN),
        Hears("h2", JOINED.text),
        Leaves("h2"),
        *(JOIN, JOINED),
    ],
    "a takeover past a bystander": [
        HOST,
        Connects("a", "Alice", session="secret-of-alice"),
        Connects("b", "Alice"),
        Connects("a2", "Alice", session="secret-of-alice"),
        IsClosed("a", 1000),
        OFFER,
        Hears("a2", OFFERED.text),
        Says("a2", '{"type":"answer","targetId":"HOST","payload":1}'),
        Hears("h", '{"type":"answer","senderId":"Alice","payload":1}'),
        Says("b", '{"type":"join"}'),
        Hears("b", error("DUPLICATE_NAME", NAME_TAKEN)),
    ],
    "only the owner sends in its name": [
        *(HOST, ALICE, Connects("b", "Alice")),
        Says("b", '{"type":"answer","targetId":"HOST","id":"1"}'),
        Hears("b", undelivered("DUPLICATE_NAME", NAME_TAKEN, "answer", "HOST", "1")),
        *(JOIN, JOINED, Leaves("a")),
        Says("b", '{"type":"answer","targetId":"HOST","id":"2"}'),
        Hears("h", '{"type":"answer","senderId":"Alice","payload":null}'),
        Hears("b", '{"type":"ack","id":"2","payload":{"targetId":"HOST"}}'),
    ],
    "a host that was replaced no longer speaks for the game": [
        *(HOST, ALICE, Connects("h2", "HOST")),
        Says("h", '{"type":"offer","targetId":"Alice"}'),
        Hears("h", undelivered("DUPLICATE_NAME", HOST_TAKEN, "offer", "Alice")),
        Says("h2", '{"type":"offer","targetId":"Alice","payload":{"sdp":"v=0"}}'),
        *(OFFERED, Leaves("h2"), OFFER, OFFERED),
    ],
    "no takeover without the secret": [
        HOST,
        Connects("a", "Alice", session="secret-of-alice"),
        Connects("a2", "Alice", session="another-secret"),
        *(OFFER, OFFERED),
    ],
    "a protected host": [
        Connects("h", "HOST", session="secret-of-host"),
        Connects("h2", "HOST", status=409),
        Connects("h2", "HOST", session="another-secret", status=409),
        *(ALICE, JOIN, JOINED),
        Leaves("h"),
        # Its name is reserved: it comes back, and no guest hosts meanwhile.
        Connects("h2", "HOST", status=409),
        Connects("h3", "HOST", session="secret-of-host"),
        JOIN,
        Hears("h3", JOINED.text),
    ],
    "a seat is kept for its session": [
        *(HOST, Connects("a", "Alice", session="secret-of-alice"), Leaves("a")),
        Connects("b", "Alice"),
        Says("b", '{"type":"join"}'),
        Hears("b", error("DUPLICATE_NAME", NAME_TAKEN)),
        Connects("a2", "Alice", session="secret-of-alice"),
        OFFER,
        Hears("a2", OFFERED.text),
        Says("b", '{"type":"answer","targetId":"HOST"}'),
        Hears("b", undelivered("DUPLICATE_NAME", NAME_TAKEN, "answer", "HOST")),
    ],
    "a candidate before its offer": [
        *(HOST, ALICE),
        Says("h", '{"type":"ice-candidate","targetId":"Alice","payload":{"candidate":"1"}}'),
        *(OFFER, OFFERED),
        Hears("a", '{"type":"ice-candidate","senderId":"HOST","payload":{"candidate":"1"}}'),
    ],
    "a host takes over itself": [
        Connects("h", "HOST", session="secret-of-host"),
        Connects("h2", "HOST", session="secret-of-host"),
        IsClosed("h", 1000),
        *(ALICE, JOIN),
        Hears("h2", JOINED.text),
    ],
    "no names, no connection": [
        Connects("x", "", status=400),
        Connects("x", " ", status=400),
        Connects("x", "x" * 129, status=400),
        Connects("x", "a\0b", status=400),
        Connects("x", "Alice", "", status=400),
        Connects("x", "Alice", session="short", status=400),
        Connects("y", "x" * 128),
    ],
}

THROTTLED = "That was too much at once. Please wait a moment and try again."
TOO_LONG = "This message cannot be understood: its \\u201cpayload\\u201d is longer than 20 bytes."

A_FULL_TABLE: list[Step] = [
    *(ALICE, BOB, HOST),
    Connects("c", "Carol", status=403),
    Connects("a2", "Alice"),
    Connects("h2", "HOST"),
    Connects("c", "Carol", "ANOTHER"),
    Leaves("b"),
    Connects("c2", "Carol"),
]
TOO_MUCH: list[Step] = [
    *(HOST, ALICE, JOIN, JOINED),
    Says("a", '{"type":"join","id":"2"}'),
    Hears("a", error("RATE_LIMITED", THROTTLED, "2")),
    Says("a", '{"type":"ice-candidate","targetId":"HOST","id":"3"}'),
    Hears("a", undelivered("RATE_LIMITED", THROTTLED, "ice-candidate", "HOST", "3")),
    Says("a", '{"type":"player-connected","targetId":"Absent"}'),
    Hears("a", undelivered("RATE_LIMITED", THROTTLED, "player-connected", "Absent")),
    Says("a", '{"type":"ping"}'),
    Hears("a", '{"type":"pong"}'),
    Says("a", '{"type":"fold"}'),
    Hears("a", error("UNKNOWN_TYPE", "This kind of message is not known here.")),
    *(OFFER, OFFERED),
]
A_LONG_PAYLOAD: list[Step] = [
    *(HOST, ALICE),
    Says("a", '{"type":"join","payload":"123456789012345678"}'),
    Hears("h", '{"type":"join","senderId":"Alice","payload":"123456789012345678"}'),
    Says("a", '{"type":"join","payload":"1234567890123456789","id":"1"}'),
    Hears("a", error("INVALID_MESSAGE", TOO_LONG, "1")),
    Says("a", '{"type":"answer","targetId":"HOST","payload":"ääääääääää"}'),
    Hears("a", error("INVALID_MESSAGE", TOO_LONG)),
]
FOREIGN_PAGES: list[Step] = [
    Connects("a", "Alice", origin="https://a.example"),
    Connects("x", "Bob", status=403, origin="https://b.example"),
    Connects("x", "HOST", status=403, origin="https://a.example:8443"),
    Connects("b", "Bob"),
]

STAR: dict[str, list[Step]] = {
    "a handshake in a star": [*(HOST, ALICE, JOIN, JOINED, OFFER, OFFERED)],
    "player to player in a star": [
        *(HOST, ALICE, BOB),
        Says("a", '{"type":"offer","targetId":"Bob"}'),
        Hears("a", error("NOT_ALLOWED", TO_HOST)),
    ],
    "a player's offer in a star": [
        *(HOST, ALICE),
        Says("a", '{"type":"offer","targetId":"HOST"}'),
        Hears("a", error("NOT_ALLOWED", "In this game only the host may send offers.")),
    ],
}

CASES = [
    *((Rules(), name, steps) for name, steps in MESH.items()),
    *((Rules(Topology.STAR), name, steps) for name, steps in STAR.items()),
    (Rules(seats=2), "a full table", A_FULL_TABLE),
    (Rules(message_rate=0.0001, message_burst=1), "too much", TOO_MUCH),
    (Rules(max_payload_bytes=20), "a long payload", A_LONG_PAYLOAD),
    (Rules(origins=frozenset({"https://a.example"})), "foreign pages", FOREIGN_PAGES),
]


async def hold(steps: list[Step], host: SocketHost) -> None:
    """Play a transcript; check that clients get its frames, byte for byte, and no others."""
    open_keys = [key async for key in _play(steps, host)]
    for key in open_keys:
        await host.say(key, '{"type":"ping"}')
        assert await host.hear(key) == '{"type":"pong"}', f"{key} got another frame before"


async def _play(steps: list[Step], host: SocketHost) -> AsyncGenerator[str, None]:
    """Play a transcript; yield the keys of the clients that are connected at its end."""
    run = uuid.uuid4().hex[:8]
    open_keys: list[str] = []
    for step in steps:
        match step:
            case Connects(key, player, game, session, status, origin):
                query = query_of(player, f"{game}-{run}" if game else "", session)
                assert await host.connect(key, query, origin) == status, step
                open_keys += [key] if status == 101 else []
            case Says(key, text):
                await host.say(key, text)
            case Hears(key, text):
                assert await host.hear(key) == text, step
            case Leaves(key):
                await host.leave(key)
                open_keys.remove(key)
            case IsClosed(key, code):
                assert await host.is_closed(key) == code, step
                open_keys.remove(key)
    for key in open_keys:
        yield key
