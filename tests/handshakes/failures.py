"""Failures of handshakes: scenes, each with the verdict of the inspector."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tests.handshakes.scenes import GAME, HOST, Scene, sdp


class Failure(NamedTuple):
    """A scene with a failed attempt, its verdict, and the player of the attempt."""

    code: str
    says: str
    play: Callable[[], Scene]
    player: str
    client: str | None = None
    """The client whose time limits apply."""


FAILURES: list[Failure] = []

P = TypeVar("P", bound=Callable[[], Scene])


def failure(
    code: str, says: str, player: str = "Alice", client: str | None = None
) -> Callable[[P], P]:
    """Add the decorated scene to the failures."""

    def add(play: P) -> P:
        FAILURES.append(Failure(code, says, play, player, client))
        return play

    return add


def _handler(**failure: str) -> Scene:
    scene = Scene().join().wait(20)
    request_id = scene.message(
        HOST, "offer", "Alice", {"type": "offer", "sdp": sdp("h", "actpass")}
    )
    return scene.returned(HOST, request_id, **failure).wait(6000)


def _beside(here: Scene, there: Scene) -> Scene:
    for entry in there.entries:
        entry |= {"n": entry["n"] + len(here.entries), "at": entry["at"] + 2000}
        entry["connectionId"] = f"other{entry['connectionId']}"
    here.entries += there.entries
    return here


failure(
    "NO_ANSWER",
    "The offer was delivered after 0.4 s. “Alice” has sent no answer, 6.0 s later.",
)(lambda: Scene().join().wait(400).offer().wait(6000))


@failure(
    "EARLY_CANDIDATES",
    "3 candidates arrived before the offer; table-poker discards them.",
    client="table-poker",
)
def _early_candidates() -> Scene:
    scene = Scene().join().wait(20)
    scene.trickle(HOST, "Alice", "192.168.1.10", "192.168.1.11", "203.0.113.9").offer()
    return scene.wait(40).answer().trickle("Alice", HOST, "192.168.1.23").wait(3000)


@failure("HOST_NOT_FOUND", "No host in game “AB12CD”: no client is connected as HOST.")
def _nobody_hosts(game: str = GAME) -> Scene:
    scene = Scene(game).connect("Alice").wait(1000)
    return scene.refuse("Alice", "join", HOST, "HOST_NOT_FOUND")


@failure("HOST_LATER", "No host in game “AB12CD” yet: HOST connected 1.3 s after the join.")
def _host_later(game: str = GAME) -> Scene:
    return _nobody_hosts(game).wait(1300).connect(HOST).wait(1000)


@failure("HOST_GONE", "No host in game “AB12CD”: HOST left 4.0 s before the join, with 1001.")
def _host_gone() -> Scene:
    scene = Scene().connect(HOST).wait(600_000).close(HOST, 1001, "Going away").wait(3000)
    return scene.connect("Alice").wait(1000).refuse("Alice", "join", HOST, "HOST_NOT_FOUND")


failure("WRONG_GAME", "No host in game “AB12C0”, but “AB12CO” has one: a wrong game code?")(
    lambda: _beside(Scene("AB12CO").connect(HOST), _nobody_hosts("AB12C0"))
)


@failure("HOST_GONE", "No host in game “TEST02”: HOST left 1.0 s before the join, with 1001.")
def _no_longer_there_either() -> Scene:
    here = Scene("TEST01").connect(HOST).wait(100).close(HOST, 1001)
    there = Scene("TEST02").connect(HOST).wait(600).close(HOST, 1001)
    there.connect("Alice").wait(1000).refuse("Alice", "join", HOST, "HOST_NOT_FOUND")
    return _beside(here, there)


failure("HOST_LATER", "No host in game “TEST02” yet: HOST connected 1.3 s after the join.")(
    lambda: _beside(Scene("TEST01").connect(HOST), _host_later("TEST02"))
)
failure("HOST_NOT_FOUND", "No host in game “TEST02”: no client is connected as HOST.")(
    lambda: _beside(
        Scene("TEST01").connect(HOST).wait(100).close(HOST, 1001), _nobody_hosts("TEST02")
    )
)


@failure(
    "HOST_NOT_FOUND",
    "“Alice” got HOST_NOT_FOUND for game “AB12CD”, although HOST was connected.",
)
def _left_after_the_error() -> Scene:
    scene = Scene().connect(HOST).connect("Alice").wait(1000)
    return scene.refuse("Alice", "join", HOST, "HOST_NOT_FOUND").wait(2000).close(HOST, 1001)


@failure(
    "GHOST",
    "HOST is a ghost: its row exists, but its connection is gone (410). The join was not delivered.",
)
def _ghost_host() -> Scene:
    scene = Scene().connect(HOST).wait(9000).connect("Alice").wait(1000)
    request_id = scene.message("Alice", "join", HOST, {"playerName": "Alice"})
    frame = {"type": "join", "senderId": "Alice", "payload": {"playerName": "Alice"}}
    scene.post(HOST, frame, delivered=False)
    return scene.returned("Alice", request_id, result={"statusCode": 500}).wait(8000)


@failure("DUPLICATE_NAME", "The name “Alice” is taken: another open connection has it.")
def _duplicate() -> Scene:
    scene = Scene().connect(HOST).connect("other", "Alice").connect("Alice").wait(1000)
    return scene.refuse("Alice", "join", HOST, "DUPLICATE_NAME")


@failure(
    "LATE_ANSWER",
    "The answer came 5.2 s after the join; the host of table-poker had given up at 5.0 s and discards it.",
    client="table-poker",
)
def _late_answer() -> Scene:
    scene = Scene().join().wait(400).offer().trickle(HOST, "Alice", "192.168.1.10")
    return scene.wait(4797).answer().wait(1000)


@failure(
    "FOREIGN_UFRAG",
    "2 candidates of “Alice” belong to another ICE session: ufrag 0lD1, its description has aL1c.",
)
def _foreign_ufrag() -> Scene:
    scene = Scene().join().wait(20).offer().trickle(HOST, "Alice", "192.168.1.10").wait(30).answer()
    return scene.trickle("Alice", HOST, "192.168.1.23", "203.0.113.8", ufrag="0lD1").wait(3000)


failure("NO_CANDIDATES", "Neither side sent any candidate: there is no address to connect to.")(
    lambda: Scene().join().offer().answer().wait(3000)
)
failure("HANDLER_FAILED", "The handler raised on the offer: KeyError: 'sdp'")(
    lambda: _handler(failure="raised", error="KeyError: 'sdp'")
)
failure("HANDLER_FAILED", "The handler timed out on the offer.")(
    lambda: _handler(failure="timed out")
)
failure(
    "LEFT",
    "“Alice” left during the handshake, 0.8 s after the join: closed with 1001, Going away.",
)(lambda: Scene().join().wait(20).offer().wait(780).close("Alice", 1001, "Going away").wait(6000))


@failure("TOO_LARGE", "A message of HOST was too large: its connection was closed with 1009.")
def _too_large() -> Scene:
    return Scene().join().wait(30).close(HOST, 1009).wait(6000)


@failure(
    "TWO_HOSTS",
    "2 connections are HOST of game “AB12CD”: the newest gets the join, the others do not.",
)
def _two_hosts() -> Scene:
    scene = Scene().connect("old", HOST).wait(100).connect(HOST).wait(100)
    return scene.complete()


failure(
    "NOT_ALLOWED",
    "The offer of “Alice” was refused with NOT_ALLOWED. The topology forbids it: players may send only to HOST, and only HOST offers.",
)(lambda: Scene().join().wait(20).refuse("Alice", "offer", HOST, "NOT_ALLOWED"))
failure("NO_JOIN", "“Alice” has been connected for 8.0 s and has sent no join.")(
    lambda: Scene().connect(HOST).connect("Alice").wait(8000).connect("Bob")
)
failure(
    "SLOW_CONNECT",
    "$connect took 1.4 s, longer than table-poker waits (1.0 s): its join was lost.",
    client="table-poker",
)(lambda: Scene().connect(HOST).connect("Alice", opening_ms=1400).wait(500))
failure("NO_OFFER", "HOST got the join after 0.00 s and has sent no offer, 6.0 s later.")(
    lambda: Scene().join().wait(6000).connect("Bob")
)


@failure("NO_OFFER", "HOST got the join after 0.00 s and has sent no offer, 6.0 s later.")
def _no_offer_again() -> Scene:
    scene = Scene().join().wait(20).offer().wait(2000).close("Alice", 1006).wait(1000)
    return scene.connect("Alice2", "Alice").wait(1000).send("Alice2", "join", HOST).wait(6000)


@failure("REFUSED", "The connection of “Alice” was refused with 409: Taken.")
def _refused() -> Scene:
    scene = Scene().connect(HOST).ask("Alice").wait(2)
    scene.add("refused", "Alice", status=409, reason="Taken.", method="GET", path="/prod")
    return scene.wait(1000)


@failure(
    "SILENT",
    "The handler returned 404 for the answer: API Gateway does not report this to the client.",
)
def _silent() -> Scene:
    scene = Scene().join().wait(20).offer().wait(30)
    request_id = scene.message(
        "Alice", "answer", HOST, {"type": "answer", "sdp": sdp("a", "active")}
    )
    return scene.returned("Alice", request_id, result={"statusCode": 404}).wait(300)


@failure("THROTTLED", "The join did not reach a handler: throttled.")
def _throttled() -> Scene:
    scene = Scene().connect(HOST).wait(10).connect("Alice").wait(1000)
    scene.add("unrouted", "Alice", body='{"type":"join"}', size=15, why="throttled", type="join")
    return scene.wait(6000)


@failure(
    "TARGET_NOT_FOUND",
    "The offer was not delivered: no player is called “Alice”, but “Alice ” is connected.",
)
def _nobody() -> Scene:
    scene = Scene().join("Alice ").wait(20)
    return scene.refuse(HOST, "offer", "Alice", "TARGET_NOT_FOUND", "undelivered").wait(300)


failure("SETUP", "The answer says a=setup:actpass, so neither side starts DTLS.")(
    lambda: Scene().join().wait(20).offer().wait(20).answer(setup="actpass")
)


@failure(
    "SAME_FINGERPRINT",
    "Offer and answer have the same DTLS fingerprint: both come from one certificate.",
)
def _same_fingerprint() -> Scene:
    scene = Scene().join().wait(20).offer().trickle(HOST, "Alice", "192.168.1.10").wait(20)
    return scene.answer(print_="AA").trickle("Alice", HOST, "192.168.1.23").wait(3000)


failure("FLOODED", "“Alice” sent too many messages too fast: its connection was closed with 1008.")(
    lambda: Scene().join().wait(30).close("Alice", 1008).wait(6000)
)
failure("TOLD", "“Alice” got the error “GAME_FULL” for its join.")(
    lambda: Scene().connect(HOST).connect("Alice").refuse("Alice", "join", HOST, "GAME_FULL")
)


@failure("REFUSED", "The connection of HOST was refused with 409: Taken.", HOST)
def _refused_host() -> Scene:
    scene = Scene().connect("first", HOST).wait(100).ask("second", HOST)
    scene.add("refused", "second", status=409, reason="Taken.", method="GET", path="/prod")
    return scene.wait(1000)


@failure("REFUSED", "The connection of “#OhDyxN” was refused with 400: No playerId.", "#OhDyxN")
def _nameless() -> Scene:
    scene = Scene()
    entry = scene.add(
        "refused", None, status=400, reason="No playerId.", method="GET", path="/prod"
    )
    entry |= {"connectionId": "OhDyxN6BIAMCJaA="}
    return scene.wait(1000)


@failure(
    "INVALID_JOIN",
    "The join of HOST was refused with INVALID_JOIN. HOST sent a join to its own game: the client connected as HOST.",
    HOST,
)
def _host_joins() -> Scene:
    return Scene().connect(HOST).wait(1000).refuse(HOST, "join", HOST, "INVALID_JOIN")


@failure("GLARE", "Both sides sent an offer: each side refuses the other's unless one rolls back.")
def _glare() -> Scene:
    scene = Scene().join().wait(20).offer()
    text = sdp("aL1c", "actpass", print_="BB")
    return scene.send("Alice", "offer", HOST, {"type": "offer", "sdp": text}).wait(400)
