"""The JSON API: what it tells, what it does, what it refuses."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from poker_signal.emulator.http import Answer, Request
from poker_signal.emulator.inspector.api import About, Inspector
from poker_signal.emulator.server import Emulator
from tests.emulator.inspector.requests import OWN, ask
from tests.emulator.peers import hear, peer, raw_connection, settle, tell


async def entries(emulator: Emulator) -> list[dict[str, Any]]:
    """Return all that has happened."""
    told: list[dict[str, Any]] = (await ask(emulator, "GET", "/api/entries")).json["entries"]
    return told


async def test_it_tells_what_it_is_and_who_is_there(emulator: Emulator) -> None:
    """For the page, and for scripts."""
    about = (await ask(emulator, "GET", "/api/about")).json
    assert (about["url"], about["stage"], about["topology"]) == (emulator.url, "prod", "mesh")
    assert about["faults"] is False
    async with peer(emulator, "HOST"), peer(emulator, "Zoë 🂡"), peer(emulator, "Bob", "OTHER1"):
        games = (await ask(emulator, "GET", "/api/games")).json["games"]
        assert {
            game["gameId"]: [player["playerId"] for player in game["players"]] for game in games
        } == {"GAME01": ["HOST", "Zoë 🂡"], "OTHER1": ["Bob"]}
        connections = (await ask(emulator, "GET", "/api/connections")).json["connections"]
        assert len(connections) == 3
        assert connections[0].keys() == {
            "connectionId",
            "playerId",
            "gameId",
            "connectedAt",
            "lastReceivedAt",
        }


async def test_entries_are_told_once_and_one_by_its_number(emulator: Emulator) -> None:
    """``next`` is what to ask for next."""
    async with peer(emulator, "HOST") as host:
        await settle(host)
        first = (await ask(emulator, "GET", "/api/entries")).json
        assert [each["kind"] for each in first["entries"]][:3] == ["connect", "return", "opened"]
        again = (await ask(emulator, "GET", f"/api/entries?since={first['next']}")).json
        assert again["entries"] == []
        assert (await ask(emulator, "GET", "/api/entries/0")).json == first["entries"][0]
    assert (await ask(emulator, "GET", "/api/entries/4711")).status == 404
    assert (await ask(emulator, "GET", "/api/entries/x")).status == 400


async def test_numbers_of_another_run_mean_from_the_start(emulator: Emulator) -> None:
    """The page learns of a restart from ``run``, and misses nothing of the new one."""
    async with peer(emulator, "HOST"):
        now = (await ask(emulator, "GET", "/api/entries")).json
        for query in ("since=2&run=another", "since=9999"):
            told = (await ask(emulator, "GET", f"/api/entries?{query}")).json
            assert (told["run"], told["entries"][0]["n"]) == (now["run"], 0)


async def test_a_frame_is_posted(emulator: Emulator) -> None:
    """As a handler would, and the trace tells of it."""
    async with peer(emulator, "Alice") as alice:
        (found,) = (await ask(emulator, "GET", "/api/connections")).json["connections"]
        path = f"/api/connections/{found['connectionId'].replace('=', '%3D')}/frames"
        told = await ask(emulator, "POST", path, {"frame": '{"type":"surprise"}'})
        assert told.json == {"delivered": True}
        assert await hear(alice) == {"type": "surprise"}
        assert (await ask(emulator, "POST", path, {"frame": "x" * 131_073})).status == 413
        assert (await ask(emulator, "POST", path, {"frame": 7})).status == 400
    assert (await entries(emulator))[3]["type"] == "surprise"


async def test_a_message_is_taken_as_if_the_client_had_sent_it(emulator: Emulator) -> None:
    """New ones, and those that it has sent before."""
    async with peer(emulator, "HOST") as host, peer(emulator, "Alice") as alice:
        await tell(alice, type="join")
        join = await hear(host)
        (number,) = [each["n"] for each in await entries(emulator) if each["kind"] == "message"]
        assert (await ask(emulator, "POST", f"/api/entries/{number}/resend")).json == {
            "received": True
        }
        assert await hear(host) == join
        identifier = (await entries(emulator))[number]["connectionId"]
        path = f"/api/connections/{identifier}/messages"
        await ask(emulator, "POST", path, {"message": '{"type":"ping"}'})
        assert await hear(alice) == {"type": "pong"}
        told = await ask(emulator, "POST", "/api/entries/0/resend")
        assert (told.status, told.json["message"]) == (409, "Entry 0 is no message of a client.")
    told = await ask(emulator, "POST", f"/api/entries/{number}/resend")
    assert told.status == 410


async def test_a_connection_is_closed_with_a_code(emulator: Emulator) -> None:
    """One that a server may send; the client and ``$disconnect`` hear the same."""
    async with peer(emulator, "Alice") as alice:
        (found,) = (await ask(emulator, "GET", "/api/connections")).json["connections"]
        path = f"/api/connections/{found['connectionId']}"
        for wrong in ({"code": 1006}, {"code": "1000"}, {"reason": "x" * 124}, {"code": 999}):
            assert (await ask(emulator, "DELETE", path, wrong)).status == 400
        told = await ask(emulator, "DELETE", path, {"code": 4001, "reason": "test"})
        assert told.json == {"closed": True}
        with pytest.raises(ConnectionClosedError):
            await hear(alice)
        assert (await ask(emulator, "DELETE", path)).status == 410
    end = [each for each in await entries(emulator) if each["kind"] == "disconnect"]
    assert [(each["code"], each["reason"]) for each in end] == [(4001, "test")]


async def test_a_recording_holds_everything_and_no_address(emulator: Emulator) -> None:
    """Unless it is asked for as it is."""
    async with peer(emulator, "HOST") as host, peer(emulator, "Alice", session="s3cret-s3cret"):
        sdp = "v=0\r\nc=IN IP4 192.168.7.9\r\na=ice-pwd:hunter2hunter2\r\n"
        await tell(host, type="offer", targetId="Alice", payload={"sdp": sdp})
        await settle(host)
        redacted = await ask(emulator, "GET", "/api/recording")
        raw = await ask(emulator, "GET", "/api/recording?redact=no")
    assert "attachment" in redacted.headers["content-disposition"]
    kinds = [json.loads(line)["kind"] for line in redacted.body.splitlines()]
    assert kinds == [json.loads(line)["kind"] for line in raw.body.splitlines()]
    assert kinds.count("post") == 2
    for secret in (b"192.168.7.9", b"hunter2", b"s3cret"):
        assert secret in raw.body
        assert secret not in redacted.body


async def test_what_is_not_there_is_said(emulator: Emulator) -> None:
    """In a sentence, as JSON."""
    for method, path, status in (
        ("GET", "/api/nothing", 404),
        ("GET", "/api", 404),
        ("POST", "/api/about", 405),
        ("PUT", "/", 405),
        ("GET", "/missing.js", 404),
        ("GET", "/page/index.html", 404),
        ("GET", "/api/entries?since=-1", 400),
        ("GET", "/api/entries?wait=nan", 400),
        ("GET", "/api/faults", 404),
    ):
        told = await ask(emulator, method, path)
        assert (path, told.status) == (path, status)
        assert told.json["message"]
    told = await ask(emulator, "POST", "/api/connections/x/frames", b"{")
    assert (told.status, told.json["message"][:20]) == (400, "The body is not JSON")
    assert (await ask(emulator, "POST", "/api/connections/x/frames", b"[" * 100_000)).status == 400
    assert (await ask(emulator, "POST", "/api/connections/x/frames", [1])).status == 400
    redirected = await ask(emulator, "GET", "")
    assert (redirected.status, redirected.headers["location"]) == (308, "/_inspect/")


def test_nothing_of_it_is_imported_before_somebody_looks() -> None:
    """The emulator starts as fast as without."""
    code = (
        "import sys, poker_signal.emulator.server\n"
        "print([name for name in sys.modules if '.inspector.' in name])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


async def test_looking_leaves_no_trace(emulator: Emulator) -> None:
    """And takes nothing of what is throttled."""
    async with peer(emulator, "HOST"):
        before = emulator.trace.next_number
        await ask(emulator, "GET", "/")
        await ask(emulator, "GET", "/api/games")
        assert emulator.trace.next_number == before


async def test_fifty_look_and_one_stops_reading_and_nobody_else_notices(emulator: Emulator) -> None:
    """Two players go on; every inspector that reads is told all."""
    async with peer(emulator, "HOST") as host, peer(emulator, "Alice") as alice:
        start = emulator.trace.next_number

        async def follow() -> int:
            since, seen = start, 0
            while seen < 300:
                told = await ask(emulator, "GET", f"/api/entries?since={since}&wait=10")
                since = told.json["next"]
                seen += len(told.json["entries"])
            return seen

        inspectors = [asyncio.ensure_future(follow()) for _ in range(50)]
        async with raw_connection(emulator) as (_, deaf):
            # Never reads a byte of what it asked for, again and again.
            head = f"GET /_inspect/api/recording HTTP/1.1\r\nHost: localhost\r\n{OWN}\r\n"
            deaf.write(head.encode() * 20)
            for _ in range(100):
                await tell(alice, type="join")
                assert (await hear(host))["type"] == "join"
            assert min(await asyncio.gather(*inspectors)) >= 300


class _Faults:
    """What is active, by name."""

    def __init__(self) -> None:
        self._active: list[str] = []

    def add(self, spec: str) -> None:
        """Take any but nonsense."""
        if spec == "nonsense":
            raise ValueError("nonsense: no such fault")
        self._active.append(spec)

    def remove(self, spec: str) -> None:
        """Forget it."""
        self._active.remove(spec)

    def active(self) -> list[str]:
        """Return those that were added."""
        return list(self._active)


def test_faults_are_added_and_removed() -> None:
    """Where there are some; their own words say what is wrong."""
    about = About("ws://x", "127.0.0.1", "prod", "mesh", 1000)
    inspector = Inspector(None, Emulator.__new__(Emulator), about, _Faults())  # type: ignore[arg-type]
    told: list[Answer] = []

    def fault(method: str, spec: str = "") -> Any:
        headers = [("Host", "localhost"), ("X-Poker-Signal-Inspector", "1")]
        body = json.dumps({"spec": spec}).encode()
        target = "/_inspect/api/faults"
        inspector.respond(Request(method, target, headers, "127.0.0.1", body=body), told.append)
        return told[-1].status, json.loads(told[-1].body)

    assert fault("GET") == (200, {"active": []})
    assert fault("POST", "drop:offer") == (200, {"active": ["drop:offer"]})
    assert fault("POST", "nonsense") == (400, {"message": "nonsense: no such fault"})
    assert fault("DELETE", "drop:offer") == (200, {"active": []})
    assert fault("DELETE", "drop:offer")[0] == 400
    assert fault("PUT")[0] == 405
