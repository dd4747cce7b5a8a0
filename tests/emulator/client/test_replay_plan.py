"""Plans of replays: the steps of clients, and the server's effects to wait for."""

from typing import Any

import pytest

from poker_signal.emulator.client.replay_plan import NothingToPlay, Part, Step, plan_of

WHOSE = {"connectionId": "OhDyxN6BIAMCJaA=", "playerId": "Zoë", "gameId": "G1"}


def entry(kind: str, **more: Any) -> dict[str, Any]:
    """Return an entry of one connection."""
    return {"n": 0, "at": 5, "kind": kind, **WHOSE, **more}


CONNECT = entry(
    "connect",
    event={
        "requestContext": {"eventType": "CONNECT"},
        "multiValueQueryStringParameters": {"playerId": ["Zoë"], "x": ["1", "2"]},
    },
)


def step(what: Any, text: str = "", code: int = 0) -> Step:
    """Return a step of the same connection."""
    return Step(5.0, WHOSE["connectionId"], what, text, code)


def test_a_handshake_has_the_query_string_that_it_had() -> None:
    """Repeated keys are kept; an authorizer's entry adds no second connect."""
    authorizer = {**CONNECT, "kind": "authorizer"}
    plan = plan_of([authorizer, CONNECT, entry("opened")])
    query = [("playerId", "Zoë"), ("x", "1"), ("x", "2")]
    assert plan.parts == {WHOSE["connectionId"]: Part(WHOSE["connectionId"], "Zoë", "G1", query)}
    assert plan.steps == [step("connect"), step("opened")]
    bare = entry("connect", event={"requestContext": {"eventType": "CONNECT"}})
    assert plan_of([bare]).parts[WHOSE["connectionId"]].query == []


@pytest.mark.parametrize(
    ("happened", "expected", "noted"),
    [
        (entry("post", frame="hi", delivered=False), None, False),
        (entry("return", of="message"), None, False),
        (entry("management", status=410), None, False),
        (entry("a kind of a newer version"), None, False),
        ({"n": 1, "at": 5, "kind": "refused", "status": 403}, None, False),
        (entry("message", event={"body": "hi"}), step("send", "hi"), False),
        (entry("unrouted", body="\ud800"), step("send", "?"), False),
        (entry("post", frame="hi", delivered=True), step("hear", "hi"), False),
        (entry("refused", status=409), step("refused", code=409), False),
        (entry("disconnect", code=1000, reason="bye"), step("close", "bye", 1000), False),
        (entry("disconnect", code=1001, reason=""), step("close", "", 1001), False),
        (entry("disconnect", code=4000, reason="é" * 100), step("close", "", 4000), False),
        (entry("disconnect", code=1005, reason=""), step("close", "", 1000), False),
        (entry("disconnect", code=1006, reason="Connection closed abnormally"), step("drop"),
         False),
        (entry("disconnect", code=1000, reason="Connection Closed Normally"),
         step("closed", "Connection Closed Normally", 1000), False),
        (entry("disconnect", code=1012, reason=""), step("close", "", 1000), False),
        (entry("disconnect", code=1009, reason=""), step("close", "", 1000), True),
        (entry("disconnect", code=1001, reason="Going away"), step("close", "Going away", 1001),
         True),
    ],
)  # fmt: skip
def test_what_happened_is_done_or_awaited(
    happened: dict[str, Any], expected: Step | None, noted: bool
) -> None:
    """A close that the server chose itself is noted; other server entries are not replayed."""
    plan = plan_of([CONNECT, happened])
    assert plan.steps[1:] == ([] if expected is None else [expected])
    assert bool(plan.notes) == noted


def test_what_has_nothing_to_play_is_said() -> None:
    """A recording may have no connect, or no messages if it was made from logs."""
    with pytest.raises(NothingToPlay, match="no client connects"):
        plan_of([])
    silent = entry("message", event={"requestContext": {}})
    with pytest.raises(NothingToPlay, match="it has no message texts"):
        plan_of([CONNECT, silent])
    both = plan_of([CONNECT, silent, entry("message", event={"body": "hi"})])
    assert both.notes == ["messages without a text, which are left out: 1"]


DAY_MS = 24 * 60 * 60 * 1000


def pings(*times: float) -> list[dict[str, Any]]:
    """Return the entries of a client that connects at the first time and pings at the others."""
    kinds = [CONNECT, *[entry("message", event={"body": "hi"})] * (len(times) - 1)]
    return [
        {**kind, "n": n, "at": at} for n, (kind, at) in enumerate(zip(kinds, times, strict=True))
    ]


@pytest.mark.parametrize("times", [(1, 1e12, 1e12), (1e12, 1e12, 1e14), (5, 6, 6 + DAY_MS + 1)])
def test_a_clock_that_jumped_is_not_waited_for(times: tuple[float, ...]) -> None:
    """Any entry may have the wrong time; at speed 0 there is no wait."""
    number = next(n for n in (1, 2) if times[n] - times[n - 1] > DAY_MS)
    with pytest.raises(NothingToPlay, match=f"before entry number {number} there would be a wait"):
        plan_of(pings(*times), speed=1)
    assert len(plan_of(pings(*times), speed=0).steps) == 3


@pytest.mark.parametrize(
    ("times", "speed"),
    [((1e12, 1, 1e12 + 9), 1), ((5, 5 + DAY_MS, 5 + 2 * DAY_MS), 1), ((5, 6, 6 + 7 * DAY_MS), 10)],
    ids=["backwards", "a day", "a week, but fast"],
)
def test_what_can_be_waited_for_is_played(times: tuple[float, ...], speed: float) -> None:
    """A time that goes back needs no wait, and the time of a received frame is not used."""
    late = {**entry("post", frame="hi", delivered=True), "at": 1e16}
    assert len(plan_of([*pings(*times), late], speed).steps) == 4
