"""Verdicts on broken handshakes of real browsers, against what the pages themselves say.

Each row of breakages.py is played twice, with the probe in its pages and without. The verdicts are
those of the trace of that game, at its end and 20 s later, when all that waits has waited.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import pytest
import pytest_asyncio
from _pytest.mark.structures import ParameterSet
from playwright.async_api import Browser

from poker_signal.emulator.handshakes.as_json import attempt_as_json
from poker_signal.emulator.handshakes.handshakes import Handshakes
from tests.inspector.breakable import Played, hall
from tests.inspector.breakages import BREAKAGES, HOST, Breakage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    # The fixture plays all games, many at a time: the first test waits for them.
    pytest.mark.timeout(600),
]

LATER_MS: Final = 20_000
SOON_MS: Final = 1000

Games = dict[tuple[str, bool], Played]
Verdict = dict[str, Any]


def _rows(rows: list[Breakage]) -> list[ParameterSet]:
    return [
        pytest.param(row, id=row.id, marks=[] if row.is_frequent else [pytest.mark.nightly])
        for row in rows
    ]


ROWS = _rows(BREAKAGES)
SOON = _rows([row for row in BREAKAGES if row.soon])

each_row = pytest.mark.parametrize("row", ROWS)
each_way = pytest.mark.parametrize("probe", [True, False], ids=["probe", "no probe"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def games(request: pytest.FixtureRequest, browser: Browser) -> AsyncGenerator[Games, None]:
    """Play the selected rows, many at the same time; yield the games by row and probe."""
    selected: dict[str, Breakage] = {}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.path == request.path:
            row = item.callspec.params["row"]
            assert isinstance(row, Breakage)
            selected[row.id] = row
    wanted = [(row, probe) for row in selected.values() for probe in (True, False)]
    async with hall(browser) as played:
        ended = await asyncio.gather(*(played.play(row, probe=probe) for row, probe in wanted))
        yield {(row.id, probe): game for (row, probe), game in zip(wanted, ended, strict=True)}


def verdict(game: Played, after_ms: int = 0, until_ms: float = float("inf")) -> Verdict:
    """Return the last attempt of the judged pair, some time after the last entry up to a time."""
    entries = [entry for entry in game.entries if entry["at"] <= until_ms]
    now = max((entry["at"] for entry in entries), default=0) + after_ms
    found = Handshakes().add_all(entries).judged(None, now)
    names = {each.key: each.name for each in game.breakage.cast}
    pair = {names.get(key, key) for key in game.breakage.judged}
    attempts = [attempt_as_json(each) for each in found]
    own = [each for each in attempts if {each["host"], each["player"]} == pair]
    return (own or attempts or [{"state": "none", "code": "", "headline": "", "findings": []}])[-1]


def brief(told: Verdict) -> Verdict:
    """Return the parts of a verdict that a failed test shows."""
    return {key: told[key] for key in ("state", "code", "headline")}


def has_words(text: str, words: tuple[str, ...]) -> bool:
    """Return whether a text has all words; ``a|b`` is one of both."""
    return all(any(each in text for each in word.split("|")) for word in words)


@each_row
@each_way
async def test_the_pages_do_what_their_row_says(row: Breakage, probe: bool, games: Games) -> None:
    """A breakage is what its row says: the game ends so, and connects or does not.

    The probe changes nothing of it.
    """
    game = games[row.id, probe]
    assert not game.waited_for, f"{game.waited_for} did not come: {game.logs}"
    assert game.is_connected == row.connects, game.logs
    assert game.was_connected == (row.connects or row.loses), game.logs


@each_row
async def test_the_probe_names_the_cause(row: Breakage, games: Games) -> None:
    """With the probe, the headline has the cause, and is green if and only if it connected."""
    told = verdict(games[row.id, True], LATER_MS)
    if row.connects:
        assert told["state"] == "ok" or told["code"] in row.codes, brief(told)
        return
    texts = [told["headline"]]
    if row.loses:
        texts += [each["text"] for each in told["findings"]]
    else:
        assert told["state"] in {"bad", "warn"}, brief(told)
    assert has_words(" ".join(texts), row.says), f"no {row.says}: {brief(told)}"
    assert not row.codes or told["code"] in row.codes, f"not {row.codes}: {brief(told)}"


@each_row
@pytest.mark.parametrize("after_ms", [0, LATER_MS], ids=["at once", "later"])
async def test_without_the_probe_nothing_wrong_is_told(
    row: Breakage, after_ms: int, games: Games
) -> None:
    """Without word of a client, the verdict claims nothing, or the right cause."""
    told = verdict(games[row.id, False], after_ms)
    claims = told["state"] not in {"neutral", "waiting"}
    assert told["state"] != "ok", brief(told)
    assert not claims or told["code"] in row.blind, f"not {row.blind}: {brief(told)}"


@each_row
@each_way
async def test_green_and_red_are_never_wrong(row: Breakage, probe: bool, games: Games) -> None:
    """No verdict is green at any time unless it connected, none is red in the end if it did."""
    game = games[row.id, probe]
    if row.connects or row.loses:
        for after_ms in (0, LATER_MS):
            told = verdict(game, after_ms)
            assert told["state"] != "bad", brief(told)
        return
    handshakes = Handshakes()
    for entry in game.entries:
        handshakes.add(entry)
        for each in handshakes.judged(None, entry["at"]):
            is_judged = {*each.attempt.sides} == {*row.judged}
            assert not is_judged or each.verdict.state != "ok", each.verdict


@pytest.mark.parametrize("row", SOON)
@each_way
async def test_what_the_emulator_knows_is_told_within_a_second(
    row: Breakage, probe: bool, games: Games
) -> None:
    """A second of the trace after a fault, a refusal, an error frame or a close, it is told."""
    game = games[row.id, probe]
    known = min(entry["at"] for entry in game.entries if _is_known(entry))
    sent = [
        entry["at"]
        for entry in game.entries
        if entry["kind"] == "message" and entry["playerId"] != HOST
    ]
    # A fault may strike the host before there is an attempt.
    known = max(known, min(sent, default=known))
    told = verdict(game, SOON_MS, known + SOON_MS)
    assert has_words(told["headline"], row.soon), f"no {row.soon}: {brief(told)}"


def _is_known(entry: dict[str, Any]) -> bool:
    is_told = entry.get("type") in {"error", "undelivered"}
    return is_told or entry["kind"] in {"fault", "refused", "disconnect"}
