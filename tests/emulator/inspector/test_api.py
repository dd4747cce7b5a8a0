"""The inspector's JSON API: data, actions and errors."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from poker_signal.emulator.aws.http import Answer, Request
from poker_signal.emulator.inspector.api import About, Inspector
from poker_signal.emulator.recording.format import FORMAT
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.trace import Trace
from tests.emulator.inspector.requests import OWN, ask
from tests.support.client import hear, peer, settle, tell
from tests.support.frames import raw_connection


async def entries(emulator: Emulator) -> list[dict[str, Any]]:
    """Return all trace entries; one answer has no more than one turn of the loop can take."""
    found: list[dict[str, Any]] = []
    while True:
        told = (await ask(emulator, "GET", f"/api/entries?since={len(found)}")).json
        if not told["entries"]:
            return found
        found += told["entries"]
        assert told["next"] == len(found)


async def test_it_tells_what_it_is_and_who_is_there(emulator: Emulator) -> None:
    """The settings, the games and the connections are for the page and for scripts."""
    about = (await ask(emulator, "GET", "/api/about")).json
    assert (about["url"], about["stage"], about["topology"]) == (emulator.url, "prod", "mesh")
    assert about["faults"] is True
    async with peer(emulator, "HOST"), peer(emulator, "Zoë 🂡"), peer(emulator, "Bob", "OTHER1"):
        before = emulator.trace.next_number
        games = (await ask(emulator, "GET", "/api/games")).json["games"]
        assert {
            game["gameId"]: [player["playerId"] for player in game["players"]] for game in games
        } == {"GAME01": ["HOST", "Zoë 🂡"], "OTHER1": ["Bob"]}
        connections = (await ask(emulator, "GET", "/api/connections")).json["connections"]
        told = {"connectionId", "playerId", "gameId", "connectedAt", "lastReceivedAt"}
        assert [connection.keys() for connection in connections] == [told] * 3
        # These requests add no trace entries.
        assert emulator.trace.next_number == before


async def test_entries_are_told_once_and_one_by_its_number(emulator: Emulator) -> None:
    """``next`` is the number to ask for next; with a number of another run, all are returned."""
    async with peer(emulator, "HOST") as host:
        await settle(host)
        all_ = await entries(emulator)
        kinds = ["connect", "later", "return", "opened", "message", "post", "return"]
        assert [each["kind"] for each in all_] == kinds
        assert [each["n"] for each in all_] == list(range(7))
        assert (await ask(emulator, "GET", "/api/entries/0")).json == all_[0]
        run = (await ask(emulator, "GET", "/api/entries")).json["run"]
        for query in ("since=2&run=another", "since=9999"):
            told = (await ask(emulator, "GET", f"/api/entries?{query}")).json
            assert (told["run"], told["entries"][0]["n"]) == (run, 0)
    assert (await ask(emulator, "GET", "/api/entries/4711")).status == 404
    assert (await ask(emulator, "GET", "/api/entries/x")).status == 400


async def test_a_frame_is_posted(emulator: Emulator) -> None:
    """The frame is posted as by a handler, and traced."""
    async with peer(emulator, "Alice") as alice:
        (found,) = (await ask(emulator, "GET", "/api/connections")).json["connections"]
        path = f"/api/connections/{found['connectionId'].replace('=', '%3D')}/frames"
        told = await ask(emulator, "POST", path, {"frame": '{"type":"surprise"}'})
        assert told.json == {"delivered": True}
        assert await hear(alice) == {"type": "surprise"}
        assert (await ask(emulator, "POST", path, {"frame": "x" * 131_073})).status == 413
        assert (await ask(emulator, "POST", path, {"frame": 7})).status == 400
        emulator.faults.add("throttle")
        assert (await ask(emulator, "POST", path, {"frame": "{}"})).status == 429
    assert (await entries(emulator))[3]["type"] == "surprise"


async def test_a_message_is_taken_as_if_the_client_had_sent_it(emulator: Emulator) -> None:
    """The inspector sends a new message, or an earlier one again, in the client's name."""
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
        assert (told.status, told.json["message"]) == (409, "Entry 0 is not a message of a client.")
    told = await ask(emulator, "POST", f"/api/entries/{number}/resend")
    assert told.status == 410


async def test_a_connection_is_closed_with_a_code(emulator: Emulator) -> None:
    """Only a server's codes are allowed; the client and ``$disconnect`` get the same one."""
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
    while not (ends := [each for each in await entries(emulator) if each["kind"] == "disconnect"]):
        pass
    assert (ends[0]["code"], ends[0]["reason"]) == (4001, "test")


async def test_a_recording_holds_everything_and_no_address(emulator: Emulator) -> None:
    """Addresses are kept only on request; secrets never are."""
    async with peer(emulator, "HOST") as host, peer(emulator, "Alice", session="s3cret-s3cret"):
        sdp = "v=0\r\nc=IN IP4 192.168.7.9\r\na=ice-pwd:hunter2hunter2\r\n"
        await tell(host, type="offer", targetId="Alice", payload={"sdp": sdp})
        await settle(host)
        redacted = await ask(emulator, "GET", "/api/recording")
        raw = await ask(emulator, "GET", "/api/recording?redact=no")
    assert "attachment" in redacted.headers["content-disposition"]
    first, *entries = [json.loads(line) for line in redacted.body.splitlines()]
    header, *others = [json.loads(line) for line in raw.body.splitlines()]
    assert (first["format"], first["redacted"]) == (FORMAT, "addresses and secrets")
    assert first["settings"] == {"stage": "prod", "topology": "mesh", "tickets": False}
    assert header == {**first, "at": header["at"], "redacted": "secrets"}
    kinds = [entry["kind"] for entry in entries]
    assert kinds == [other["kind"] for other in others]
    assert kinds.count("post") == 2
    assert b"192.168.7.9" in raw.body
    for secret in (b"192.168.7.9", b"hunter2", b"s3cret"):
        assert secret not in redacted.body
        assert secret not in raw.body or secret == b"192.168.7.9"


async def test_what_is_not_there_is_said(emulator: Emulator) -> None:
    """The answer is JSON with a sentence."""
    for method, path, status in (
        ("GET", "/api/nothing", 404),
        ("GET", "/api", 404),
        ("POST", "/api/about", 405),
        ("PUT", "/", 405),
        ("GET", "/missing.js", 404),
        ("GET", "/page/index.html", 404),
        ("GET", "/api/entries?since=-1", 400),
        ("GET", "/api/entries?wait=nan", 400),
    ):
        told = await ask(emulator, method, path)
        assert (path, told.status) == (path, status)
        assert told.json["message"]
    for body, says in ((b"{", "The body is not JSON"), (b"[" * 100_000, ""), ([1], "")):
        told = await ask(emulator, "POST", "/api/connections/x/frames", body)
        assert (told.status, told.json["message"].startswith(says)) == (400, True)
    redirected = await ask(emulator, "GET", "")
    assert (redirected.status, redirected.headers["location"]) == (308, "/_inspect/")


@pytest.mark.process
def test_nothing_of_it_is_imported_before_somebody_looks() -> None:
    """The inspector must not slow the start of the emulator."""
    code = (
        "import sys, poker_signal.emulator.server\n"
        "print([name for name in sys.modules if '.inspector.' in name])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


async def test_ten_look_and_one_stops_reading_and_nobody_else_notices(emulator: Emulator) -> None:
    """Two players go on, and every inspector that reads gets all entries."""
    async with peer(emulator, "HOST") as host, peer(emulator, "Alice") as alice:
        start = emulator.trace.next_number

        async def follow() -> int:
            since, seen = start, 0
            while seen < 60:
                told = await ask(emulator, "GET", f"/api/entries?since={since}&wait=10")
                since = told.json["next"]
                seen += len(told.json["entries"])
            return seen

        inspectors = [asyncio.ensure_future(follow()) for _ in range(10)]
        async with raw_connection(emulator) as (_, deaf):
            # This client sends one request after the other, and reads no answer.
            head = f"GET /_inspect/api/recording HTTP/1.1\r\nHost: localhost\r\n{OWN}\r\n"
            deaf.write(head.encode() * 20)
            for _ in range(20):
                await tell(alice, type="join")
                assert (await hear(host))["type"] == "join"
            assert min(await asyncio.gather(*inspectors)) >= 60


async def test_faults_are_added_and_removed(emulator: Emulator) -> None:
    """An error has the fault's own message."""

    async def fault(method: str, body: Any = None) -> Any:
        told = await ask(emulator, method, "/api/faults", body)
        return told.status, told.json

    none: Any = {"active": [], "struck": {}}
    assert await fault("GET") == (200, none)
    added = {"active": ["drop:ping"], "struck": {"drop:ping": 0}}
    assert await fault("POST", {"spec": "drop:ping"}) == (200, added)
    assert emulator.faults.active() == ["drop:ping"]
    async with peer(emulator, "Alice") as alice:
        for type_ in ("ping", "ping", "join"):
            await tell(alice, type=type_)
        assert (await hear(alice))["type"] == "error"
    assert (await fault("GET"))[1]["struck"] == {"drop:ping": 2}
    status, told = await fault("POST", {"spec": "nonsense"})
    assert (status, "nonsense" in told["message"]) == (400, True)
    status, told = await fault("POST", {"spec": "drop:ofer"})
    assert (status, "did you mean offer?" in told["message"]) == (400, True)
    assert await fault("DELETE", {"spec": "drop:ping"}) == (200, none)
    assert (await fault("DELETE", {"spec": "drop:ping"}))[0] == 400
    assert (await fault("PUT"))[0] == 405
    # Without faults the answer is 404, and the page shows no panel.
    about = About("ws://x", "http://x", "127.0.0.1", None, Settings())
    inspector = Inspector(None, Trace(), about)  # type: ignore[arg-type]
    told_: list[Answer] = []
    request = Request("GET", "/_inspect/api/faults", [("Host", "localhost")], "127.0.0.1")
    inspector.respond(request, told_.append)
    assert told_[0].status == 404
