"""Faults: the events that they apply to, their times, and the same result for the same seed."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed

from poker_signal.emulator.aws.events import (
    Facts,
    Label,
    connect_event,
    disconnect_event,
    message_event,
)
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.aws.results import (
    Dropped,
    Forward,
    NotInvokable,
    Result,
    Returned,
    Running,
)
from poker_signal.emulator.aws.throttling import LimitExceeded
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.faults.spec import BadFault
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Entry, Fault, Kept, Opened, Received
from poker_signal.emulator.trace.trace import Trace, entries_of
from tests.emulator.conftest import Records
from tests.support.client import closed, hear, peer, settle, status_of, tell
from tests.support.frames import answer

ALICE = Facts("a", 0, "prod", "x", "x", {"sourceIp": "::1"}, label=Label("Alice", "G"))
BOB = ALICE._replace(connection_id="b", label=Label("Bob"))
OK = Returned({"statusCode": 200})


def message(type_: str, request_id: str = "r") -> Any:
    """Return the event of a message."""
    return message_event(ALICE, "$default", json.dumps({"type": type_}), request_id, "m", 0)


def struck(fault: str, detail: str, effect: str, **more: Any) -> Fault:
    """Return the entry of a strike at Alice, at the start."""
    return Fault(1_700_000_000_000, ALICE, fault, detail, effect, **more)


CONNECT = connect_event(ALICE, Request("GET", "/prod", [], "::1"), "r", "t", 0)
DISCONNECT = disconnect_event(ALICE, 1000, "", "r", 0)


class Function:
    """A function that notes the time and the type of each call."""

    def __init__(self, clock: VirtualClock, slow: bool = False) -> None:
        self.calls: list[tuple[int, str]] = []
        self.running: list[Running] = []
        self._clock = clock
        self._start_ms = clock.now_ms()
        self._slow = slow

    def invoke(self, event: Mapping[str, Any], may_forward: bool = False) -> Result | Running:
        """Note the call."""
        body = event.get("body")
        name = json.loads(body)["type"] if body else event["requestContext"]["routeKey"]
        self.calls.append((self._clock.now_ms() - self._start_ms, name))
        if not self._slow:
            return OK
        self.running.append(Running())
        return self.running[-1]


class Bench:
    """Faults around a function, without a gateway."""

    def __init__(self, *specs: str, seed: int = 0, slow: bool = False) -> None:
        self.clock = VirtualClock()
        self.told: list[Entry] = []
        self.faults = Faults(specs, seed)
        self.faults.attach(self.clock, Trace(self), tuple)
        self.function = Function(self.clock, slow)

    def observe(self, entry: Kept) -> None:
        """Note the entry."""
        self.told += entries_of(entry)

    def invoke(self, event: Any, facts: Facts = ALICE) -> Result | Running:
        """Invoke the function with an event, through the faults."""
        result = self.faults.around(self.function, facts).invoke(event)
        assert not isinstance(result, Forward)
        return result

    def calls_of(self, *types: str) -> list[tuple[int, str]]:
        """Send messages at the same time; return the calls of the function."""
        for type_ in types:
            self.invoke(message(type_))
        self.clock.advance(3600)
        return self.function.calls


def test_a_dropped_message_never_reaches_the_function() -> None:
    """Only the first offer is dropped; the result and the entry name the fault."""
    bench = Bench("drop:offer#1")
    assert bench.invoke(message("offer", "r1")) == Dropped("drop:offer#1")
    assert bench.calls_of("answer", "offer") == [(0, "answer"), (0, "offer")]
    body = '{"type": "offer"}'
    assert bench.told == [
        struck("drop:offer#1", "offer", "dropped", request_id="r1", body=body),
    ]


@pytest.mark.parametrize(
    ("spec", "effect", "until_s"),
    [
        ("delay:offer=6s", "held for 6 s", 6),
        ("reorder", "held for up to 50 ms", None),
        ("cold-start:offer=1.8s", "held for 1.8 s", 1.8),
        ("duplicate:offer", "invoked once more", None),
        ("integration-error:@Alice", "no function is invoked", None),
    ],
)
def test_a_strike_names_the_message_and_its_effect(
    spec: str, effect: str, until_s: float | None
) -> None:
    """Those that delay say at once until when."""
    bench = Bench(spec)
    bench.invoke(message("offer", "r1"))
    bench.invoke(CONNECT)
    (told,) = bench.told
    assert isinstance(told, Fault)
    assert (told.effect, told.request_id, told.body) == (effect, "r1", '{"type": "offer"}')
    if until_s is not None:
        assert told.until_ms == 1_700_000_000_000 + round(until_s * 1000)
    elif spec == "reorder":
        assert told.until_ms is not None
        assert 0 <= told.until_ms - told.at_ms <= 50
    assert bench.faults.struck() == {spec: 1}


def test_a_player_selects_the_messages_that_it_sends() -> None:
    """Neither handshakes nor messages of others, whatever their types are."""
    bench = Bench("drop:@Alice", "delay:@Bob=1s")
    assert bench.invoke(CONNECT) == bench.invoke(DISCONNECT) == OK
    assert bench.invoke(message("Alice")) == Dropped("drop:@Alice")
    assert isinstance(bench.invoke(message("offer"), BOB), Running)
    assert bench.faults.struck() == {"drop:@Alice": 1, "delay:@Bob=1s": 1}


def test_strikes_are_counted_from_when_a_fault_is_added() -> None:
    """A fault that never struck is named with the number of events that it could have struck."""
    bench = Bench("drop:offer#3", "gone:Bob", "index-lag=1s")
    bench.calls_of("offer", "answer", "offer")
    assert bench.faults.struck() == {"drop:offer#3": 0, "gone:Bob": 0, "index-lag=1s": 0}
    bench.faults.finds(BOB)
    bench.faults.tell_of_lag()
    assert bench.faults.struck() == {"drop:offer#3": 0, "gone:Bob": 1, "index-lag=1s": 1}
    assert bench.faults.never_struck() == {
        "drop:offer#3": "drop:offer#3 never struck: 2 messages of type offer were sent"
    }
    bench.faults.remove("gone:Bob")
    bench.faults.add("gone:Bob")
    assert bench.faults.struck()["gone:Bob"] == 0


def test_types_are_checked_where_they_are_known() -> None:
    """At any time; without types, handlers may have any."""
    faults = Faults(types={"bet", "fold"})
    faults.add("drop:bet")
    with pytest.raises(BadFault, match="there is no message type offer;"):
        faults.add("drop:offer")
    Faults(["drop:anything"])


@pytest.mark.parametrize("kind", ["delay", "cold-start"])
def test_a_delayed_message_is_overtaken(kind: str) -> None:
    """A cold start for a named type delays each of its events."""
    calls = Bench(f"{kind}:offer=300ms").calls_of("join", "offer", "ice-candidate")
    assert calls == [(0, "join"), (0, "ice-candidate"), (300, "offer")]


def test_reordered_messages_come_within_the_time_and_not_in_order() -> None:
    """No message is lost."""
    sent = [str(number) for number in range(50)]
    calls = Bench("reorder=80ms").calls_of(*sent)
    assert sorted(calls, key=lambda call: int(call[1])) != calls
    assert {name for _, name in calls} == set(sent)
    assert 0 <= calls[0][0] <= calls[-1][0] <= 80


def test_a_duplicate_comes_later_and_its_result_is_nobodys() -> None:
    """The gateway gets only the first call's result."""
    bench = Bench("duplicate:join=400ms")
    assert bench.invoke(message("join")) == OK
    bench.clock.advance(1)
    assert bench.function.calls == [(0, "join"), (400, "join")]


@pytest.mark.parametrize("spec", ["drop", "delay=1s", "reorder=1s", "duplicate"])
def test_handshakes_and_goodbyes_are_left_alone_unless_they_are_named(spec: str) -> None:
    """Only faults that name ``$connect`` or ``$disconnect`` apply to these events."""
    bench = Bench(spec, "delay:$disconnect=2s")
    assert bench.invoke(CONNECT) == OK
    assert isinstance(bench.invoke(DISCONNECT), Running)
    bench.clock.advance(2)
    assert bench.function.calls == [(0, "$connect"), (2000, "$disconnect")]


@pytest.mark.parametrize("body", ["", "[1]", '"x"', '{"type":1}', "[" * 100_000])
def test_what_is_no_message_of_ours_can_be_lost_as_well(body: str) -> None:
    """No text that a peer sends makes a fault raise an exception."""
    bench = Bench("drop")
    event = message_event(ALICE, "$default", body, "r", "m", 0)
    assert bench.invoke(event) == Dropped("drop")
    assert bench.function.calls == []


def test_an_invocation_that_finds_no_idle_container_waits_for_one() -> None:
    """A second concurrent invocation is a cold start as well; then both containers are warm."""
    bench = Bench("cold-start=1s", slow=True)
    for type_ in "12":
        bench.invoke(message(type_))
    bench.clock.advance(1)
    for running in bench.function.running:
        running.finish(OK)
    for type_ in "345":
        bench.invoke(message(type_))
    bench.clock.advance(1)
    assert bench.function.calls == [*((1000, type_) for type_ in "1234"), (2000, "5")]
    # A function that returns at once leaves its container idle.
    bench = Bench("cold-start=1s")
    assert isinstance(bench.invoke(message("1")), Running)
    bench.clock.advance(1)
    assert bench.invoke(message("2")) == OK


def test_an_integration_error_invokes_nothing() -> None:
    """The gateway gets an error in place of a result; faults add up."""
    bench = Bench("delay:offer=1s", "integration-error")
    assert isinstance(bench.invoke(CONNECT), NotInvokable)
    running = bench.invoke(message("offer"))
    assert isinstance(running, Running)
    results: list[Result] = []
    running.then(results.append)
    bench.clock.advance(1)
    assert [type(result) for result in results] == [NotInvokable]
    assert bench.function.calls == []


def test_a_slow_write_stores_at_once_and_answers_late() -> None:
    """Only the player's handshake is slow; the function was invoked when it began."""
    bench = Bench("slow-write:Alice=3s")
    running = bench.invoke(CONNECT)
    assert bench.invoke(CONNECT, BOB) == bench.invoke(message("join")) == OK
    assert bench.function.calls == [(0, "$connect"), (0, "$connect"), (0, "join")]
    assert isinstance(running, Running)
    results: list[Result] = []
    running.then(results.append)
    bench.clock.advance(2.999)
    assert results == []
    bench.clock.advance(0.001)
    assert results == [OK]
    late = struck("slow-write:Alice=3s", "$connect", "answered 3 s later", request_id="r")
    assert bench.told == [late._replace(until_ms=late.at_ms + 3000)]


def test_gone_and_throttled_are_about_one_players_connections() -> None:
    """Both faults change the answers of @connections for one player's connections."""
    bench = Bench("gone:Alice#2", "throttle:Bob=1/2")
    assert [bench.faults.finds(ALICE) for _ in range(3)] == [True, False, True]
    assert bench.faults.finds(BOB)
    with pytest.raises(LimitExceeded):
        bench.faults.finds(BOB)


def test_every_second_goodbye_is_missed() -> None:
    """Disconnects are counted over all players."""
    bench = Bench("miss-disconnect=1/2")
    missed = [bench.faults.misses_disconnect(who) for who in (ALICE, BOB, ALICE, BOB)]
    assert missed == [False, True, False, True]


def test_a_share_is_about_that_much() -> None:
    """About 5 % of 1000 messages are dropped."""
    bench = Bench("drop=5%")
    assert 20 <= 1000 - len(bench.calls_of(*["offer"] * 1000)) <= 90


def test_faults_come_and_go() -> None:
    """The gateway is notified whether any fault is active."""
    bench = Bench()
    states: list[tuple[bool, float]] = []
    bench.faults.watch(lambda: states.append((bench.faults.are_active, bench.faults.index_lag_s)))
    bench.faults.add("index-lag=800ms")
    bench.faults.add("reorder")
    assert bench.faults.active() == ["index-lag=800ms", "reorder"]
    bench.faults.remove("index-lag=800ms")
    bench.faults.remove("reorder")
    assert states == [(False, 0), (True, 0.8), (True, 0.8), (True, 0), (False, 0)]


def test_what_makes_no_sense_is_refused() -> None:
    """A fault that is active already, not active or unknown is an error."""
    faults = Faults(["reorder"])
    with pytest.raises(BadFault, match="is active already"):
        faults.add("reorder")
    with pytest.raises(BadFault, match="is not active; active are reorder"):
        faults.remove("drop")
    with pytest.raises(BadFault, match="there is no fault"):
        faults.add("crash")
    assert faults.active() == ["reorder"]


def played(seed: int, *more: str) -> list[tuple[int, str]]:
    """Play a script; return the calls of the function."""
    bench = Bench("drop=20%", "reorder=80ms", "duplicate=20%", *more, seed=seed)
    return bench.calls_of(*(str(number) for number in range(100)))


def test_the_same_seed_has_the_same_trace() -> None:
    """Another seed has another trace; each fault has its own random numbers."""
    assert played(7) == played(7) == played(7, "gone:Alice", "integration-error:nothing=50%")
    assert played(7) != played(8)


# Faults in the emulator.


async def heard_and_told(seed: int) -> tuple[list[str], list[Any]]:
    """Play a script over a socket with a virtual clock; return frames and records."""
    clock, records = VirtualClock(), Records()
    faults = Faults(["reorder=90ms", "drop:ping=20%", "integration-error:ping=10%"], seed)
    async with Emulator(Settings(port=0), records, clock, faults=faults) as emulator:
        async with peer(emulator, "Alice") as alice, asyncio.timeout(30):
            for _ in range(60):
                await tell(alice, type="ping")
            while sum(isinstance(e, Received) for _, e in emulator.trace.since(0)) < 60:
                happened = asyncio.Event()
                emulator.trace.when_something_happens(happened.set)
                await happened.wait()
            for _ in range(100):
                clock.advance(0.001)
            # The idle time-out closes the connection, after all answers.
            clock.advance(600)
            frames = [json.loads(frame).get("type") or "failure" async for frame in alice]
    return frames, [(r.at_ms, r.kind, r.outcome, r.type) for r in records]


async def test_the_same_seed_has_the_same_trace_in_the_emulator() -> None:
    """Frames have the same order, and records the same virtual time."""
    first = await heard_and_told(3)
    assert first == await heard_and_told(3)
    assert {"pong", "failure"} == set(first[0])
    assert first != await heard_and_told(4)


async def test_a_ghosts_socket_dies_and_its_end_is_not_told(records: Records) -> None:
    """The ghost's row stays, also after the fault is removed; the next connection lives."""
    faults = Faults(["ghost:HOST#1"])
    async with Emulator(Settings(port=0), records, faults=faults) as emulator:
        async with peer(emulator, "HOST") as ghost:
            with pytest.raises(ConnectionClosed):
                await ghost.recv()
        assert ghost.close_code == 1006
        async with peer(emulator, "HOST") as host:
            await settle(host)
            faults.add("ghost")
            faults.remove("ghost:HOST#1")
            faults.remove("ghost")
            with pytest.raises(ConnectionClosed):
                await host.recv()
        async with peer(emulator, "Alice") as alice:
            await settle(alice)
        kinds = [record.kind for record in records]
        assert kinds[:4] == ["connect", "fault", "connect", "message"]
        assert "disconnect" not in kinds[:-1]


async def test_an_update_that_fails_loses_no_message(clock: VirtualClock, records: Records) -> None:
    """The offer's arrival is not noted, so the candidate after it waits a second."""
    faults = Faults(["fail-update#1"])
    async with (
        Emulator(Settings(port=0), records, clock, faults=faults) as emulator,
        peer(emulator, "HOST") as host,
        peer(emulator, "Alice") as alice,
    ):
        for type_ in ("offer", "ice-candidate"):
            await tell(host, type=type_, targetId="Alice", id=type_)
        assert (await hear(alice))["type"] == "offer"
        assert (await hear(host))["id"] == "offer"
        await settle(host)
        await settle(alice)
        clock.advance(1)
        assert (await hear(alice))["type"] == "ice-candidate"
    assert [r.outcome for r in records if r.kind == "fault"] == [
        "an update of a row fails (fail-update#1)"
    ]


async def test_connections_are_asked_to_go_away(clock: VirtualClock, records: Records) -> None:
    """Connections that are open get 1001 after the delay; one that has left gets nothing."""
    faults = Faults(["ghost:Carol=10s"])
    async with Emulator(Settings(port=0), records, clock, faults=faults) as emulator:
        async with peer(emulator, "Carol"):
            pass
        async with peer(emulator, "Alice") as alice, peer(emulator, "Bob") as bob:
            faults.add("go-away:Alice=10s")
            clock.advance(9.9)
            await settle(alice)
            clock.advance(0.1)
            assert await closed(alice) == (1001, "Going away")
            await settle(bob)
    assert [r.who for r in records if r.kind == "fault"] == ["Alice"]


async def test_a_refused_integration_refuses_the_handshake() -> None:
    """The handshake gets a 500, as when Lambda throttles the function."""
    faults = Faults(["integration-error:$connect#1"])
    async with Emulator(Settings(port=0), faults=faults) as emulator:
        statuses = [await status_of(peer(emulator, "Alice")) for _ in range(2)]
        assert statuses == [500, 101]


async def test_the_gateways_own_frames_are_none_of_at_connections() -> None:
    """A client gets the gateway's error frame, whatever a backend would get."""
    faults = Faults(["gone:Alice", "throttle", "integration-error"])
    async with Emulator(Settings(port=0), faults=faults) as emulator:
        faults.remove("integration-error")
        async with peer(emulator, "Alice") as alice:
            faults.add("integration-error")
            await tell(alice, type="ping")
            assert (await hear(alice))["message"] == "Internal server error"


@pytest.mark.parametrize(("method", "usual"), [("POST", 200), ("GET", 200), ("DELETE", 204)])
async def test_a_backend_is_answered_by_faults(method: str, usual: int, emulator: Emulator) -> None:
    """Requests over HTTP get the fault's answer; the connection is not affected."""
    async with peer(emulator, "Alice") as alice:
        await settle(alice)
        (opened,) = (e for _, e in emulator.trace.since(0) if isinstance(e, Opened))
        path = f"/prod/@connections/{quote(opened.facts.connection_id, safe='')}"
        request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
        statuses = []
        for spec in ("gone:Alice#1", "throttle:Alice#1", "gone:Bob"):
            emulator.faults.add(spec)
            statuses.append((await answer(emulator, request)).status)
        assert statuses == [410, 429, usual]
