"""Reports of the probe: access, validation, attribution to players, and bounds."""

from typing import Any

import pytest

from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.inspector import probe
from poker_signal.emulator.inspector.guard import COOKIE, refusal_of_report
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.as_json import as_json
from tests.emulator.inspector.probe_events import EVENTS
from tests.emulator.inspector.requests import ask
from tests.support.client import hear, peer, tell
from tests.support.frames import Answer

PAGE = "0123456789abcdef"
ZOE = {"playerId": "Zoë", "gameId": "GAME01", "opens": 1}
TOKEN = "0123456789abcdef"


async def report(
    emulator: Emulator, *events: Any, sockets: Any = (ZOE,), page: str = PAGE, **more: Any
) -> Answer:
    """Post a report."""
    body = {"page": page, "now": 1000, "sockets": sockets, "events": events, **more}
    return await ask(emulator, "POST", "/api/probe", body, headers="")


def probed(emulator: Emulator) -> list[dict[str, Any]]:
    """Return the entries of the probe, without number."""
    found = [as_json(*each) for each in emulator.trace.since(0)]
    return [entry for entry in found if entry["kind"] == "probe"]


async def test_each_event_becomes_an_entry(emulator: Emulator, clock: VirtualClock) -> None:
    """An entry has the names and the connection of the page's socket, and the event's members."""
    async with peer(emulator, "Zoë"):
        clock.advance(1)
        sent = [{"t": 990, "pc": 3, "ufrag": "aB+/", "socket": 0, **event} for event in EVENTS]
        told = await report(emulator, *sent)
        assert (told.status, told.body) == (204, b"")
        assert told.headers["cross-origin-resource-policy"] == "cross-origin"
        found = probed(emulator)
    assert len(found) == len(EVENTS)
    assert all(entry.pop("connectionId") for entry in found)
    for number, (entry, event) in enumerate(zip(found, EVENTS, strict=True), start=found[0]["n"]):
        assert entry == {
            "n": number,
            "at": clock.now_ms() - 10,
            "kind": "probe",
            "playerId": "Zoë",
            "gameId": "GAME01",
            "pc": "1.3",
            "ufrag": "aB+/",
            **event,
        }


@pytest.mark.parametrize(
    "event",
    [
        7,
        {},
        {"event": "unknown", "pc": 1},
        {"event": ["call"], "pc": 1},
        {"event": "state", "of": "connectionState", "state": "failed"},
        {"event": "state", "pc": 1, "of": "connectionState"},
        {"event": "state", "pc": 1, "of": "mood", "state": "good"},
        {"event": "state", "pc": True, "of": "connectionState", "state": "failed"},
        {"event": "state", "pc": -1, "of": "connectionState", "state": "failed"},
        {"event": "call", "call": "eval"},
        {"event": "channel", "pc": 1, "state": "gone"},
        {"event": "lost", "count": "many"},
        {"event": "pair", "pc": 1, "local": "host", "remote": {}},
    ],
    ids=str,
)
async def test_events_that_the_probe_does_not_send_are_dropped(
    emulator: Emulator, event: Any
) -> None:
    """Unknown events, and those without what they are about, leave no entry."""
    async with peer(emulator, "Zoë"):
        assert (await report(emulator, event)).status == 204
    assert probed(emulator) == []


async def test_members_are_validated_and_cut(emulator: Emulator) -> None:
    """Unknown members and those of another type are left out; texts have at most 300 characters."""
    event = {
        "event": "call",
        "call": "setRemoteDescription",
        "ms": float("inf"),
        "about": 7,
        "given": "x" * 1000,
        "error": {"name": "E", "message": "m" * 1000, "stack": "s", "cause": {}},
        "sdp": "v=0",
        "kind": "message",
        "n": 7,
        "ufrag": ["x"],
        "t": 99_999,
        "socket": 9,
    }
    async with peer(emulator, "Zoë"):
        await report(emulator, event)
        (entry,) = probed(emulator)
        assert entry["at"] == emulator.trace.since(0)[-1][1].at_ms
    assert entry["event"] == "call"
    assert entry["given"] == "x" * 300
    assert entry["error"] == {"name": "E", "message": "m" * 300}
    assert entry.keys() <= {"n", "at", "kind", "gameId", "event", "call", "given", "error"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"nonsense", 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b"[]", 400),
        ({"page": PAGE}, 400),
        ({"page": "../x", "now": 1, "sockets": [], "events": []}, 400),
        ({"page": PAGE, "now": "1", "sockets": [], "events": []}, 400),
        ({"page": PAGE, "now": 1, "sockets": [7], "events": []}, 400),
        ({"page": PAGE, "now": 1, "sockets": [{"playerId": 1}], "events": []}, 400),
        ({"page": PAGE, "now": 1, "sockets": [ZOE] * 17, "events": []}, 400),
        ({"page": PAGE, "now": 1, "sockets": [], "events": [7] * 502}, 400),
        (b" " * 65_537, 413),
        (b" " * 262_145, 413),
    ],
    ids=str,
)
async def test_garbage_is_refused(emulator: Emulator, body: Any, status: int) -> None:
    """The answer names the fault; the emulator goes on."""
    told = await ask(emulator, "POST", "/api/probe", body, headers="")
    assert told.status == status
    assert (await ask(emulator, "GET", "/api/probe")).status == 405
    assert (await ask(emulator, "POST", "/probe.js", {})).status == 405


async def test_only_players_of_this_emulator_are_reported(emulator: Emulator) -> None:
    """A page cannot make up players: one of its sockets was connected, now or a short time ago."""
    state = {"event": "state", "pc": 1, "of": "connectionState", "state": "connected"}
    await report(emulator, state, page="a" * 16)
    await report(emulator, state, sockets=[], page="b" * 16)
    assert probed(emulator) == []
    async with peer(emulator, "Zoë"):
        pass
    await report(emulator, {**state, "socket": 0})
    assert [(entry["playerId"], "connectionId" in entry) for entry in probed(emulator)] == [
        ("Zoë", True)
    ]


async def test_the_newest_connection_of_the_player_is_named(
    emulator: Emulator, clock: VirtualClock
) -> None:
    """After a reconnect, entries have the id of the new connection; a closed one keeps its own."""
    lost = {"event": "lost", "count": 1, "socket": 0}
    async with peer(emulator, "Zoë"):
        await report(emulator, lost)
        clock.advance(1)
        async with peer(emulator, "Zoë"):
            await report(emulator, lost)
            await report(emulator, lost, sockets=[{**ZOE, "opens": 2}])
            connections = (await ask(emulator, "GET", "/api/connections")).json["connections"]
    await report(emulator, lost, sockets=[{**ZOE, "opens": 2}])
    ids = [each["connectionId"] for each in connections]
    found = [ids.index(entry["connectionId"]) for entry in probed(emulator)]
    assert found == [0, 0, 1, 1]


async def test_of_several_players_in_a_page_the_ufrag_decides(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events wait for the message with the connection's ufrag, from its player or to it."""
    sockets = [{**ZOE, "playerId": name} for name in ("HOST", "Zoë")]

    def state(pc: int, **more: Any) -> dict[str, Any]:
        return {"event": "state", "of": "signalingState", "state": "stable", "pc": pc, **more}

    async with peer(emulator, "HOST") as host, peer(emulator, "Zoë") as zoe:
        await report(emulator, state(1), state(2), state(2, ufrag="h0St"), sockets=sockets)
        assert probed(emulator) == []
        sdp = {"type": "offer", "sdp": "v=0\r\na=ice-ufrag:h0St\r\na=ice-pwd:x\r\n"}
        await tell(host, type="offer", targetId="Zoë", payload=sdp)
        assert (await hear(zoe))["type"] == "offer"
        await report(emulator, state(1, remoteUfrag="h0St"), state(2), sockets=sockets)
        found = [(entry["pc"], entry["playerId"]) for entry in probed(emulator)]
        assert found == [("1.1", "Zoë"), ("1.1", "Zoë"), *[("1.2", "HOST")] * 3]
        # Too many wait, or for too long: the game is known, the player is not.
        monkeypatch.setattr(probe, "MAX_HELD", 2)
        await report(emulator, state(3), state(3), state(3), state(3), sockets=sockets)
        held = [(entry["pc"], entry.get("playerId"), entry["gameId"]) for entry in probed(emulator)]
        assert held[5:] == [("1.3", None, "GAME01")] * 4


async def test_a_flood_is_counted_and_not_kept(emulator: Emulator, clock: VirtualClock) -> None:
    """A page, and all pages together, have a rate; an entry says how many events were dropped."""
    lost = {"event": "error", "of": "error", "socket": 0}
    async with peer(emulator, "Zoë"):
        for _ in range(5):
            await report(emulator, *[lost] * 500)
        assert len(probed(emulator)) == 2000
        clock.advance(1)
        await report(emulator)
        assert probed(emulator)[2000]["count"] == 500
        for number in range(12):
            await report(emulator, *[lost] * 500, page=f"{number:016x}")
        assert len(probed(emulator)) < 2001 + 5000


async def test_forgotten_pages_leave_nothing(emulator: Emulator) -> None:
    """The emulator remembers a bounded number of pages."""
    async with peer(emulator, "Zoë"):
        for number in range(probe.MAX_PAGES + 5):
            told = await report(emulator, {"event": "lost", "count": 1}, page=f"{number:016x}")
            assert told.status == 204
    assert len(emulator._inspector._reports._pages) == probe.MAX_PAGES


async def test_a_clock_that_stood_still_is_noticed(emulator: Emulator, clock: VirtualClock) -> None:
    """Events have the time of the fastest post; after a sleep, that of the latest one."""
    at = []
    async with peer(emulator, "Zoë"):
        for now, advance_s in ((1000, 0), (1100, 0.15), (1200, 0.1), (1300, 3600)):
            clock.advance(advance_s)
            await report(emulator, {"event": "lost", "count": 1, "t": now}, now=now)
            at.append(clock.now_ms() - probed(emulator)[-1]["at"])
    assert at == [0, 50, 50, 0]


def request(
    method: str = "POST", query: str = "", peer_ip: str = "127.0.0.1", **headers: str
) -> Request:
    """Return a request for the probe."""
    return Request(method, f"/_inspect/api/probe{query}", list(headers.items()), peer_ip)


@pytest.mark.parametrize(
    ("asked", "is_refused"),
    [
        *((request(Origin=f"http://{host}:5173"), False) for host in (
            "localhost", "127.0.0.1", "[::1]", "app.localhost", "192.168.7.7",
        )),
        (request(Origin="https://localhost"), False),
        (request(Origin="null"), False),
        # Native apps and programs.
        (request(), False),
        (request(Host="10.0.2.2:3001"), False),
        (request("GET", Origin="https://app.example"), False),
        (request(peer_ip="192.168.7.7", Origin="http://192.168.7.7:5173"), False),
        (request(Origin="https://evil.example"), True),
        (request(Origin="https://localhost.evil.example"), True),
        (request(Origin="https://192.168.7.9"), True),
        (request(Origin="http://[::1"), True),
        (request(peer_ip="192.168.7.8"), True),
        (request("GET", peer_ip="192.168.7.8"), True),
        (request(peer_ip="192.168.7.8", Origin="http://localhost"), True),
        (request(query="?token=wrong", peer_ip="192.168.7.8"), True),
        (request(query=f"?token={TOKEN}", peer_ip="192.168.7.8", Origin="http://x.example"), False),
        (request(peer_ip="192.168.7.8", Cookie=f"{COOKIE}={TOKEN}"), False),
    ],
)  # fmt: skip
def test_pages_of_this_machine_and_holders_of_the_token_may_report(
    asked: Request, is_refused: bool
) -> None:
    """Origins of this machine on any port, files, programs; others need the token."""
    assert (refusal_of_report(asked, "192.168.7.7", TOKEN) is not None) == is_refused


async def test_the_script_is_for_every_page_of_this_machine(emulator: Emulator) -> None:
    """Both forms may be loaded across origins; the script has the URL that it was asked at."""
    foreign = "Origin: http://localhost:5173\r\nSec-Fetch-Site: cross-site\r\n"
    for name in ("probe.js", "probe.mjs"):
        told = await ask(emulator, "GET", f"/{name}", headers=foreign, host="localhost:7")
        assert told.status == 200
        assert told.headers["access-control-allow-origin"] == "*"
        assert told.headers["cross-origin-resource-policy"] == "cross-origin"
        assert told.headers["content-type"].startswith("text/javascript")
        assert (b"http://localhost:7/" in told.body) == (name == "probe.js")
        assert (b"export { install };" in told.body) == (name == "probe.mjs")
    told = await ask(emulator, "GET", "/probe.js", headers="", host='x");alert(1);("')
    assert b'x");alert' not in told.body
    refused = await ask(
        emulator, "POST", "/api/probe", {}, headers="Origin: http://evil.example\r\n"
    )
    assert refused.status == 403
    # A browser then fails the request, and the probe stops.
    assert refused.headers["cross-origin-resource-policy"] == "same-origin"
    # All else stays closed.
    for path in ("/main.js", "/api/entries", "/api/probe/x", "/probe.js/x"):
        assert (await ask(emulator, "GET", path, headers=foreign)).status == 403


async def test_the_script_has_the_token_that_it_was_asked_with() -> None:
    """Without the right token in the query, the script has none."""
    async with Emulator(Settings(port=0, inspector_token=TOKEN)) as emulator:
        for query, has_it in ((f"?token={TOKEN}", True), ("?token=wrong", False), ("", False)):
            told = await ask(emulator, "GET", f"/probe.js{query}")
            assert (told.status, TOKEN.encode() in told.body) == (200, has_it)


async def test_a_place_of_a_closed_socket_is_reused(emulator: Emulator) -> None:
    """A page that was in many games reports new ones in the place of old ones."""
    state = {"event": "state", "of": "signalingState", "state": "stable"}
    bob = {**ZOE, "playerId": "Bob"}
    async with peer(emulator, "Zoë"), peer(emulator, "Bob"):
        for number, first in enumerate((ZOE, bob)):
            await report(emulator, {**state, "pc": number, "socket": 0}, sockets=[first, ZOE])
    assert [entry["playerId"] for entry in probed(emulator)] == ["Zoë", "Bob"]
